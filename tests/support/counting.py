"""Questions to a snapshot that integration tests share.

Never captures: it reads finished snapshots.
"""

from __future__ import annotations

import numpy as np

from heapscope.snapshot.model import Snapshot


def count_of(snapshot: Snapshot, type_name: str) -> int:
    """Count the instances of all types of that name."""
    counts = np.bincount(snapshot.type_index, minlength=len(snapshot.types))
    return sum(int(counts[index]) for index, kind in enumerate(snapshot.types) if kind.name == type_name)

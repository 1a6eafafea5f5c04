"""What is kept of an older snapshot: enough to tell growth, small enough to keep of every snapshot of a series.

Never keeps the snapshot. No I/O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from heapscope.analysis.dominators import DominatorTree
from heapscope.analysis.type_names import sum_by
from heapscope.snapshot.model import SnapshotMeta


@dataclasses.dataclass(frozen=True, slots=True)
class TypeSum:
    """Objects of one type name, and the sum of their shallow sizes in bytes."""

    count: int
    shallow_bytes: int


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Past:
    """One snapshot in figures. Sizes in requested bytes; ``types`` leave out garbage, which comes and goes."""

    meta: SnapshotMeta
    object_count: int
    heap_bytes: int
    types: Mapping[str, TypeSum]


def remember(tree: DominatorTree) -> Past:
    """Sum up a snapshot. O(n)."""
    snapshot, names = tree.snapshot, tree.type_names
    living = np.flatnonzero(tree.roots.reached).astype(np.uint32)
    numbers = names.of_objects(living)
    counts = np.bincount(numbers, minlength=len(names.names))
    sizes = sum_by(numbers, snapshot.shallow[living], len(names.names))
    types = {name: TypeSum(int(counts[at]), int(sizes[at])) for at, name in enumerate(names.names) if counts[at]}
    return Past(snapshot.meta, snapshot.object_count, snapshot.heap_bytes, types)

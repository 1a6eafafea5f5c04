"""Joining the small records of a capture with its objects: roots by address, types by who names them as a base.

Pure; no I/O.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from heapscope.snapshot import records
from heapscope.snapshot.addresses import NONE, AddressIndex
from heapscope.snapshot.model import NO_OBJECT, Root, TypeInfo


def resolve_roots(roots: Sequence[records.RootRecord], index: AddressIndex) -> tuple[Root, ...]:
    """Give each root its object index."""
    found = index.find(np.array([root.address for root in roots], dtype=np.uint64))
    indexes = np.where(found == NONE, NO_OBJECT, found.astype(np.int64)).tolist()
    return tuple(
        Root(root.kind, root.address, object_index, root.label, root.variables)
        for root, object_index in zip(roots, indexes, strict=True)
    )


def with_subclass_counts(types: Mapping[int, TypeInfo]) -> tuple[TypeInfo, ...]:
    """Give each type the number of recorded types that name it among their bases."""
    counts = Counter(base for info in types.values() for base in set(info.bases))
    return tuple(dataclasses.replace(info, subclasses=counts[info.address]) for info in types.values())

"""References in compressed form, and turned around. Never copies what it can view; no I/O."""

from __future__ import annotations

import dataclasses

import numpy as np

from heapscope.snapshot.model import Snapshot, U32Array, U64Array


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class References:
    """For each object a list of objects: ``targets[offsets[i]:offsets[i + 1]]``, all of them object indexes."""

    offsets: U64Array
    targets: U32Array

    @property
    def object_count(self) -> int:
        """How many objects there are."""
        return int(self.offsets.size) - 1

    def of(self, object_index: int) -> U32Array:
        """View the list of one object."""
        return self.targets[int(self.offsets[object_index]) : int(self.offsets[object_index + 1])]

    def counts(self) -> U64Array:
        """Count the entries of every list."""
        return np.diff(self.offsets)

    def reversed(self) -> References:
        """Turn every reference around, keeping duplicates; sources are ascending in each list. O(m log m), 16 m bytes."""
        sources = np.repeat(np.arange(self.object_count, dtype=np.uint32), self.counts().astype(np.int64))
        offsets = np.zeros(self.object_count + 1, dtype=np.uint64)
        np.cumsum(np.bincount(self.targets, minlength=self.object_count), out=offsets[1:])
        return References(offsets, sources[np.argsort(self.targets, kind="stable")])


def referents(snapshot: Snapshot) -> References:
    """View what each object refers to."""
    return References(snapshot.reference_offsets, snapshot.reference_targets)

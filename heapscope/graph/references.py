"""References in compressed form, and turned around. Never copies what it can view; no I/O."""

from __future__ import annotations

import dataclasses

import numpy as np

from heapscope.graph.library import NONE, UNWATCHED, NativeGraph, Oversight, contiguous, pointer_or_null, run
from heapscope.snapshot.model import Snapshot, U8Array, U32Array, U64Array


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class References:
    """For each object a list of objects: ``targets[offsets[i]:offsets[i + 1]]``, all of them object indexes."""

    offsets: U64Array
    targets: U32Array

    @property
    def object_count(self) -> int:
        """How many objects there are."""
        return int(self.offsets.size) - 1

    @property
    def step_count(self) -> int:
        """How many steps a kernel takes to look at everything once."""
        return self.object_count + int(self.targets.size)

    def of(self, object_index: int) -> U32Array:
        """View the list of one object."""
        return self.targets[int(self.offsets[object_index]) : int(self.offsets[object_index + 1])]

    def of_all(self, object_indexes: U32Array) -> U32Array:
        """Give the lists of several objects, one after the other."""
        starts = self.offsets[object_indexes].astype(np.int64)
        counts = self.offsets[object_indexes.astype(np.int64) + 1].astype(np.int64) - starts
        before = np.cumsum(counts) - counts
        return self.targets[np.repeat(starts - before, counts) + np.arange(int(counts.sum()))]

    def counts(self) -> U64Array:
        """Count the entries of every list."""
        return np.diff(self.offsets)

    def native(self) -> NativeGraph:
        """View for the kernels."""
        return NativeGraph.of(self.offsets, self.targets)

    def reversed(self, *, merge: bool = False, oversight: Oversight = UNWATCHED) -> References:
        """Turn every reference around; sources are ascending in each list.

        With ``merge``, several references from one object to another become one. O(n + m) time; 8 bytes per object and 4
        per reference for the result. Raises Cancelled.
        """
        offsets = np.empty(self.object_count + 1, dtype=np.uint64)
        sources = np.empty(self.targets.size, dtype=np.uint32)
        steps = 2 * self.step_count
        run("reverse", self.native(), int(merge), offsets, sources, steps=steps, oversight=oversight)
        return References(offsets, sources[: int(offsets[-1])])

    def in_degrees(self, *, skip: U8Array | None = None, oversight: Oversight = UNWATCHED) -> U32Array:
        """Count the references to each object, those of objects with ``skip`` set left out. O(n + m). Raises Cancelled."""
        if skip is not None:
            if skip.size != self.object_count:
                raise ValueError("columns differ in length")
            skip = contiguous(skip, np.uint8)
        degrees = np.empty(self.object_count, dtype=np.uint32)
        arguments = (self.native(), pointer_or_null(skip), degrees)
        run("in_degrees", *arguments, steps=self.step_count, oversight=oversight)
        return degrees


def referents(snapshot: Snapshot) -> References:
    """View what each object refers to."""
    return References(snapshot.reference_offsets, snapshot.reference_targets)


def referrers(snapshot: Snapshot, oversight: Oversight = UNWATCHED) -> References:
    """Index what refers to each object, each holder once. O(n + m); keep the result. Raises Cancelled."""
    return referents(snapshot).reversed(merge=True, oversight=oversight)


def children_of_tree(parent: U32Array, oversight: Oversight = UNWATCHED) -> References:
    """Index the children of each node of a tree or forest, ascending; ``parent`` is NONE for a node without one.

    O(n) time, 8 bytes per node and 4 per child. Raises Cancelled.
    """
    offsets = np.empty(parent.size + 1, dtype=np.uint64)
    children = np.empty(int(np.count_nonzero(parent != NONE)), dtype=np.uint32)
    arguments = (parent.size, contiguous(parent, np.uint32), offsets, children)
    run("children", *arguments, steps=2 * parent.size, oversight=oversight)
    return References(offsets, children)

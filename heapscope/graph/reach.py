"""What a set of objects reaches: at once, nearest first with the way, and without each of many sets.

Never knows what a root is; the callers choose where to start. No recursion, no I/O.
"""

from __future__ import annotations

import ctypes
import dataclasses

import numpy as np

from heapscope.graph.library import NONE, UNWATCHED, Oversight, contiguous, pointer_or_null, run
from heapscope.graph.references import References
from heapscope.snapshot.model import U8Array, U32Array, U64Array

SETS_PER_PASS = 63
TIER_DISTANCE = 1 << 28  # more than the longest shortest way that anybody has seen

ReferencePairs = tuple[tuple[int, int], ...]
"""References by their two ends: (holder, held), as object indexes."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """``marks[i]`` is 1 for what was reached, 0 for what was not; ``total`` is the sum of the sizes of what was."""

    marks: U8Array
    total: int


def reach(
    references: References,
    seeds: U32Array,
    *,
    avoid: U8Array | None = None,
    sizes: U64Array | None = None,
    oversight: Oversight = UNWATCHED,
) -> Reached:
    """Find all that ``seeds`` reach, themselves included, without entering objects with ``avoid`` set.

    O(what is reached) time, 1 byte per object. Without ``sizes`` the total is 0. Raises Cancelled.
    """
    object_count = references.object_count
    marks = np.zeros(object_count, dtype=np.uint8)
    if avoid is not None:
        _check_length(avoid, object_count)
        marks[avoid != 0] = 2
    if sizes is not None:
        _check_length(sizes, object_count)
        sizes = contiguous(sizes, np.uint64)
    total = ctypes.c_uint64()
    starts = contiguous(seeds, np.uint32)
    arguments = (references.native(), starts, starts.size, pointer_or_null(sizes), marks, ctypes.byref(total))
    run("reach", *arguments, steps=references.step_count, oversight=oversight)
    if avoid is not None:
        marks &= 1
    return Reached(marks, total.value)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """A shortest way to every object that is reached.

    ``order`` lists them nearest first. ``parent[i]`` is the object before i on its way; NONE for a first object, and for
    what is not reached, which ``is_reached`` tells apart. ``distance[i]`` is the number of references on the way, plus
    TIER_DISTANCE for every tier before; NONE for what is not reached.
    """

    parent: U32Array
    order: U32Array
    marks: U8Array
    distance: U32Array

    def is_reached(self, object_index: int) -> bool:
        """Tell whether there is a way."""
        return bool(self.marks[object_index])

    def to(self, object_index: int) -> list[int]:
        """Give the way to an object, which is the last one on it; empty if there is none."""
        if not self.is_reached(object_index):
            return []
        way = [object_index]
        while (before := int(self.parent[way[-1]])) != NONE:
            way.append(before)
        return way[::-1]


def find_ways(
    references: References,
    tiers: tuple[U32Array, ...],
    *,
    avoid: U8Array | None = None,
    avoid_references: ReferencePairs = (),
    apart: int = 0,
    oversight: Oversight = UNWATCHED,
) -> Ways:
    """Find a shortest way from the first tier to all that it reaches, then from the next one to what is left, ...

    Objects with ``avoid`` set are not entered, ``avoid_references`` not followed; the seeds of the first ``apart`` tiers are only
    entered as such, by no way from an earlier tier. Among equally short ways the one from the earlier seed wins. O(n + m) time,
    13 bytes per object. Raises Cancelled.
    """
    object_count = references.object_count
    marks = np.zeros(object_count, dtype=np.uint8)
    if avoid is not None:
        _check_length(avoid, object_count)
        marks[avoid != 0] = 2
    for tier in tiers[:apart]:
        marks[tier] = 2
    parent = np.full(object_count, NONE, dtype=np.uint32)
    order = np.empty(object_count, dtype=np.uint32)
    pairs = np.array(sorted(set(avoid_references)), dtype=np.uint32).reshape(-1, 2)
    holders, held = contiguous(pairs[:, 0], np.uint32), contiguous(pairs[:, 1], np.uint32)
    distance = np.full(object_count, NONE, dtype=np.uint32)
    found = 0
    for number, tier in enumerate(tiers):
        seeds, rest, count = contiguous(tier, np.uint32), order[found:], ctypes.c_uint32()
        if number < apart:
            waiting = seeds[marks[seeds] == 2]  # one of an earlier tier too was entered there
            marks[waiting if avoid is None else waiting[avoid[waiting] == 0]] = 0
        inputs = (seeds, seeds.size, holders, held, holders.size, number * TIER_DISTANCE)
        outputs = (marks, parent, distance, rest, ctypes.byref(count))
        run("search", references.native(), *inputs, *outputs, steps=references.step_count, oversight=oversight)
        found += count.value
    if avoid is not None:
        marks &= 1
    return Ways(parent, order[:found], marks, distance)


def lost_without(
    references: References,
    seeds: U32Array,
    set_of: U32Array,
    set_count: int,
    sizes: U64Array,
    oversight: Oversight = UNWATCHED,
) -> U64Array:
    """Give for each set what ``seeds`` reach, but would not reach without the objects of that set: its retained size.

    ``set_of[i]`` is the set of object i, ``set_count`` or more for none. The sets themselves are included. One pass of
    about O(n + m), 13 bytes per object, per SETS_PER_PASS sets. Raises Cancelled.
    """
    for column in (set_of, sizes):
        _check_length(column, references.object_count)
    starts, groups = contiguous(seeds, np.uint32), contiguous(set_of, np.uint32)
    size = contiguous(sizes, np.uint64)
    lost = np.zeros(set_count, dtype=np.uint64)
    for first in range(0, set_count, SETS_PER_PASS):
        count = min(SETS_PER_PASS, set_count - first)
        part = lost[first : first + count]
        arguments = (references.native(), starts, starts.size, groups, first, count, size, part)
        watch = oversight.part(first / set_count, (first + count) / set_count)
        run("lost_without", *arguments, steps=2 * references.step_count, oversight=watch)
    return lost


def _check_length(column: U8Array | U32Array | U64Array, object_count: int) -> None:
    if column.size != object_count:
        raise ValueError("columns differ in length")

"""Ways from the roots to objects: a shortest one, the next ones, and those of all objects of a type merged.

Never follows a weak reference (a snapshot has none), and never names a reference: the names of attributes and keys are
asked for later, for the ways that are shown. No I/O.

A way leads from the first tier of roots (modules, frames, interpreter) if any does, else from static types, immortal
objects, and what C code holds: a person wants to read "module app.sessions", not "the type object".
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from heapscope.analysis.roots import RootInfo, Roots
from heapscope.analysis.type_names import TypeNames, name_types
from heapscope.graph.dominators import accumulate
from heapscope.graph.library import NONE, UNWATCHED, Oversight
from heapscope.graph.reach import ReferencePairs, Ways, find_ways
from heapscope.graph.references import References, referents
from heapscope.graph.shapes import Shapes, find_shapes
from heapscope.snapshot.model import I64Array, Snapshot, U32Array

MAX_BRANCHES = 256  # holders of one object that are tried for alternatives, nearest first
MAX_EFFORT = 2_000_000  # objects that are looked at for alternatives: some tenths of a second
CHECK_INTERVAL = 4096
LARGE_SHARE = 0.001  # ways of fewer objects are shown as part of a shorter one


@dataclasses.dataclass(frozen=True, slots=True)
class Exclusions:
    """Objects that no way may enter, and references, as (holder, held), that none may follow; object indexes."""

    objects: tuple[int, ...] = ()
    references: ReferencePairs = ()


@dataclasses.dataclass(frozen=True, slots=True)
class RootPath:
    """A way: object indexes from the root to the object asked about, and why the first one is a root."""

    objects: tuple[int, ...]
    root: RootInfo


@dataclasses.dataclass(frozen=True, slots=True)
class MergedStep:
    """One step of merged ways. ``object_index`` is the object itself if ``is_shared`` by all of them, else one of several."""

    object_index: int
    type_name: str
    is_shared: bool


@dataclasses.dataclass(frozen=True, slots=True)
class MergedPath:
    """Ways of the same shape, and one of them as ``steps``, from the root to the object asked about.

    ``count`` objects have such a way, ``share`` 0...1 of all asked about. Where ``is_exact`` is False the ways only start
    alike, with the ``common`` first steps or something like them.
    """

    count: int
    share: float
    root: RootInfo
    steps: tuple[MergedStep, ...]
    is_exact: bool
    common: int


@dataclasses.dataclass(frozen=True, slots=True)
class MergedPaths:
    """Merged ways, most objects first. ``unreached`` objects have no way: they are garbage, or only excluded ways lead there.

    ``other_count`` objects have ways that the limit left out.
    """

    paths: tuple[MergedPath, ...]
    count: int
    unreached: int
    other_count: int


@dataclasses.dataclass(frozen=True, eq=False)
class Paths:
    """Shortest ways to all objects of one snapshot. Immutable, safe to share between threads. 13 bytes per object."""

    snapshot: Snapshot
    roots: Roots
    ways: Ways
    exclusions: Exclusions

    @cached_property
    def type_names(self) -> TypeNames:
        """Names of the types."""
        return name_types(self.snapshot)

    @cached_property
    def shapes(self) -> Shapes:
        """The shapes of all ways. Takes half a second per 10 M objects at the first use, 4 bytes per object."""
        return find_shapes(self.ways, self.type_names.of_all())

    def to(self, object_index: int) -> RootPath | None:
        """Find a shortest way to an object; None if there is none. O(length)."""
        way = self.ways.to(object_index)
        return self._path(way) if way else None

    def alternatives(
        self, object_index: int, referrers: References, count: int, oversight: Oversight = UNWATCHED
    ) -> tuple[RootPath, ...]:
        """Find the ``count`` shortest ways to an object, each without a loop, shortest first.

        ``referrers`` is the index of the same snapshot. Every way starts at the last root on it. Bounded: gives fewer, but
        the shortest one, where more than MAX_EFFORT objects would have to be looked at. Raises Cancelled.
        """
        ways = self._ways_by_length(object_index, referrers, oversight)
        found = [self._path(way) for way in itertools.islice(ways, count)]
        shortest = self.to(object_index)
        return tuple(found) if found or shortest is None else (shortest,)[:count]

    def merged(
        self,
        object_indexes: Sequence[int] | U32Array,
        *,
        limit: int = 5,
        large_share: float = LARGE_SHARE,
        oversight: Oversight = UNWATCHED,
    ) -> MergedPaths:
        """Merge the shortest ways of many objects by the types on them.

        Ways of less than ``large_share`` of the objects count as part of what they start with. O(objects asked about), and
        a sweep over all objects per way shown. Raises Cancelled.
        """
        shapes = self._shapes(oversight)
        asked = np.zeros(self.snapshot.object_count, dtype=np.bool_)
        asked[np.asarray(object_indexes, dtype=np.uint32)] = True
        count = int(np.count_nonzero(asked))
        oversight.check()
        asked &= self.ways.marks != 0
        reached = np.flatnonzero(asked).astype(np.uint32)
        shape_of = shapes.of[reached]
        oversight.check()
        counts = np.bincount(shape_of, minlength=shapes.parent.size)
        counted_as = _group_shapes(shapes, counts, max(1.0, large_share * count), oversight)
        oversight.check()
        group = counted_as[shape_of]
        sizes = np.bincount(group, minlength=counts.size)
        chosen = np.argsort(-sizes, kind="stable")[:limit]
        paths = []
        for number in chosen[sizes[chosen] > 0].tolist():
            oversight.check()
            paths.append(self._merge(reached[group == number], number, count, oversight))
        shown = sum(path.count for path in paths)
        return MergedPaths(tuple(paths), count, count - int(reached.size), int(reached.size) - shown)

    def merged_of_type(self, name: str, *, limit: int = 5, oversight: Oversight = UNWATCHED) -> MergedPaths:
        """Merge the shortest ways of all instances of a type name. Raises Cancelled."""
        return self.merged(self.type_names.instances(name), limit=limit, oversight=oversight)

    def _path(self, way: list[int]) -> RootPath:
        return RootPath(tuple(way), self._root_info(way[0]))

    def _root_info(self, object_index: int) -> RootInfo:
        info = self.roots.info(object_index)
        assert info is not None, "ways start at roots only"
        return info

    def _merge(self, objects: U32Array, shape: int, total: int, oversight: Oversight) -> MergedPath:
        exact = objects[self.shapes.of[objects] == shape]
        example = int((exact if exact.size else objects)[0])
        oversight.check()
        ones = np.zeros(self.snapshot.object_count, dtype=np.uint8)
        ones[objects] = 1
        below = accumulate(self.ways.parent, self.ways.order, ones, oversight)
        oversight.check()
        way = self.ways.to(example)
        shared = (below[way] == objects.size).tolist()
        types = self.snapshot.type_index[way].tolist()
        steps = tuple(
            MergedStep(one, self.snapshot.types[kind].name, is_shared)
            for one, kind, is_shared in zip(way, types, shared, strict=True)
        )
        return MergedPath(
            count=int(objects.size),
            share=objects.size / total,
            root=self._root_info(steps[0].object_index),
            steps=steps,
            is_exact=exact.size == objects.size,
            common=min(len(steps), 1 + len(self.shapes.steps(shape)[1])),
        )

    def _shapes(self, oversight: Oversight) -> Shapes:
        if "shapes" not in self.__dict__:
            # Where the cached property will look for it.
            self.__dict__["shapes"] = find_shapes(self.ways, self.type_names.of_all(), oversight=oversight)
        return self.shapes

    def _ways_by_length(self, object_index: int, referrers: References, oversight: Oversight) -> Iterator[list[int]]:
        """Best first: what is left of a way is as long as the shortest one from there, so the first to end is shortest."""
        if not self.ways.is_reached(object_index):
            return
        distance = self.ways.distance
        end = _Link(object_index, int(distance[object_index]), None, 0)
        # The number of the entry decides among equals, so that links are never compared.
        waiting = [(end.nearest, 0, end)]
        entries = effort = 0
        while waiting and effort < MAX_EFFORT:
            oversight.check()
            link = heapq.heappop(waiting)[2]
            if int(self.ways.parent[link.object_index]) == NONE:
                yield list(link)
                continue
            for holder in self._holders(link.object_index, referrers):
                far = int(distance[holder])
                effort += 1 if far < link.nearest else link.length
                # What is nearer than the whole way so far cannot be on it.
                if far >= link.nearest and holder in link:
                    continue
                longer = _Link(holder, min(far, link.nearest), link, link.length + 1)
                entries += 1
                heapq.heappush(waiting, (far + longer.length, entries, longer))

    def _holders(self, object_index: int, referrers: References) -> list[int]:
        holders = referrers.of(object_index)
        holders = holders[self.ways.marks[holders] != 0]
        if holders.size > MAX_BRANCHES:
            nearest = np.argpartition(self.ways.distance[holders], MAX_BRANCHES)[:MAX_BRANCHES]
            holders = holders[np.sort(nearest)]
        excluded = {holder for holder, held in self.exclusions.references if held == object_index}
        return [holder for holder in holders.tolist() if holder not in excluded]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Link:
    """The end of a way, from an object on: the rest is shared with other ways. ``nearest`` is the smallest distance on it."""

    object_index: int
    nearest: int
    rest: _Link | None
    length: int

    def __iter__(self) -> Iterator[int]:
        link: _Link | None = self
        while link is not None:
            yield link.object_index
            link = link.rest


def _group_shapes(shapes: Shapes, counts: I64Array, large: float, oversight: Oversight) -> U32Array:
    """Give for each shape the one to count it as: itself if enough objects have it, else the next above that has.

    Shapes that no object has, and none above a counted one, keep their own number. O(shapes used and above them).
    """
    counted_as = np.arange(counts.size, dtype=np.uint32)
    open_counts = {number: int(counts[number]) for number in np.flatnonzero(counts).tolist()}
    # A shape has a smaller number than those that go on from it: the largest number first meets children before parents.
    waiting = [-number for number in open_counts]
    heapq.heapify(waiting)
    passed_on = []
    for looks in itertools.count():
        if not waiting:
            break
        if looks % CHECK_INTERVAL == 0:
            oversight.check()
        shape = -heapq.heappop(waiting)
        before = int(shapes.parent[shape])
        if open_counts[shape] >= large or before == NONE:
            continue
        passed_on.append(shape)
        if before not in open_counts:
            heapq.heappush(waiting, -before)
        open_counts[before] = open_counts.get(before, 0) + open_counts[shape]
    for shape in reversed(passed_on):
        counted_as[shape] = counted_as[shapes.parent[shape]]
    return counted_as


def find_paths(
    snapshot: Snapshot, roots: Roots, exclusions: Exclusions | None = None, oversight: Oversight = UNWATCHED
) -> Paths:
    """Find a shortest way to every object. O(n + m) time. Raises Cancelled."""
    without = exclusions or Exclusions()
    avoid = None
    if without.objects:
        avoid = np.zeros(snapshot.object_count, dtype=np.uint8)
        avoid[list(without.objects)] = 1
    ways = find_ways(
        referents(snapshot), roots.tiers(), avoid=avoid, avoid_references=without.references, oversight=oversight
    )
    return Paths(snapshot, roots, ways, without)

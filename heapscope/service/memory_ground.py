"""The anonymous memory of one process, stretch by stretch: whose it is, asked of one owner after the other.

Reads a process that stands still, or one whose figures may be off a little; never writes to it.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from heapscope.snapshot.memory import MallocFacts, PymallocFacts, SizeClass
from heapscope.target.malloc import Heaps, MallocFigures, measure_heaps
from heapscope.target.malloc_mapped import find_mapped_blocks
from heapscope.target.pymalloc import Pools
from heapscope.target.pymalloc_pages import PymallocPages, measure_pools
from heapscope.target.smaps import Resident
from heapscope.target.smaps_pages import ResidentPages
from heapscope.target.smaps_stacks import find_stacks

WALKED_AT_ONCE = 256 << 20
"""Heaps of a running process up to this size are followed for first figures: some 50 ms."""

_MAX_LOST = 0.02


@dataclass(slots=True)
class Ground:
    """The anonymous memory of one process, and what has been found to be what."""

    pid: int
    entries: Sequence[Resident]
    anonymous: list[Resident] = field(init=False)
    pages: ResidentPages = field(init=False)
    taken: dict[str, list[range]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.anonymous = [entry for entry in self.entries if entry.is_anonymous]
        self.pages = ResidentPages(self.pid, self.anonymous)
        self.taken["stack"] = [range_of(each) for each in self.anonymous if each.mapping.path.startswith("[stack")]

    @property
    def total(self) -> int:
        """All that is in memory."""
        return sum(entry.rss for entry in self.anonymous)

    def covers(self, entry: Resident) -> bool:
        """Whether a mapping of the target is mapped here as well: madvise can keep one from a clone."""
        return any(each.mapping.start <= entry.mapping.start < each.mapping.end for each in self.anonymous)

    def resident(self, kind: str) -> int:
        """Return what is in memory of a kind."""
        return sum(self.pages.within(each.start, each.stop) for each in self.taken.get(kind, ()))

    def gaps(self, *, joined: bool = False) -> list[range]:
        """Return what is nobody's yet, in address order, mapping by mapping.

        ``joined``: neighbouring mappings are one, also where nothing of one is in memory. Advice to the kernel about a part
        of a large block (numpy gives some) makes three mappings of it.
        """
        bounds: list[tuple[int, int]] = []
        for entry in self.anonymous:
            start, end = entry.mapping.start, entry.mapping.end
            if joined and entry.mapping.perms.startswith("rw") and bounds and bounds[-1][1] == start:
                bounds[-1] = bounds[-1][0], end
            elif entry.rss:
                bounds.append((start, end))
        known = sorted((each for ranges in self.taken.values() for each in ranges), key=lambda each: each.start)
        return list(_between(bounds, [each for each in known if len(each)]))

    def take_pools(self, pools: Pools | None) -> PymallocFacts | None:
        """Take pymalloc's arenas."""
        if pools is None:
            return None
        bounds = zip(pools.arena_starts.tolist(), pools.arena_ends.tolist(), strict=True)
        self.taken["pymalloc"] = [range(start, end) for start, end in bounds]
        return _pymalloc_facts(measure_pools(pools, self.pages))

    def take_malloc(self, heaps: Heaps | None, *, is_frozen: bool) -> MallocFacts | None:
        """Take malloc's heaps, and large blocks that are mappings of their own."""
        if heaps is None:
            return None
        self.taken["heap"] = [region for region, _ in heaps.regions]
        blocks = find_mapped_blocks(
            self.pid, self.gaps(joined=True), self.pages
        )  # also behind static data, joined by the kernel
        self.taken["malloc"] = blocks
        size, resident = sum(map(len, self.taken["heap"])), self.resident("heap")
        figures = measure_heaps(self.pid, heaps, self.pages) if is_frozen or resident <= WALKED_AT_ONCE else None
        # While a process runs, a chunk may be cut or joined as it is looked at, and the way is lost.
        if figures is None or (not is_frozen and figures.lost_resident > resident * _MAX_LOST):
            figures, is_told_apart = MallocFigures(len(heaps.arenas), size, size, resident, 0, 0, 0, 0, 0, 0), False
        else:
            is_told_apart = True
        return _malloc_facts(figures, blocks, self._resident_of(blocks), is_told_apart=is_told_apart)

    def _resident_of(self, ranges: Sequence[range]) -> int:
        bounds = np.array([(each.start, each.stop) for each in ranges], dtype=np.uint64).reshape(-1, 2)
        return int(self.pages.within_each(bounds[:, 0], bounds[:, 1]).sum())

    def take_stacks(self, entries: Sequence[Resident], pointers: Sequence[int]) -> None:
        """Take the zeroed ends of images' data, and the stacks of threads."""
        self.taken["file"] = _zeroed_data(self.entries, self.taken)
        self.taken["stack"] += find_stacks(self.pid, self.gaps(), entries, self.pages, pointers)

    def kind_of(self, entry: Resident) -> str:
        """Name what most of a mapping is."""
        if not entry.is_anonymous:
            return "shared" if entry.is_shared else "file"
        whole = range_of(entry)
        shares = {kind: sum(_overlap(whole, each) for each in ranges) for kind, ranges in self.taken.items()}
        shares["private"] = len(whole) - sum(shares.values())
        return max(shares, key=lambda kind: shares[kind])


def range_of(entry: Resident) -> range:
    """Return the addresses of a mapping."""
    return range(entry.mapping.start, entry.mapping.end)


def _overlap(one: range, other: range) -> int:
    return max(0, min(one.stop, other.stop) - max(one.start, other.start))


def _zeroed_data(entries: Sequence[Resident], taken: dict[str, list[range]]) -> list[range]:
    """Return the zero-filled ends of images' data, as far as nobody else's memory has been joined to them."""
    found = []
    known = sorted((each for ranges in taken.values() for each in ranges), key=lambda each: each.start)
    for before, entry in itertools.pairwise(entries):
        follows = before.mapping.is_file and before.mapping.end == entry.mapping.start
        if follows and not entry.mapping.path and entry.mapping.perms.startswith("rw") and entry.is_anonymous:
            whole = range_of(entry)
            ends = [each.start for each in known if each.start >= whole.start and each.start < whole.stop]
            found.append(range(whole.start, min([whole.stop, *ends])))
    return [each for each in found if len(each)]


def _between(bounds: Iterable[tuple[int, int]], known: Sequence[range]) -> Iterator[range]:
    """Yield what of some stretches no known range covers; both ascend."""
    starts = [each.start for each in known]
    for start, end in bounds:
        at = start
        number = max(0, bisect.bisect_right(starts, at) - 1)
        while number < len(known) and known[number].start < end:
            if known[number].start > at:
                yield range(at, known[number].start)
            at = max(at, known[number].stop)
            number += 1
        if at < end:
            yield range(at, end)


def _pymalloc_facts(found: PymallocPages) -> PymallocFacts:
    return PymallocFacts(
        in_use_bytes=found.in_use,
        partly_free_bytes=found.partly_free,
        empty_bytes=found.empty,
        arenas=found.arenas,
        sparse_pools=found.sparse_pools,
        sparse_bytes=found.sparse_bytes,
        allocated_bytes=found.allocated,
        classes=tuple(SizeClass(each.block_bytes, each.pools, each.blocks, each.free_bytes) for each in found.classes),
    )


def _malloc_facts(found: MallocFigures, blocks: Sequence[range], resident: int, *, is_told_apart: bool) -> MallocFacts:
    return MallocFacts(
        arenas=found.arenas,
        used_bytes=found.used_bytes,
        used_resident=found.used_resident,
        free_bytes=found.free_bytes,
        free_resident=found.free_resident,
        trim_bytes=found.trim_bytes,
        lost_resident=found.lost_resident,
        largest_free=found.largest_free,
        mapped_blocks=len(blocks),
        mapped_bytes=sum(map(len, blocks)),
        mapped_resident=resident,
        is_told_apart=is_told_apart,
    )

"""What malloc has in use and what it keeps free, of what is in memory: read from a process that stands still, without its locks.

Never calls malloc's own functions: another thread may have held their lock at the instant of the clone. Other allocators than
glibc's are named, not read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heapscope.target.malloc_arenas import HEAP_ALIGNMENT, Arena, find_arenas
from heapscope.target.malloc_walk import Chunks, count_list, walk_chunks
from heapscope.target.smaps import Resident
from heapscope.target.smaps_pages import PAGE, ResidentPages

_OTHERS = re.compile(r"/lib(jemalloc|tcmalloc\w*|mimalloc|hoard|snmalloc)[^/]*\.so|/(?:ld-|libc\.)(musl)[^/]*$")
_CHUNK_FIELDS = 48  # sizeof(struct malloc_chunk): what malloc_trim leaves in front of the pages that it returns

MOST_SECONDS = 5.0  # for following chunks: tens of gigabytes; the rest counts as not followed


@dataclass(frozen=True, slots=True)
class MallocFigures:
    """Bytes; the heaps of all arenas together. ``resident`` is what is in memory.

    ``used`` and ``free`` are chunks, as mallinfo counts them: what threads keep cached is in use. ``free`` includes fast chunks.
    """

    arenas: int
    heap_bytes: int
    used_bytes: int
    used_resident: int
    free_bytes: int
    free_resident: int
    fast_bytes: int
    trim_bytes: int
    lost_resident: int  # what could not be followed from chunk to chunk
    largest_free: int


def name_allocator(entries: Sequence[Resident]) -> str:
    """Name the library that malloc is: "glibc", or another that was loaded in its place or instead."""
    for entry in entries:
        found = _OTHERS.search(entry.mapping.file_path) if entry.mapping.path else None
        if found:
            return found[1] or found[2]
    return "glibc"


@dataclass(frozen=True, slots=True)
class Heaps:
    """Where malloc's heaps are: (whole, first chunk) of each, and the arenas that they belong to."""

    arenas: tuple[Arena, ...]
    regions: tuple[tuple[range, int], ...]


def find_heaps(pid: int, entries: Sequence[Resident]) -> Heaps | None:
    """Return the heaps of glibc's malloc; None where it is not the allocator, or cannot be read."""
    arenas = find_arenas(pid, entries)
    if not arenas:
        return None
    regions = [(range(*found), found[0]) for found in _main_heaps(entries)]
    for arena in arenas:
        regions += [(range(first & -HEAP_ALIGNMENT, end), first) for first, end in arena.heaps]
    return Heaps(tuple(arenas), tuple(sorted(regions, key=lambda each: each[0].start)))


def _main_heaps(entries: Sequence[Resident]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for entry in entries:
        if entry.mapping.path == "[heap]":
            if joined and joined[-1][1] == entry.mapping.start:
                joined[-1] = joined[-1][0], entry.mapping.end
            else:
                joined.append((entry.mapping.start, entry.mapping.end))
    return joined


def measure_heaps(pid: int, heaps: Heaps, pages: ResidentPages) -> MallocFigures:
    """Go through all chunks of all heaps. O(chunks); does not raise for what it finds."""
    deadline = time.monotonic() + MOST_SECONDS
    walked = [(region, walk_chunks(pid, first, region.stop, deadline)) for region, first in heaps.regions]
    fast = sum(
        16 * (number + 2) * count_list(pid, first, 16 * (number + 2))
        for arena in heaps.arenas
        for number, first in enumerate(arena.fast_lists)
        if first
    )
    free = _joined([chunks.free for _, chunks in walked])
    free_bytes = int(free[:, 1].sum()) + fast
    free_resident = int(pages.within_each(free[:, 0], free[:, 0] + free[:, 1]).sum()) + fast
    lost = [each for _, chunks in walked for each in chunks.lost]
    lost_resident = sum(pages.within(each.start, each.stop) for each in lost)
    heap_bytes = sum(len(region) for region, _ in walked)
    resident = sum(pages.within(region.start, region.stop) for region, _ in walked)
    return MallocFigures(
        arenas=len(heaps.arenas),
        heap_bytes=heap_bytes,
        used_bytes=heap_bytes - free_bytes - sum(map(len, lost)),
        used_resident=resident - free_resident - lost_resident,
        free_bytes=free_bytes,
        free_resident=free_resident,
        fast_bytes=fast,
        trim_bytes=_trimmable(walked, heaps.arenas, pages),
        lost_resident=lost_resident,
        largest_free=int(free[:, 1].max()) if free.size else 0,
    )


def _trimmable(walked: Sequence[tuple[range, Chunks]], arenas: Sequence[Arena], pages: ResidentPages) -> int:
    """Return what malloc_trim(0) would give back: whole pages inside free chunks, but for the tops of threads' arenas."""
    kept = np.array([arena.top for arena in arenas[1:]], dtype=np.uint64)
    free = _joined([chunks.free for _, chunks in walked])
    free = free[~np.isin(free[:, 0], kept)]
    page = np.uint64(PAGE)
    starts = (free[:, 0] + np.uint64(_CHUNK_FIELDS) + page - np.uint64(1)) & ~(page - np.uint64(1))
    ends = np.maximum((free[:, 0] + free[:, 1]) & ~(page - np.uint64(1)), starts)
    return int(pages.within_each(starts, ends).sum())


def _joined(parts: Sequence[npt.NDArray[np.uint64]]) -> npt.NDArray[np.uint64]:
    return np.concatenate(parts) if parts else np.empty((0, 2), dtype=np.uint64)

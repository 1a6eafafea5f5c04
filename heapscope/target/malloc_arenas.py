"""Where glibc's malloc keeps its memory: the main arena, found in the data of libc, and the arenas of threads, chained to it.

Reads only, takes no lock. The main arena is a hidden variable; but its 127 double-ended lists begin as pairs of pointers to
themselves, and nothing else looks like that.

    struct malloc_state (malloc/malloc.c; offsets from ``bins``)
        -96 fastbinsY[10] (until 2.42)   -16 top   -8 last_remainder   0 bins[127][2]   2032 binmap   2048 next   2072 system_mem
    heap of a thread's arena, at a multiple of 64 MiB (malloc/arena.c)
        0 ar_ptr   8 prev: the heap before   16 size   ... then, in the first heap of an arena, its malloc_state, then chunks
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heapscope.target.maps import Mapping
from heapscope.target.memory import read_memory
from heapscope.target.smaps import Resident

HEAP_ALIGNMENT = 64 << 20
MAX_ARENAS = 1 << 12
MAX_HEAPS = 1 << 16
_MAX_LIBC_DATA = 8 << 20
_LIBC = re.compile(r"/libc(-2\.\d+)?\.so(\.6)?$")
_BINS = 127
_LEAST_HEAD, _MAX_HEAD = 24, 160  # from the start of a malloc_state to its lists
_TO_TOP, _TO_FAST, _TO_NEXT, _TO_SYSTEM = -16, -96, 2048, 2072
_FAST_LISTS = 10
_STATE_END = 2088  # from ``bins`` to the end of the struct
_MAX_HEAP_INFO = 128


@dataclass(frozen=True, slots=True)
class Arena:
    """One arena. ``heaps`` are (first chunk, end) of each of its heaps; of the main arena, which has none, empty."""

    top: int
    system_bytes: int
    fast_lists: tuple[int, ...]  # first chunks of the lists for 32, 48, ... bytes
    heaps: tuple[tuple[int, int], ...] = ()


def find_arenas(pid: int, entries: Sequence[Resident]) -> list[Arena]:
    """Return the arenas of glibc's malloc, the main one first; empty where it is not in use or cannot be found.

    Args:
        pid: a process that stands still.
        entries: its mappings, in address order.
    """
    finder = _Finder(pid, entries)
    for start, data in finder.libc_data():
        for bins in _lists_in(start, data):
            arenas = finder.ring(bins)
            if arenas:
                return arenas
    return []


def _lists_in(start: int, data: bytes) -> list[int]:
    """Return where the lists of an arena may begin: most of their pairs point at themselves."""
    words = np.frombuffer(data[: len(data) & ~7], dtype="<u8")
    if words.size < 2 * _BINS:
        return []
    itself = np.uint64(start) + np.arange(words.size, dtype=np.uint64) * np.uint64(8) - np.uint64(16)
    pairs = np.nonzero((words[:-1] == itself[:-1]) & (words[1:] == itself[:-1]))[0]
    found: list[int] = []
    for parity in (0, 1):
        own = pairs[pairs % 2 == parity]
        if own.size:
            # The first lists may hold chunks: the start is at or before the first pair that points at itself.
            lowest = max(parity, int(own[0]) - 2 * (_BINS - 1))
            found += [start + 8 * index for index in range(int(own[0]), lowest - 1, -2)]
    return found


class _Finder:
    """Follows pointers in one process; what cannot be read is no arena."""

    def __init__(self, pid: int, entries: Sequence[Resident]) -> None:
        self._pid = pid
        self._entries = entries
        self._regions = [entry.mapping for entry in entries if entry.mapping.perms.startswith("rw")]
        self._starts = [mapping.start for mapping in self._regions]

    def libc_data(self) -> list[tuple[int, bytes]]:
        """Read the writable data of libc, or of the program where libc is linked into it."""
        images = [mapping for mapping in self._regions if mapping.is_file]
        chosen = [mapping for mapping in images if _LIBC.search(mapping.file_path)] or images[:2]
        parts = []
        for mapping in chosen:
            data = self._read(mapping.start, min(mapping.size, _MAX_LIBC_DATA))
            if data:
                parts.append((mapping.start, data + self._tail_of(mapping)))
        return parts

    def _tail_of(self, image: Mapping) -> bytes:
        for mapping in self._regions:
            if mapping.start == image.end and not mapping.path:
                return self._read(mapping.start, min(mapping.size, _MAX_LIBC_DATA))
        return b""

    def ring(self, bins: int) -> list[Arena]:
        """Follow the ring of arenas from the main one, whose lists are at ``bins``; empty where it is none."""
        following = self._words(bins + _TO_NEXT, 1)
        main = self._arena(bins, ()) if following and self._is_plausible(bins) else None
        if main is None:
            return []
        for head in range(_LEAST_HEAD, _MAX_HEAD + 1, 8):  # what stands in front of the lists depends on the version
            others = self._others(bins - head, following[0], head)
            if others is not None:
                return [main, *others]
        return []

    def _others(self, main: int, address: int, head: int) -> list[Arena] | None:
        """Follow the ring until it is back at the main arena; None where it does not come there."""
        arenas: list[Arena] = []
        while address != main:
            found = self._thread_arena(address, address + head) if len(arenas) < MAX_ARENAS else None
            if found is None:
                return None
            arena, address = found
            arenas.append(arena)
        return arenas

    def _is_plausible(self, bins: int) -> bool:
        """Whether each pair of the lists points at itself, or at chunks."""
        words = self._words(bins, 2 * _BINS)
        if len(words) < 2 * _BINS:
            return False
        for number in range(_BINS):
            first, last = words[2 * number], words[2 * number + 1]
            itself = bins + 16 * number - 16
            if (first == itself) != (last == itself):
                return False
            if first != itself and not (self._is_mapped(first) and self._is_mapped(last)):
                return False
        return True

    def _arena(self, bins: int, heaps: tuple[tuple[int, int], ...]) -> Arena | None:
        fast, top = self._words(bins + _TO_FAST, _FAST_LISTS), self._words(bins + _TO_TOP, 1)
        system = self._words(bins + _TO_SYSTEM, 2)
        # Before anything is allocated, the top is the lists themselves.
        if not top or len(system) < 2 or system[0] > system[1] or not (self._is_mapped(top[0]) or top[0] == bins - 16):
            return None
        lists = tuple(each if self._is_mapped(each) and each % 16 == 0 else 0 for each in fast)
        return Arena(top[0], system[0], lists, heaps)

    def _thread_arena(self, address: int, bins: int) -> tuple[Arena, int] | None:
        """Return the arena of a thread, and the address of the one after it."""
        if not 0 < address % HEAP_ALIGNMENT <= _MAX_HEAP_INFO or not self._is_plausible(bins):
            return None
        top, following = self._words(bins + _TO_TOP, 1), self._words(bins + _TO_NEXT, 1)
        heaps = self._heaps(top[0], address, bins) if top else []
        arena = self._arena(bins, tuple(heaps)) if heaps else None
        return (arena, following[0]) if arena is not None and following else None

    def _heaps(self, top: int, arena: int, bins: int) -> list[tuple[int, int]]:
        """Return first chunk and end of each heap, from the newest to the first."""
        info_size = arena - (arena & -HEAP_ALIGNMENT)
        found: list[tuple[int, int]] = []
        heap = top & -HEAP_ALIGNMENT
        while heap and len(found) < MAX_HEAPS:
            words = self._words(heap, 3)
            if len(words) < 3 or words[0] != arena or not 0 < words[2] <= HEAP_ALIGNMENT or heap % HEAP_ALIGNMENT:
                return []
            is_first = arena - heap == info_size
            first = _aligned(bins + _STATE_END if is_first else heap + info_size)
            found.append((first, heap + words[2]))
            heap = words[1]
        return found

    def _is_mapped(self, address: int) -> bool:
        number = bisect_right(self._starts, address) - 1
        return number >= 0 and address < self._regions[number].end

    def _words(self, address: int, count: int) -> list[int]:
        data = self._read(address, 8 * count)
        return list(struct.unpack(f"<{len(data) // 8}Q", data))

    def _read(self, address: int, size: int) -> bytes:
        try:
            return read_memory(self._pid, address, size) if 0 < address < 1 << 63 else b""
        except OSError:
            return b""


def _aligned(address: int) -> int:
    return (address + 15) & ~15

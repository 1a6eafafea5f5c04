"""Following malloc's chunks, in memory of this process that is laid out like a heap."""

from __future__ import annotations

import mmap
import os

import numpy as np

from heapscope.target.malloc_walk import count_list, walk_chunks

IN_USE = 1
SIZE = 4 << 20
PID = os.getpid()


class Heap:
    """Chunks one behind the other; the first one is never behind a free one."""

    def __init__(self) -> None:
        self.block = mmap.mmap(-1, SIZE)
        self.words = np.frombuffer(self.block, dtype="<u8")
        self.start = self.words.ctypes.data
        self.end = self.start + SIZE
        self.at = 0
        self.is_free = False

    def add(self, size: int, *, is_free: bool = False) -> int:
        """Add a chunk; give its address."""
        self.words[self.at // 8 + 1] = size | (0 if self.is_free else IN_USE)
        self.at, self.is_free = self.at + size, is_free
        return self.start + self.at - size

    def finish(self) -> None:
        """Let the top take the rest."""
        self.add(SIZE - self.at, is_free=True)


def test_chunks_are_told_apart_by_the_head_of_the_next_one() -> None:
    """Large ones are passed over; the last one, the top, is free."""
    heap = Heap()
    expected = []
    used = 0
    for number in range(3000):
        is_free = number % 3 == 1
        size = 1 << 20 if number == 700 else 32 + 16 * (number % 60)
        address = heap.add(size, is_free=is_free)
        used += 0 if is_free else size
        expected += [[address, size]] if is_free else []
    top = heap.start + heap.at
    heap.finish()
    chunks = walk_chunks(PID, heap.start, heap.end)
    assert chunks.free.tolist() == [*expected, [top, heap.end - top]]
    assert (chunks.used_count, chunks.used_bytes, chunks.lost) == (2000, used, [])


def test_a_heap_that_is_full_ends_with_fences() -> None:
    """As those of threads do, where another heap follows."""
    heap = Heap()
    heap.add(SIZE - 32)
    heap.words[-3] = 16 | IN_USE
    heap.words[-1] = 0 | IN_USE
    chunks = walk_chunks(PID, heap.start, heap.end)
    assert (chunks.used_bytes, chunks.free.size, chunks.lost) == (SIZE - 32, 0, [])


def test_where_chunks_break_off_they_are_taken_up_again() -> None:
    """A thread may have been inside malloc when the clone was made: only what lies between is lost."""
    heap = Heap()
    for _ in range(100):
        heap.add(64)
    broken = heap.at
    heap.add(48)
    heap.at += 16 * 20
    resumed = heap.at
    for _ in range(100):
        heap.add(64)
    heap.finish()
    heap.words[broken // 8 + 1] = 7
    chunks = walk_chunks(PID, heap.start, heap.end)
    assert [(each.stop - heap.start) for each in chunks.lost] == [resumed]
    assert broken - 64 <= chunks.lost[0].start - heap.start <= broken
    assert chunks.used_bytes + sum(map(len, chunks.lost)) + int(chunks.free[:, 1].sum()) == SIZE


def test_what_is_no_heap_is_lost_and_what_cannot_be_read_too() -> None:
    """Nothing is made up."""
    heap = Heap()
    heap.words[1::2] = 5
    for start, end in ((heap.start, heap.end), (0x1000, 0x9000)):
        chunks = walk_chunks(PID, start, end)
        assert (chunks.used_bytes, chunks.free.size) == (0, 0)
        assert chunks.lost == [range(start, end)]


def test_past_the_deadline_the_rest_is_lost() -> None:
    """A heap of a hundred gigabytes must not keep the clone alive."""
    heap = Heap()
    while heap.at < SIZE - 4096:
        heap.add(64)
    heap.finish()
    chunks = walk_chunks(PID, heap.start, heap.end, deadline_s=0.0)
    assert chunks.used_bytes + sum(map(len, chunks.lost)) == SIZE
    assert len(chunks.lost[0]) > SIZE // 2


def test_fast_chunks_are_counted_whether_their_links_are_mangled_or_not() -> None:
    """Glibc mangles them from 2.32 on; a ring ends at the bound, and other sizes end a list."""
    heap = Heap()
    places = [heap.add(48) for _ in range(5)]
    for is_mangled in (False, True):
        for place, following in zip(places, [*places[1:], 0], strict=True):
            link = following ^ (place + 16) >> 12 if is_mangled else following
            heap.words[(place - heap.start) // 8 + 2] = link
        assert count_list(PID, places[0], 48) == 5
        assert count_list(PID, places[0], 64) == 0

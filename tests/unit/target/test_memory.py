"""Reading memory in pieces and through the cache, with holes in it. The process read is this one."""

from __future__ import annotations

import ctypes
import mmap
import os
import random
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from heapscope.target import memory
from heapscope.target.activity import read_unshared
from heapscope.target.memory import BLOCK_SIZE, CachedMemory, read_memory, read_pieces

PAGE = mmap.PAGESIZE
SIZE = 40 * PAGE
_libc = ctypes.CDLL(None, use_errno=True)
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


@pytest.fixture
def region() -> Iterator[tuple[int, bytes]]:
    """Random bytes at a page boundary, of which page 21 is missing; and the same bytes to compare with."""
    mapped = mmap.mmap(-1, SIZE)
    data = random.Random(5).randbytes(SIZE)
    mapped[:] = data
    anchor = ctypes.c_char.from_buffer(mapped)
    start = ctypes.addressof(anchor)
    # Taken out, not only forbidden: /proc/PID/mem shows pages that the process itself may not read.
    assert _libc.munmap(start + 21 * PAGE, PAGE) == 0
    yield start, data
    del anchor
    mapped.close()


def is_in_hole(offset: int, size: int) -> bool:
    """Whether bytes touch the page that cannot be read."""
    return offset < 22 * PAGE and offset + size > 21 * PAGE


def test_the_cache_reads_what_is_there_and_nothing_else(region: tuple[int, bytes]) -> None:
    """Any range: across blocks, beside the hole, into it."""
    start, data = region
    cache = CachedMemory(os.getpid())
    rng = random.Random(1)
    ranges = [(rng.randrange(SIZE - 1), rng.choice([1, 8, 100, 5000, BLOCK_SIZE, 3 * BLOCK_SIZE])) for _ in range(2000)]
    read = 0
    for offset, wanted in ranges:
        size = min(wanted, SIZE - offset)
        if is_in_hole(offset, size):
            with pytest.raises(OSError, match="can"):
                cache.read(start + offset, size)
        else:
            assert cache.read(start + offset, size) == data[offset : offset + size]
            read += 1
    assert 100 < read < len(ranges)
    assert cache.word(start + 16) == int.from_bytes(data[16:24], "little")


def test_the_cache_is_bounded(region: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """It forgets, and reads again."""
    start, data = region
    monkeypatch.setattr(memory, "MAX_CACHED_BLOCKS", 2)
    cache = CachedMemory(os.getpid())
    for _ in range(3):
        for offset in range(0, SIZE, PAGE):
            if not is_in_hole(offset, 8):
                assert cache.read(start + offset, 8) == data[offset : offset + 8]
            assert len(cache._blocks) <= 2


def test_pieces_that_cannot_be_read_are_zero(region: tuple[int, bytes]) -> None:
    """More than one system call takes, in any order, some in the hole, some at no address at all."""
    start, data = region
    rng = random.Random(2)
    offsets = [rng.randrange(SIZE - 48) for _ in range(3000)]
    addresses = np.array([start + offset for offset in offsets] + [0, 8, 1 << 63, start], dtype=np.uint64)
    found = read_pieces(os.getpid(), addresses, 48)
    assert found.shape == (len(offsets) + 4, 48)
    holes = 0
    for offset, piece in zip(offsets, found, strict=False):
        hole = is_in_hole(offset, 48)
        holes += hole
        assert bytes(piece) == (bytes(48) if hole else data[offset : offset + 48])
    assert holes > 10
    assert not found[-4:-1].any()
    assert bytes(found[-1]) == data[:48]


def test_a_process_that_is_gone_is_an_error() -> None:
    """Not zeros."""
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    with pytest.raises(ProcessLookupError):
        read_pieces(child, np.array([4096], dtype=np.uint64), 8)
    with pytest.raises(ProcessLookupError):
        read_memory(child, 4096, 8)


def test_no_pieces_are_no_bytes() -> None:
    """An empty request."""
    assert read_pieces(os.getpid(), np.empty(0, dtype=np.uint64), 48).shape == (0, 48)


COPIED = """
import ctypes, mmap, os, sys
size = int(sys.argv[1])
mapped = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
mapped[:] = b"x" * size
anchor = ctypes.c_char.from_buffer(mapped)
child = os.fork()
if child:
    print(child, ctypes.addressof(anchor), flush=True)
sys.stdin.read()  # both sleep, so neither writes to what they share
"""


def test_reading_a_copy_does_not_un_share_it() -> None:
    """A page that is pinned to be read is copied first where it is shared copy-on-write: a clone would cost what is read of it."""
    size = 8 << 20
    with subprocess.Popen(
        [sys.executable, "-c", COPIED, str(size)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child, start = map(int, process.stdout.readline().split())
        before = read_unshared(child) or 0
        assert read_memory(child, start, size) == b"x" * size
        read_pieces(child, np.arange(start, start + size, PAGE, dtype=np.uint64), 16)
        assert (read_unshared(child) or 0) - before < size // 4

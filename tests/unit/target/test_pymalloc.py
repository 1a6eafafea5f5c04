"""Counting pools in memory that no allocator has made: this process holds a table of arenas, sound first, then broken."""

from __future__ import annotations

import ctypes
import mmap
import os
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from heapscope.target import pymalloc_arenas
from heapscope.target.maps import Mapping, parse_maps
from heapscope.target.pymalloc import SIZE_CLASSES, PymallocFigures, read_pymalloc
from heapscope.target.pymalloc_arenas import ENTRY, POOL, are_plausible, pool_bits_of

ARENAS = 20
TABLE_LENGTH = 32
DATA_AT = 0x7000_0000  # where the image's data is said to be
OLD, NEW = (3, 8), (3, 11)


class FakeAllocator:
    """Arenas with random pools, the table of them, and the sums."""

    def __init__(self, version: tuple[int, int], seed: int) -> None:
        self.version = version
        self.pool_size = 1 << pool_bits_of(version)
        self.arena_size = 1 << (20 if version >= (3, 10) else 18)
        rng = random.Random(seed)
        self.memory = mmap.mmap(-1, (ARENAS + 2) * self.arena_size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._anchor = ctypes.c_char.from_buffer(self.memory)
        self.start = ctypes.addressof(self._anchor)
        self.table = self.start + 64  # the table lies in front of the arenas, in a block of malloc
        first_arena = (self.start + self.arena_size) & -self.arena_size
        self.put(self.table - 8, TABLE_LENGTH * ENTRY.itemsize + 16 | 1)
        self.entries = np.frombuffer(self.memory, ENTRY, TABLE_LENGTH, 64)
        self.blocks = [0] * SIZE_CLASSES
        self.used = self.total = self.in_use = self.capacity_bytes = 0
        # Some slots of the table are free, as after arenas were given back.
        slots = sorted(rng.sample(range(TABLE_LENGTH), ARENAS - 1))
        for number, slot in enumerate(slots):
            self.add_arena(rng, slot, first_arena + number * self.arena_size, is_aligned=number % 3 != 0)

    def put(self, address: int, value: int) -> None:
        """Write a word."""
        ctypes.memmove(address, value.to_bytes(8, "little"), 8)

    def add_arena(self, rng: random.Random, slot: int, address: int, *, is_aligned: bool) -> None:
        """Fill one arena; one that is not aligned to pools has one pool less."""
        first = address if is_aligned or self.pool_size == 4096 else address + self.pool_size
        start = first if first == address else address + 4096
        total = (
            (start + self.arena_size - first) // self.pool_size
            if start == first
            else self.arena_size // self.pool_size - 1
        )
        carved = rng.randint(1, total)
        used = 0
        for index in range(carved):
            size_class = rng.randrange(SIZE_CLASSES)
            size = 16 * (size_class + 1)
            capacity = (self.pool_size - 48) // size
            count = rng.choice([0, 1, capacity, rng.randint(0, capacity)])
            self.pool(first + index * self.pool_size, count, slot, size_class)
            if count:
                used += 1
                self.blocks[size_class] += count
                self.in_use += count * size
                self.capacity_bytes += capacity * size
        self.entries[slot] = (start, first + carved * self.pool_size, total - used, total, [0, 1, 3])
        self.used += used
        self.total += total

    def pool(self, address: int, count: int, arena: int, size_class: int) -> None:
        """Write a pool header."""
        record = np.zeros(1, POOL)
        record["count"], record["arena"], record["size_class"] = count, arena, size_class
        ctypes.memmove(address, record.tobytes(), POOL.itemsize)

    def data(self) -> tuple[int, Any]:
        """Return data of an image with a pointer to the table in it, and pointers at other things."""
        words = [
            1,
            self.start,
            self.table,
            TABLE_LENGTH,
            self.table + 48,
            DATA_AT,
            (1 << 64) - 1,
            int(self.entries[5]["address"]),
        ]
        return DATA_AT, np.array(words, dtype=np.uint64)

    def close(self) -> None:
        """Give the memory back."""
        del self.entries, self._anchor
        self.memory.close()


Make = Callable[[tuple[int, int], int], FakeAllocator]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Return a function that makes an allocator, and lets it be found."""
    made = []

    def build(version: tuple[int, int], seed: int) -> FakeAllocator:
        fake = FakeAllocator(version, seed)
        made.append(fake)
        monkeypatch.setattr(pymalloc_arenas, "_image_data", lambda *_: [fake.data()])
        return fake

    yield build
    for fake in made:
        fake.close()


def figures(fake: FakeAllocator) -> PymallocFigures:
    """Read the allocator from this process."""
    found = read_pymalloc(os.getpid(), range(DATA_AT, DATA_AT + 8), fake.version, parse_maps(os.getpid()))
    assert found is not None
    return found


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("seed", range(5))
def test_sums_are_those_of_brute_force(make: Make, version: tuple[int, int], seed: int) -> None:
    """Blocks by class, bytes in use, free, lost."""
    fake = make(version, seed)
    found = figures(fake)
    assert found.warnings == ()
    assert found.arena_count == ARENAS - 1
    assert list(found.blocks_by_class) == fake.blocks
    assert found.blocks_in_use == sum(fake.blocks)
    assert found.bytes_in_use == fake.in_use
    assert found.free_bytes_in_used_pools == fake.capacity_bytes - fake.in_use
    assert found.used_pool_count == fake.used
    assert found.empty_pool_count == fake.total - fake.used
    assert found.free_bytes_in_empty_pools == (fake.total - fake.used) * fake.pool_size
    assert found.arena_bytes == (ARENAS - 1) * fake.arena_size
    parts = found.bytes_in_use + found.free_bytes_in_used_pools + found.free_bytes_in_empty_pools
    assert found.arena_bytes - parts == found.overhead_bytes > 0


@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_length_of_the_table_is_found_without_malloc(make: Make, version: tuple[int, int]) -> None:
    """Nothing that can be understood stands in front of the table: it goes on while its second half has arenas."""
    fake = make(version, 1)
    sound = figures(fake)
    fake.put(fake.table - 8, 0x1234_5678_9ABC)
    assert figures(fake) == sound
    fake.put(fake.table - 16, int.from_bytes((TABLE_LENGTH * ENTRY.itemsize).to_bytes(8, "big"), "little"))
    fake.put(fake.table - 8, int.from_bytes(b"r" + b"\xfd" * 7, "little"))  # what PYTHONMALLOC=debug puts there
    assert figures(fake) == sound


def test_a_table_whose_first_arenas_were_given_back_is_found(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although the only word that leads to it points at an entry without arena."""
    fake = make(NEW, 7)
    sound = figures(fake)
    fake.entries["address"][:9] = 0
    only = np.array([fake.table], dtype=np.uint64)
    monkeypatch.setattr(pymalloc_arenas, "_image_data", lambda *_: [(DATA_AT, only)])
    found = figures(fake)
    assert found.arena_count == np.count_nonzero(fake.entries["address"]) < sound.arena_count
    assert found.warnings == ()


def test_arenas_that_are_none_are_left_out(make: Make) -> None:
    """Their first pool names another arena, or they would be larger than any; the rest is counted."""
    fake = make(OLD, 2)
    sound = figures(fake)
    slots = np.nonzero(fake.entries["address"])[0]
    fake.pool(int(fake.entries[slots[3]]["address"]), 1, 99, 1)
    fake.entries["carved_to"][slots[4]] = 1 << 40
    found = figures(fake)
    assert found.arena_count == sound.arena_count - 2
    assert found.warnings == ("2 arenas of the allocator make no sense and are not counted",)


def test_pools_that_are_none_are_left_out(make: Make) -> None:
    """More blocks than room; a size that does not exist."""
    fake = make(OLD, 3)
    slots = np.nonzero(fake.entries["address"])[0]
    first = [int(fake.entries[slot]["address"]) for slot in slots]
    fake.pool(first[0], 0, int(slots[0]), 3)
    fake.pool(first[1], 0, int(slots[1]), 3)
    sound = figures(fake)
    fake.pool(first[0], (4096 - 48) // 64 + 1, int(slots[0]), 3)
    fake.pool(first[1], 1, int(slots[1]), 0xFFFF)
    found = figures(fake)
    assert found.blocks_by_class == sound.blocks_by_class
    assert "2 pools of the allocator make no sense and are not counted" in found.warnings


def test_a_count_that_the_arena_contradicts_is_a_warning(make: Make) -> None:
    """A pool whose count became zero, while its arena still counts it as used."""
    fake = make(NEW, 4)
    slot = int(np.nonzero(fake.entries["address"])[0][0])
    fake.entries["free"][slot] -= 1
    stated = fake.used + 1
    assert figures(fake).warnings == (f"the allocator says that {stated} pools are in use, {fake.used} are",)


def test_garbage_never_raises(make: Make) -> None:
    """Any words in the table, the headers and the data."""
    fake = make(OLD, 5)
    rng = random.Random(3)
    outcomes = set()
    for _ in range(200):
        slot = rng.randrange(TABLE_LENGTH)
        field = rng.choice(["address", "carved_to", "free", "total"])
        limit = 32 if field in ("free", "total") else 64
        fake.entries[field][slot] = rng.choice([0, rng.getrandbits(limit), rng.getrandbits(18) & -4096])
        fake.put(fake.start + rng.randrange(0, len(fake.memory), 4096) + rng.choice([0, 32]), rng.getrandbits(64))
        found = read_pymalloc(os.getpid(), range(DATA_AT, DATA_AT + 8), OLD, parse_maps(os.getpid()))
        outcomes.add(found is not None and found.warnings != ())
    assert True in outcomes


def test_no_table_is_no_figures(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pointer to one, no data at all, no such process."""
    make(OLD, 6)
    mappings = parse_maps(os.getpid())
    nothing: list[tuple[int, Any]] = [(DATA_AT, np.arange(100, dtype=np.uint64))]
    monkeypatch.setattr(pymalloc_arenas, "_image_data", lambda *_: nothing)
    assert read_pymalloc(os.getpid(), range(DATA_AT, DATA_AT + 8), OLD, mappings) is None
    monkeypatch.undo()
    assert read_pymalloc(os.getpid(), range(8, 16), OLD, mappings) is None
    no_mappings: Sequence[Mapping] = []
    assert read_pymalloc(os.getpid(), range(DATA_AT, DATA_AT + 8), OLD, no_mappings) is None


def test_arenas_of_every_size_are_plausible() -> None:
    """256 KiB, 1 MiB and 2 MiB, aligned to pools or not; nothing with impossible figures."""
    entries = np.zeros(12, ENTRY)
    for index, (total, bits) in enumerate([(64, 14), (63, 14), (128, 14), (127, 14)]):
        entries[index] = (0x7F00_0010_0000, 0x7F00_0010_0000 + (1 << bits), total - 1, total, [0, 0, 0])
    for index in range(4, 12):
        entries[index] = entries[0]
    entries["lists"][4, 0] = entries["address"][4]  # a free pool inside
    entries["lists"][9, 0] = entries["carved_to"][9]
    entries["lists"][10, 0] = entries["address"][10] + 16
    entries["total"][11] = 3
    entries["free"][5] = 65
    entries["address"][6] += 8
    entries["carved_to"][7] += 4096
    entries["carved_to"][8] = entries["address"][8]
    assert are_plausible(entries, 14).tolist() == [True] * 4 + [True] + [False] * 7
    assert are_plausible(entries, 12)[0]

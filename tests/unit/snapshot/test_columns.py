"""Columns keep what was put into them while they grow, and give their memory away or back."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapscope.snapshot.columns import GrowableColumn, Memory


@given(st.lists(st.integers(0, 40_000), max_size=8), st.sampled_from(["<u4", "<u8"]))
def test_values_stay_while_a_column_grows(sizes: list[int], dtype: str) -> None:
    """Whatever it grows by; taking empties it, and it may be filled again."""
    column = GrowableColumn(dtype)
    parts = [np.arange(size, dtype=dtype) * np.array(7, dtype=dtype) for size in sizes]
    for _ in range(2):
        for part in parts:
            column.extend(part)
        assert len(column) == sum(sizes)
        taken = column.take()
        assert taken.dtype == np.dtype(dtype)
        assert np.array_equal(taken, np.concatenate([np.empty(0, dtype=dtype), *parts]))
        assert len(column) == 0


def test_reserved_room_is_written_by_somebody_else() -> None:
    """Only what is committed counts, and never more than was reserved."""
    column = GrowableColumn("<u8")
    column.extend(np.array([1, 2], dtype=np.uint64))
    column.reserve(100_000)
    np.ctypeslib.as_array((ctypes.c_uint64 * 5).from_address(column.first))[2:5] = (3, 4, 5)
    column.commit(3)
    with pytest.raises(ValueError, match="room"):
        column.commit(1 << 40)
    assert column.take().tolist() == [1, 2, 3, 4, 5]


def test_memory_may_be_given_away_as_something_else() -> None:
    """References become object indexes in place."""
    column = GrowableColumn("<u8")
    column.extend(np.array([1 | 2 << 32, 3], dtype=np.uint64))
    assert column.take_as("<u4", 3).tolist() == [1, 2, 3]
    assert len(column) == 0


def _is_mapped(place: int) -> bool:
    spans = [line.split()[0].split("-") for line in Path("/proc/self/maps").read_text().splitlines()]
    return any(int(start, 16) <= place < int(end, 16) for start, end in spans)


def test_memory_lives_as_long_as_an_array_of_it() -> None:
    """And not longer: pages go back to the kernel at once."""
    memory = Memory()
    memory.resize(1 << 26)
    place = memory.place
    array = memory.array("<u8", 10)[3:5]
    array[:] = 9
    del memory
    gc.collect()
    assert _is_mapped(place)
    assert array.tolist() == [9, 9]
    del array
    gc.collect()
    assert not _is_mapped(place + (1 << 25))


def test_an_array_never_reaches_beyond_its_memory() -> None:
    """An error, not a crash."""
    memory = Memory()
    memory.resize(100)
    with pytest.raises(ValueError, match="longer"):
        memory.array("<u8", (1 << 16) // 8, first=1)

"""Columns that grow: the builder's store for figures whose number is unknown until the stream ends.

Never holds more than one Python object per column. Does no I/O.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from heapscope.snapshot import kernels

_BLOCK = 1 << 16


class Memory:
    """A block of memory that grows and shrinks without being copied; free again when nobody refers to it.

    Arrays made from it refer to it. Whoever resizes it must know that there are none.
    """

    def __init__(self) -> None:
        self._resize = kernels.library().heapmemory_resize
        self.place = 0
        self.size = 0
        self.__array_interface__: dict[str, Any] = {}

    def resize(self, size: int) -> None:
        """Make it at least ``size`` bytes long; untouched ones cost no memory.

        Raises:
            HeapscopeError: there is not enough memory; the block is as it was.
        """
        rounded = -(-size // _BLOCK) * _BLOCK
        if rounded == self.size:
            return
        place = self._resize(self.place or None, self.size, rounded)
        if place is None and rounded:
            raise kernels.out_of_memory()
        self.place, self.size = place or 0, rounded

    def array(self, dtype: npt.DTypeLike, count: int, *, first: int = 0) -> npt.NDArray[Any]:
        """Return values ``first`` to ``first + count`` as an array that keeps the block alive."""
        kind = np.dtype(dtype)
        if (first + count) * kind.itemsize > self.size:
            raise ValueError("the array is longer than its memory")
        if not count:
            return np.empty(0, dtype=kind)
        place = self.place + first * kind.itemsize
        self.__array_interface__ = {"version": 3, "shape": (count,), "typestr": kind.str, "data": (place, False)}
        return np.asarray(self)

    def __del__(self) -> None:
        if self.size:
            self._resize(self.place, self.size, 0)


class GrowableColumn:
    """An array that grows at its end, by half. Amortised O(1) per value; room that is not used costs no memory."""

    def __init__(self, dtype: str) -> None:
        self._dtype = np.dtype(dtype)
        self._memory = Memory()
        self._room = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def first(self) -> int:
        """Address of the first value; good until the next call of reserve, extend or take."""
        return self._memory.place

    def reserve(self, count: int) -> None:
        """Make room for ``count`` more values, which somebody else writes before commit(). Raises HeapscopeError."""
        end = self._size + count
        if end > self._room:
            self._memory.resize(max(end, self._room + self._room // 2) * self._dtype.itemsize)
            self._room = self._memory.size // self._dtype.itemsize

    def commit(self, count: int) -> None:
        """Take the next ``count`` values of the reserved room as written."""
        if not 0 <= count <= self._room - self._size:
            raise ValueError("more values than room was reserved for")
        self._size += count

    def extend(self, values: npt.NDArray[Any]) -> None:
        """Copy values to the end. Raises HeapscopeError without memory."""
        count = int(values.size)
        self.reserve(count)
        self._memory.array(self._dtype, count, first=self._size)[:] = values
        self._size += count

    def take(self) -> npt.NDArray[Any]:
        """Give the values away and become empty; the room to spare is given back."""
        return self.take_as(self._dtype, self._size)

    def take_as(self, dtype: npt.DTypeLike, count: int) -> npt.NDArray[Any]:
        """Give the memory away, in which somebody has put ``count`` values of another kind in place of those before."""
        memory = self._memory
        memory.resize(count * np.dtype(dtype).itemsize)
        self._memory, self._room, self._size = Memory(), 0, 0
        return memory.array(dtype, count)


class Totals(ctypes.Structure):
    """HeapTotals of native/heapdecode.h: what must hold for all rows."""

    zero_addresses: int
    odd_lengths: int
    largest: int
    shallow: float
    allocated: float

    _fields_ = (
        ("zero_addresses", ctypes.c_uint64),
        ("odd_lengths", ctypes.c_uint64),
        ("largest", ctypes.c_uint64),
        ("shallow", ctypes.c_double),
        ("allocated", ctypes.c_double),
    )


class RowColumns:
    """One column per figure of an object, as the stream gives them, and all references behind each other.

    ``type_id`` is what PackedDecoder.intern gives for the address of a type.
    """

    def __init__(self) -> None:
        self.address = GrowableColumn("<u8")
        self.type_id = GrowableColumn("<u4")
        self.shallow = GrowableColumn("<u8")
        self.allocated = GrowableColumn("<u8")
        self.refcount = GrowableColumn("<u8")
        self.length = GrowableColumn("<u8")
        self.flags = GrowableColumn("<u4")
        self.fingerprint = GrowableColumn("<u8")
        self.reference_count = GrowableColumn("<u4")
        self.references = GrowableColumn("<u8")

    @property
    def per_object(self) -> tuple[GrowableColumn, ...]:
        """The columns that have one value per object, in the order of HeapColumns in native/heapdecode.h."""
        return (
            self.address,
            self.type_id,
            self.shallow,
            self.allocated,
            self.refcount,
            self.length,
            self.flags,
            self.fingerprint,
            self.reference_count,
        )

    def total(self, length_limit: int) -> Totals:
        """Look at all rows in one pass; lengths beyond the limit are taken as none."""
        totals = Totals()
        columns = (self.address, self.shallow, self.allocated, self.length)
        kernels.library().heapdecode_total(
            *(column.first or None for column in columns), len(self.address), length_limit, ctypes.addressof(totals)
        )
        return totals

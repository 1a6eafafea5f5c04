"""From addresses to object indexes, for millions of references at once.

Never loops over objects in Python. Does no I/O.

A compiled table answers (native/heapindex.c). Addresses that are no multiples of 8, or that are spread so thinly that the
table would be large, can only come from a broken or hostile sender (or from a test): they are found by binary search.
"""

from __future__ import annotations

import ctypes
import weakref

import numpy as np
import numpy.typing as npt

from heapscope.snapshot import kernels
from heapscope.snapshot.columns import GrowableColumn
from heapscope.snapshot.model import U32Array, U64Array

_FREE_BYTES = 64 << 20  # that much of a table is always allowed
_BYTES_PER_ADDRESS = 128  # beyond: more than the snapshot itself
_BATCH = 1 << 18  # addresses searched at a time: the scratch arrays stay in the cache

NONE = np.uint32(0xFFFFFFFF)


class DuplicateAddress(ValueError):
    """Two objects have the same address."""


class AddressIndex:
    """Object index by address. Building and each look-up are O(1) per address.

    Costs four bytes per object and 1/32 of the memory in which objects lie.
    """

    def __init__(self, address: U64Array) -> None:
        """Index the addresses. Raises DuplicateAddress, or HeapscopeError without memory."""
        self._handle: int | None = None
        wanted = np.ascontiguousarray(address, dtype=np.uint64)
        handle = ctypes.c_void_p()
        fault = kernels.library().heapindex_open(
            kernels.place(wanted), wanted.size, _FREE_BYTES, _BYTES_PER_ADDRESS, ctypes.byref(handle)
        )
        if fault == kernels.DUPLICATE:
            raise DuplicateAddress("two objects have the same address")
        if fault == kernels.MEMORY:
            raise kernels.out_of_memory()
        if fault == kernels.UNFIT:
            self._sort(wanted)
        else:
            self._handle = handle.value
            weakref.finalize(self, kernels.library().heapindex_close, handle.value)

    def _sort(self, address: U64Array) -> None:
        self._order: npt.NDArray[np.intp] = np.argsort(address)
        self._sorted: U64Array = address[self._order]
        if bool((self._sorted[1:] == self._sorted[:-1]).any()):
            raise DuplicateAddress("two objects have the same address")

    @property
    def has_table(self) -> bool:
        """Whether look-ups are O(1)."""
        return self._handle is not None

    def find(self, wanted: U64Array) -> U32Array:
        """Look up addresses; NONE where no object starts."""
        source = np.ascontiguousarray(wanted, dtype=np.uint64)
        found = np.empty(source.size, dtype=np.uint32)
        self._find(kernels.place(source), source.size, kernels.place(found))
        return found

    def _find(self, wanted: int, count: int, found: int) -> None:
        """Look up ``count`` addresses at a place in memory; the indexes go to another one, or to the same."""
        if self._handle is not None:
            kernels.library().heapindex_find(self._handle, wanted, count, found)
            return
        for start in range(0, count, _BATCH):
            size = min(_BATCH, count - start)
            part = self._find_sorted(np.frombuffer(ctypes.string_at(wanted + 8 * start, 8 * size), dtype=np.uint64))
            ctypes.memmove(found + 4 * start, kernels.place(part), 4 * size)

    def _find_sorted(self, wanted: U64Array) -> U32Array:
        position = np.minimum(np.searchsorted(self._sorted, wanted), self._sorted.size - 1)
        return np.where(self._sorted[position] == wanted, self._order[position], NONE).astype(np.uint32)

    def resolve(self, references: GrowableColumn, counts: U32Array) -> tuple[U64Array, U32Array, int]:
        """Turn addresses of references into object indexes, and counts per object into offsets.

        The indexes take the place of the addresses: there is no second copy, and the column is empty afterwards.

        Returns:
            Offsets (one more than objects), targets without those that were not found, and how many were not.

        Raises:
            ValueError: the counts do not add up to the references.
        """
        total = len(references)
        self._find(references.first, total, references.first)
        offsets = np.empty(counts.size + 1, dtype=np.uint64)
        fault = kernels.library().heapindex_compact(
            kernels.place(counts), counts.size, references.first, total, kernels.place(offsets)
        )
        if fault != kernels.OK:
            raise ValueError(kernels.FAULTS[fault])
        kept = int(offsets[-1])
        return offsets, references.take_as(np.uint32, kept), total - kept

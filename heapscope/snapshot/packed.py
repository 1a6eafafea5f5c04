"""PACKED payloads into columns, and type addresses into small numbers: the Python side of native/heapdecode.c.

Never trusts a payload; nothing of a wrong one reaches the columns' lengths. Does no I/O. The format is in
heapscope/wire/protocol.py.
"""

from __future__ import annotations

import ctypes
import struct
import weakref

import numpy as np

from heapscope.snapshot import kernels
from heapscope.snapshot.columns import RowColumns
from heapscope.snapshot.model import U32Array, U64Array

Payload = bytes | bytearray | memoryview

_HEAD = struct.Struct("<IIQ")
_SMALLEST_ROW = 3  # its bits, its address, its type: a byte each


class PackedError(ValueError):
    """A payload is not what the format allows."""


class _HeapColumns(ctypes.Structure):
    """HeapColumns of native/heapdecode.h: places of the columns in the order of RowColumns.per_object, references."""

    _fields_ = (
        ("columns", ctypes.c_uint64 * 9),
        ("references", ctypes.c_uint64),
        ("first_row", ctypes.c_uint64),
        ("row_room", ctypes.c_uint64),
        ("first_reference", ctypes.c_uint64),
        ("reference_room", ctypes.c_uint64),
    )


def read_counts(payload: Payload) -> tuple[int, int]:
    """Return how many (rows, references) a payload announces; not more than its bytes can hold.

    Raises:
        PackedError: it is too short for what it announces.
    """
    if len(payload) < _HEAD.size:
        raise PackedError(kernels.FAULTS[2])
    rows, references, _ = _HEAD.unpack_from(payload)
    if _SMALLEST_ROW * rows + references > len(payload) - _HEAD.size:
        raise PackedError("the length of a batch of objects does not fit its counts")
    return rows, references


class PackedDecoder:
    """Decodes the PACKED payloads of one stream, in order, to the end of ``rows``. Not for several threads.

    At least 10 M rows per second with three references each. Holds 40 bytes per type.
    """

    def __init__(self, rows: RowColumns, *, max_types: int) -> None:
        self._rows = rows
        self._library = kernels.library()
        self._handle = self._library.heapdecode_open(max_types)
        if not self._handle:
            raise kernels.out_of_memory()
        weakref.finalize(self, self._library.heapdecode_close, self._handle)

    @property
    def is_open(self) -> bool:
        """Whether references of the last row are still to come, in the next payload."""
        return bool(self._library.heapdecode_is_open(self._handle))

    def feed(self, payload: Payload) -> tuple[int, int]:
        """Append the rows and references of one payload to the columns; return how many these are.

        Raises:
            PackedError: the payload breaks the format, or an earlier one did.
        """
        rows, references = read_counts(payload)
        columns = self._rows.per_object
        for column in columns:
            column.reserve(rows)
        self._rows.references.reserve(references)
        places = _HeapColumns(
            columns=tuple(column.first for column in columns),
            references=self._rows.references.first,
            first_row=len(self._rows.address),
            row_room=rows,
            first_reference=len(self._rows.references),
            reference_room=references,
        )
        data = np.frombuffer(payload, dtype=np.uint8)
        self._check(
            self._library.heapdecode_feed(self._handle, kernels.place(data), data.size, ctypes.addressof(places))
        )
        for column in columns:
            column.commit(rows)
        self._rows.references.commit(references)
        return rows, references

    def intern(self, addresses: U64Array) -> U32Array:
        """Return the ids of types by address, new ones for those not seen before.

        Raises:
            PackedError: there are more types than ``max_types``.
        """
        wanted = np.ascontiguousarray(addresses, dtype=np.uint64)
        ids = np.empty(wanted.size, dtype=np.uint32)
        self._check(
            self._library.heapdecode_intern(self._handle, kernels.place(wanted), wanted.size, kernels.place(ids))
        )
        return ids

    def type_addresses(self) -> U64Array:
        """Return the address of each type that rows refer to, by id."""
        addresses = np.empty(self._library.heapdecode_type_count(self._handle), dtype=np.uint64)
        self._library.heapdecode_types(self._handle, kernels.place(addresses))
        return addresses

    @staticmethod
    def _check(fault: int) -> None:
        if fault == kernels.MEMORY:
            raise kernels.out_of_memory()
        if fault != kernels.OK:
            raise PackedError(kernels.FAULTS[fault])

"""A reader of snapshot files of format version 2, written from docs/snapshot-format.md and frozen.

Never imports heapscope, and never changes: whatever a newer heapscope writes with this version number has to be readable by
it, as by the readers that are out there. It trusts the file, so it is for tests only.
"""

from __future__ import annotations

import dataclasses
import json
import struct
import zlib
from typing import Any

import numpy as np
import zstandard

HEADER = struct.Struct("<8sIIQII")
ENTRY = struct.Struct("<24sIIQQQII")
BLOCK = struct.Struct("<IIQBBBBI")
BLOCK_VALUES = 262_144
NEAR_LIMIT = 8192
WORD = 1 << 64
COLUMNS = {
    "address": "<u8",
    "type_index": "<u4",
    "shallow": "<u8",
    "allocated": "<u8",
    "refcount": "<u8",
    "length": "<i8",
    "flags": "<u4",
    "fingerprint": "<u8",
    "reference_offsets": "<u8",
    "reference_targets": "<u4",
    "type_count": "<u8",
    "type_shallow": "<u8",
    "type_allocated": "<u8",
    "root_objects": "<u4",
}


@dataclasses.dataclass
class Entry:
    """One entry of the section table."""

    encoding: int
    item_size: int
    offset: int
    stored_size: int
    raw_size: int
    crc32: int


def read(data: bytes) -> dict[str, Any]:
    """Return the known sections by name: numpy arrays for columns, plain values for records."""
    magic, version, count, size, _, _ = HEADER.unpack_from(data)
    assert (magic, version, size) == (b"\x89HSCOPE\n", 2, len(data))
    entries = {}
    for number in range(count):
        name, *figures, zero = ENTRY.unpack_from(data, HEADER.size + number * ENTRY.size)
        assert zero == 0
        entries[name.rstrip(b"\0").decode("ascii")] = Entry(*figures)
    found: dict[str, Any] = {}
    for name in ("meta", "types", "instances", "roots"):
        stored = _piece(data, entries[name].offset, entries[name].stored_size, entries[name].crc32)
        assert entries[name].encoding == 2
        found[name] = json.loads(zstandard.ZstdDecompressor().decompress(stored))
    for name, dtype in COLUMNS.items():
        found[name] = _column(data, entries[name], np.dtype(dtype), found)
    return found


def _piece(data: bytes, offset: int, size: int, crc32: int) -> bytes:
    piece = data[offset : offset + size]
    assert zlib.crc32(piece) == crc32
    return piece


def _column(data: bytes, entry: Entry, dtype: np.dtype[Any], found: dict[str, Any]) -> Any:
    assert (entry.encoding, entry.item_size) == (3, dtype.itemsize)
    count = entry.raw_size // dtype.itemsize
    block_count = -(-count // BLOCK_VALUES)
    index_size = block_count * BLOCK.size
    index = _piece(data, entry.offset + entry.stored_size - index_size, index_size, entry.crc32)
    values: list[int] = []
    offset = entry.offset
    for size, crc32, base, transform, width, is_compressed, _, _ in BLOCK.iter_unpack(index):
        raw = _piece(data, offset, size, crc32)
        offset += size
        if is_compressed:
            raw = zstandard.ZstdDecompressor().decompress(raw)
        length = len(raw) // width
        coded = [int.from_bytes(raw[at::length], "little") for at in range(length)]
        values += _undo(transform, coded, base, len(values), found)
    assert len(values) == count
    unsigned = np.array([value % (1 << 8 * dtype.itemsize) for value in values], dtype=f"<u{dtype.itemsize}")
    return unsigned.view(dtype)


def _undo(transform: int, coded: list[int], base: int, start: int, found: dict[str, Any]) -> list[int]:
    if transform == 0:
        return coded
    if transform in (1, 2):
        steps = [_unzigzag(value) for value in coded] if transform == 1 else coded
        values = []
        for number, step in enumerate(steps):
            base = base if number == 0 else (base + step) % WORD
            values.append(base)
        return values
    if transform == 3:
        return [value + int(other) for value, other in zip(coded, found["shallow"][start:], strict=False)]
    if transform == 4:
        return [value - 1 for value in coded]
    if transform == 5:
        return _undo_near(coded, start, found["reference_offsets"])
    assert transform == 6
    values = []
    for value in coded:
        base += value == 1
        values.append(base if value == 1 else max(value - 1, 0))
    return values


def _undo_near(coded: list[int], start: int, offsets: Any) -> list[int]:
    owners = np.searchsorted(offsets, np.arange(start, start + len(coded), dtype="<u8"), side="right") - 1
    return [
        int(owner) + _unzigzag(value) if value < NEAR_LIMIT else value - NEAR_LIMIT
        for value, owner in zip(coded, owners, strict=True)
    ]


def _unzigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)

"""Snapshot files made by hand, with correct checksums: what a hostile writer can do; and large snapshots for tests.

Never goes through the writer, so that a file may say anything.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from heapscope.snapshot import blocks, layout
from heapscope.snapshot.layout import BLOCK_VALUES, Encoding, Section, Transform
from heapscope.snapshot.model import COLUMN_TYPES, CodeTable, Snapshot, SnapshotMeta, TypeInfo

Made = tuple[Encoding, int, int, bytes, int]  # encoding, item size, raw size, stored bytes, checksum


def raw(data: bytes) -> Made:
    """A section stored as it is."""
    return Encoding.RAW, 0, len(data), data, zlib.crc32(data)


def zipped(data: bytes) -> Made:
    """A section as records are stored in version 2."""
    stored = blocks.compress(data)
    return Encoding.ZSTD, 0, len(data), stored, zlib.crc32(stored)


def column(values: npt.NDArray[Any]) -> Made:
    """A column in plain blocks."""
    pieces, index = [], b""
    for start in range(0, values.size, BLOCK_VALUES):
        block, stored = blocks.encode_block(values[start : start + BLOCK_VALUES], Transform.PLAIN, None)
        pieces.append(stored)
        index += layout.encode_block(block)
    return Encoding.BLOCKS, values.itemsize, values.nbytes, b"".join([*pieces, index]), zlib.crc32(index)


def assemble(sections: Mapping[str, Made], version: int = layout.FORMAT_VERSION) -> bytes:
    """Put sections together."""
    position = layout.table_end(len(sections))
    entries, body = [], b""
    for name, (encoding, item_size, raw_size, stored, checksum) in sections.items():
        offset = position + len(body)
        entries.append(Section(name, encoding, offset, len(stored), raw_size, checksum, item_size))
        body += stored
    return layout.encode_head(entries, version) + body


def taken_apart(data: bytes) -> dict[str, Made]:
    """Take a file apart into what ``assemble`` takes."""
    version, count = layout.decode_header(data, len(data))
    sections = layout.decode_table(data[: layout.table_end(count)], version, count, len(data))
    return {
        name: (s.encoding, s.item_size, s.raw_size, data[s.offset : s.offset + s.stored_size], s.crc32)
        for name, s in sections.items()
    }


def large_snapshot(object_count: int, references_per_object: int = 2, type_count: int = 300) -> Snapshot:
    """Make a snapshot of several blocks per column: random, with outliers, runs and every width."""
    random = np.random.default_rng(7)
    outliers = random.random(object_count) < 0.001
    shallow = random.integers(16, 600, object_count).astype(np.uint64)
    shallow[outliers] = random.integers(1 << 20, 1 << 40, int(outliers.sum())).astype(np.uint64)
    counts = random.poisson(references_per_object, object_count).astype(np.uint64)
    counts[object_count // 3 : object_count // 2] = 0  # a block of references may span many objects without any
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.uint64)
    near = np.repeat(np.arange(object_count), counts.astype(np.int64)) + random.integers(-9000, 9000, int(offsets[-1]))
    far = random.random(near.size) < 0.3
    targets = np.where(far, random.integers(0, object_count, near.size), np.clip(near, 0, object_count - 1))
    fingerprint = random.integers(0, object_count // 3, object_count).astype(np.uint64)
    types = tuple(
        TypeInfo(address=0x1000 * (number + 1), name=f"m.T{number}", own_names=()) for number in range(type_count)
    )
    columns: dict[str, Any] = {
        "address": random.permutation(object_count).astype(np.uint64) * np.uint64(48) + np.uint64(0x7F00_0000_0000),
        "type_index": random.integers(0, len(types), object_count).astype(np.uint32),
        "shallow": shallow,
        "allocated": (shallow + np.uint64(15)) & ~np.uint64(15),
        "refcount": np.where(outliers, 0xFFFF_FFFF, 1).astype(np.uint64),
        "length": np.where(outliers, 1 << 47, random.integers(-1, 9, object_count)).astype(np.int64),
        "flags": random.integers(0, 5, object_count).astype(np.uint32) << np.uint32(29),
        "fingerprint": fingerprint * np.uint64(0x9E37_79B9_7F4A_7C15),
        "reference_offsets": offsets,
        "reference_targets": targets.astype(np.uint32),
    }
    assert columns.keys() == COLUMN_TYPES.keys()
    code_objects = np.arange(0, object_count, 7, dtype=np.uint32)
    code_lines = random.integers(0, 5000, code_objects.size).astype(np.uint32)
    code_names = tuple(f"f{number}" for number in code_objects.tolist())
    codes = CodeTable(code_objects, code_lines, code_objects % 3, code_names, ("a.py", "b.py", "c.py"))
    return Snapshot(meta=SnapshotMeta(pid=1), types=types, instances=(), roots=(), codes=codes, **columns)


def same_contents(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> bool:
    """Tell whether two columns of fingerprints say the same: which objects have none, and which are equal."""
    if not np.array_equal(left == 0, right == 0):
        return False
    pairs = set(zip(left.tolist(), right.tolist(), strict=True))
    return len(pairs) == len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs})

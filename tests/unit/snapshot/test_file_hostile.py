"""Snapshot files with correct checksums that make no sense: refused, before anything is allocated for them."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from heapscope.errors import SnapshotFileError
from heapscope.snapshot import blocks, contents, layout
from heapscope.snapshot.file import load_snapshot, save_snapshot
from heapscope.snapshot.layout import BLOCK_ENTRY, Block, Encoding, Section, Transform
from heapscope.snapshot.model import COLUMN_TYPES, Snapshot
from heapscope.snapshot.record_json import encode_records
from tests.support.heap import Heap
from tests.support.snapshot_files import Made, assemble, column, raw, taken_apart, zipped


def sample() -> Snapshot:
    """Three objects, three references, a root."""
    heap = Heap()
    heap.type("m.Thing")
    first, second, third = (heap.object(size=40) for _ in range(3))
    first.refers_to(second, third)
    third.refers_to(first)
    heap.root(first)
    return heap.snapshot()


@pytest.fixture
def sections(tmp_path: Path) -> dict[str, Made]:
    """The sections of a good file."""
    save_snapshot(sample(), tmp_path / "good.heapscope")
    return taken_apart((tmp_path / "good.heapscope").read_bytes())


def old_sections() -> dict[str, Made]:
    """The same as a file of format version 1."""
    snapshot = sample()
    found = {name: raw(encode_records(snapshot, name)) for name in contents.RECORD_SECTIONS}
    columns = {name: raw(getattr(snapshot, name).tobytes()) for name in COLUMN_TYPES if name != "fingerprint"}
    return found | columns


def assert_refused(path: Path, data: bytes, match: str | None = None) -> None:
    """Write it and fail to load it, without much memory."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(SnapshotFileError, match=match) as caught:
            load_snapshot(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
    assert caught.value.hint


COLUMNS = [
    ("reference_targets", "<u4", [9, 1, 2]),
    ("reference_targets", "<u4", [1, 2]),
    ("reference_offsets", "<u8", [0, 3, 2, 3]),
    ("reference_offsets", "<u8", [0, 1, 2]),
    ("reference_offsets", "<u8", [1, 2, 2, 3]),
    ("reference_offsets", "<u8", [0, 2, 2, 1 << 60]),
    ("reference_offsets", "<u8", []),
    ("type_index", "<u4", [0, 7, 0]),
    ("address", "<u8", [16, 16, 32]),
    ("shallow", "<u8", [1, 2]),
    ("shallow", "<u8", [1 << 63, 1 << 63, 1 << 63]),
    ("allocated", "<u8", [1 << 63, 1 << 63, 1 << 63]),
]
RECORDS = [
    ("meta", b"[]"),
    ("meta", b"{"),
    ("meta", b"\xff"),
    ("meta", b"[" * 100_000),
    ("meta", b'{"pid": "x"}'),
    ("meta", b'{"coverage": NaN}'),
    ("meta", b'{"dangling_reference_count": -1}'),
    ("types", b"{}"),
    ("types", b"[{}]"),
    ("instances", b"[1]"),
    ("instances", b'[{"states": {"x": 1}}]'),
    ("roots", b"[[1]]"),
]


@pytest.mark.parametrize(("name", "dtype", "values"), COLUMNS)
def test_columns_that_make_no_sense_are_refused(
    tmp_path: Path, sections: dict[str, Made], name: str, dtype: str, values: list[int]
) -> None:
    """In both versions of the format."""
    made = np.array(values, dtype=dtype)
    assert_refused(tmp_path / "x", assemble(sections | {name: column(made)}))
    assert_refused(tmp_path / "y", assemble(old_sections() | {name: raw(made.tobytes())}, version=1))


@pytest.mark.parametrize(("name", "text"), RECORDS)
def test_records_that_make_no_sense_are_refused(
    tmp_path: Path, sections: dict[str, Made], name: str, text: bytes
) -> None:
    """In both versions of the format."""
    assert_refused(tmp_path / "x", assemble(sections | {name: zipped(text)}))
    assert_refused(tmp_path / "y", assemble(old_sections() | {name: raw(text)}, version=1))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("type_count", [4]),
        ("type_count", [3, 0]),
        ("type_count", []),
        ("type_shallow", [121]),
        ("type_allocated", [1 << 63]),
        ("root_objects", []),
        ("root_objects", [3]),
        ("root_objects", [1]),
    ],
)
def test_what_does_not_follow_from_the_columns_is_refused(
    tmp_path: Path, sections: dict[str, Made], name: str, values: list[int]
) -> None:
    """Sums per type that are others, a root that is another object."""
    made = np.array(values, dtype="<u4" if name == "root_objects" else "<u8")
    assert_refused(tmp_path / "x", assemble(sections | {name: column(made)}))


def test_the_good_files_are_good(tmp_path: Path, sections: dict[str, Made]) -> None:
    """So the tests here refuse what they mean to."""
    for data in (assemble(sections), assemble(old_sections(), version=1)):
        (tmp_path / "x").write_bytes(data)
        loaded = load_snapshot(tmp_path / "x")
        assert loaded.reference_targets.tolist() == sample().reference_targets.tolist()
        assert loaded.roots == sample().roots


@pytest.mark.parametrize("name", [*contents.RECORD_SECTIONS, *COLUMN_TYPES, *contents.TYPE_COLUMNS, "root_objects"])
def test_missing_sections_are_noticed(tmp_path: Path, sections: dict[str, Made], name: str) -> None:
    """All but those of later columns, and the sums, which can be computed."""
    data = assemble({key: value for key, value in sections.items() if key != name})
    if name in ("fingerprint", *contents.TYPE_COLUMNS):
        (tmp_path / "x").write_bytes(data)
        assert load_snapshot(tmp_path / "x").object_count == 3
    else:
        assert_refused(tmp_path / "x", data)


def block_file(sections: dict[str, Made], stored: bytes, block: Block, count: int) -> bytes:
    """Make the column shallow of one block."""
    index = layout.encode_block(block)
    made = (Encoding.BLOCKS, 8, 8 * count, stored + index, zlib.crc32(index))
    return assemble(sections | {"shallow": made})


def test_blocks_that_expand_to_another_size_are_refused(tmp_path: Path, sections: dict[str, Made]) -> None:
    """Whatever the compressed frame says about itself: it may name a size of a million millions."""
    honest = blocks.compress(bytes(24))
    bombs = [
        blocks.compress(bytes(1 << 22)),
        blocks.zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1 << 22)),
        honest[:4] + bytes([0xE0]) + struct.pack("<Q", 1 << 40) + honest[6:],
        honest[:-1],
        honest + b"x",
        b"",
        bytes(24),
    ]
    for stored in bombs:
        block = Block(0, len(stored), zlib.crc32(stored), 0, Transform.PLAIN, 8, is_compressed=True)
        assert_refused(tmp_path / "x", block_file(sections, stored, block, 3), "shallow")


def test_index_entries_that_make_no_sense_are_refused(tmp_path: Path, sections: dict[str, Made]) -> None:
    """Widths, transforms that need what is not there, sizes."""
    stored = bytes(24)
    for fields in [(24, 0, 0, 0, 9, 0, 0, 0), (24, 0, 0, 0, 0, 0, 0, 0), (24, 0, 0, 7, 8, 0, 0, 0)]:
        entry = BLOCK_ENTRY.pack(fields[0], zlib.crc32(stored), *fields[2:])
        assert_refused(tmp_path / "x", with_index(sections, stored, entry), "shallow")
    for fields in [(24, 0, 0, 5, 8, 0, 0, 0), (24, 0, 0, 3, 8, 0, 0, 0), (24, 0, 0, 0, 8, 2, 0, 0)]:
        entry = BLOCK_ENTRY.pack(fields[0], zlib.crc32(stored), *fields[2:])
        assert_refused(tmp_path / "x", with_index(sections, stored, entry), "shallow")
    for size in (0, 23, 25, (1 << 32) - 1):
        entry = BLOCK_ENTRY.pack(size, zlib.crc32(stored), 0, 0, 8, 0, 0, 0)
        assert_refused(tmp_path / "x", with_index(sections, stored, entry), "shallow")


def with_index(sections: dict[str, Made], stored: bytes, index: bytes) -> bytes:
    """Make the column shallow with any index."""
    return assemble(sections | {"shallow": (Encoding.BLOCKS, 8, 24, stored + index, zlib.crc32(index))})


@pytest.mark.parametrize("raw_size", [5, 10_000_001, 1 << 39, 1 << 50])
@pytest.mark.parametrize("version", [1, 2])
def test_a_section_that_expands_too_much_is_refused(tmp_path: Path, raw_size: int, version: int) -> None:
    """A bomb is not decompressed beyond the size that its table states, nor allowed to state an absurd one."""
    compress, encoding = (zlib.compress, Encoding.ZLIB) if version == 1 else (blocks.compress, Encoding.ZSTD)
    bomb = compress(b"\0" * 10_000_000)
    section = Section("meta", encoding, layout.table_end(1), len(bomb), raw_size, zlib.crc32(bomb))
    assert_refused(tmp_path / "d", layout.encode_head([section], version) + bomb)


def test_columns_longer_than_the_file_can_justify_are_refused(tmp_path: Path, sections: dict[str, Made]) -> None:
    """Four thousand million objects in a kilobyte."""
    for count in (1 << 24, 1 << 31, 1 << 35):
        made = dict(sections)
        for name in COLUMN_TYPES:
            encoding, item_size, _, stored, checksum = made[name]
            made[name] = (encoding, item_size, item_size * count, stored, checksum)
        assert_refused(tmp_path / "x", assemble(made))


def test_encodings_of_another_version_are_refused(tmp_path: Path, sections: dict[str, Made]) -> None:
    """And unknown ones."""
    assert_refused(tmp_path / "x", assemble(sections, version=1), "unknown entry")
    zipped_meta = zlib.compress(sections["meta"][3])
    made = (Encoding.ZLIB, 0, sections["meta"][2], zipped_meta, zlib.crc32(zipped_meta))
    assert_refused(tmp_path / "x", assemble(sections | {"meta": made}), "unknown entry")
    for item_size in (0, 2, 16):
        broken = (Encoding.BLOCKS, item_size, *sections["shallow"][2:])
        assert_refused(tmp_path / "x", assemble(sections | {"shallow": broken}), "unknown kind of item")


def test_sections_that_overlap_or_repeat_are_refused(tmp_path: Path) -> None:
    """Each byte belongs to one section."""
    end = layout.table_end(2)
    for offsets, names in (((end, end), ("a", "b")), ((end, end + 2), ("a", "a")), ((end, end + 3), ("a", "b"))):
        made = [
            Section(name, Encoding.RAW, offset, 2, 2, zlib.crc32(b"xx"))
            for name, offset in zip(names, offsets, strict=True)
        ]
        assert_refused(tmp_path / "o", (layout.encode_head(made) + b"xxxxxxxx")[: max(offsets) + 2])

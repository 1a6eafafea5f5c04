"""The layout of a snapshot file: header, section table, index of blocks, checksums. Bytes in, descriptions out.

Never opens a file, and never lets a size pass that was not checked. docs/snapshot-format.md has the offset tables.

Every byte of a file is covered by exactly one CRC-32: that of the header (with the table), of a section, or of a block of
a column. Sections follow each other without gaps, blocks likewise: any flipped byte and any truncation is seen.
"""

from __future__ import annotations

import dataclasses
import enum
import struct
import zlib
from collections.abc import Mapping, Sequence

MAGIC = b"\x89HSCOPE\n"  # the first byte is no text, the last one shows newline conversion
FORMAT_VERSION = 2
OLDEST_VERSION = 1

HEADER = struct.Struct("<8sIIQII")  # magic, version, sections, file size, crc32 of header and table, zero
ENTRY = struct.Struct("<24sIIQQQII")  # name, encoding, item size, offset, stored size, raw size, crc32, zero
BLOCK_ENTRY = struct.Struct("<IIQBBBBI")  # stored size, crc32, base, transform, width, is compressed, zero, zero

MAX_SECTIONS = 64
MAX_FILE_SIZE = 1 << 42
MAX_RAW_SIZE = 1 << 40
FREE_RAW_SIZE = 1 << 26  # small files may expand as they like, up to this
MAX_EXPANSION = 256  # raw bytes per byte of file; a writer that would exceed it adds a section of zeros
MAX_EXPANSION_1 = 64  # the same in version 1

BLOCK_VALUES = 1 << 18  # values per block of a column: two megabytes at most, so that working on one stays in the cache

crc32 = zlib.crc32


class LayoutError(ValueError):
    """The bytes are no snapshot file, or one that was damaged."""


class Encoding(enum.IntEnum):
    """How the bytes of a section are stored."""

    RAW = 0
    ZLIB = 1  # version 1 only
    ZSTD = 2
    BLOCKS = 3  # a column: blocks, then their index


_ENCODINGS: Mapping[int, frozenset[Encoding]] = {
    1: frozenset({Encoding.RAW, Encoding.ZLIB}),
    2: frozenset({Encoding.RAW, Encoding.ZSTD, Encoding.BLOCKS}),
}


class Transform(enum.IntEnum):
    """What was done to the values of a block before their bytes were sorted by significance; see transforms.py."""

    PLAIN = 0
    DELTA = 1
    STEPS = 2
    ABOVE = 3
    PLUS_ONE = 4
    NEAR = 5
    FIRST_SEEN = 6


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """One entry of the section table. Sizes and the offset in bytes; ``crc32`` of the index, if there are blocks."""

    name: str
    encoding: Encoding
    offset: int
    stored_size: int
    raw_size: int
    crc32: int
    item_size: int = 0

    @property
    def value_count(self) -> int:
        """How many values a column of blocks has."""
        return self.raw_size // self.item_size

    @property
    def block_count(self) -> int:
        """How many blocks a column has."""
        return -(-self.value_count // BLOCK_VALUES)


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """One entry of the index of a column. ``offset`` from the start of the file, ``width`` in bytes per value."""

    offset: int
    stored_size: int
    crc32: int
    base: int
    transform: Transform
    width: int
    is_compressed: bool


def table_end(section_count: int) -> int:
    """Where the first section starts."""
    return HEADER.size + ENTRY.size * section_count


def encode_head(sections: Sequence[Section], version: int = FORMAT_VERSION) -> bytes:
    """Write the header and the section table."""
    file_size = max([table_end(len(sections)), *(section.offset + section.stored_size for section in sections)])
    table = b"".join(
        ENTRY.pack(s.name.encode("ascii"), s.encoding, s.item_size, s.offset, s.stored_size, s.raw_size, s.crc32, 0)
        for s in sections
    )
    blank = HEADER.pack(MAGIC, version, len(sections), file_size, 0, 0)
    return HEADER.pack(MAGIC, version, len(sections), file_size, crc32(blank + table), 0) + table


def decode_header(header: bytes, file_size: int) -> tuple[int, int]:
    """Check the header (HEADER.size bytes) and give the format version and the number of sections. Raises LayoutError."""
    if len(header) < HEADER.size or not header.startswith(MAGIC):
        raise LayoutError("it is no heapscope snapshot")
    _, version, section_count, stated_size, _, zero = HEADER.unpack(header[: HEADER.size])
    if not OLDEST_VERSION <= version <= FORMAT_VERSION:
        known = f"versions {OLDEST_VERSION} to {FORMAT_VERSION}"
        raise LayoutError(f"its format version is {version}, this heapscope reads {known}")
    if section_count > MAX_SECTIONS or zero != 0:
        raise LayoutError("its header is damaged")
    if stated_size != file_size:
        raise LayoutError(f"it has {file_size} bytes instead of {stated_size}: truncated or damaged")
    return int(version), int(section_count)


def decode_table(head: bytes, version: int, section_count: int, file_size: int) -> dict[str, Section]:
    """Check the checksum of header and table, and every entry; give the sections by name. Raises LayoutError."""
    stated_crc = HEADER.unpack(head[: HEADER.size])[4]
    blank = HEADER.pack(MAGIC, version, section_count, file_size, 0, 0)
    if len(head) != table_end(section_count) or crc32(blank + head[HEADER.size :]) != stated_crc:
        raise LayoutError("the checksum of its header is wrong")
    sections: dict[str, Section] = {}
    position = table_end(section_count)
    for number in range(section_count):
        section = _decode_entry(head[HEADER.size + ENTRY.size * number :], version)
        if section.offset != position or section.name in sections:
            raise LayoutError("its section table contradicts itself")
        position += section.stored_size
        sections[section.name] = section
    if position != file_size:
        raise LayoutError("its sections do not fill it")
    raw_size = sum(section.raw_size for section in sections.values())
    if expands_too_much(raw_size, file_size, MAX_EXPANSION_1 if version == 1 else MAX_EXPANSION):
        raise LayoutError("its sections expand to an absurd size")
    return sections


def _decode_entry(entry: bytes, version: int) -> Section:
    name, encoding, item_size, offset, stored_size, raw_size, checksum, zero = ENTRY.unpack(entry[: ENTRY.size])
    text = name.rstrip(b"\0")
    if not text.isascii() or not text or zero or encoding not in _ENCODINGS[version]:
        raise LayoutError("its section table has an unknown entry")
    if stored_size > MAX_FILE_SIZE or raw_size > MAX_RAW_SIZE:
        raise LayoutError("a section has an absurd size")
    if item_size not in ((4, 8) if encoding == Encoding.BLOCKS else (0,)):
        raise LayoutError("a section has an unknown kind of item")
    section = Section(text.decode("ascii"), Encoding(encoding), offset, stored_size, raw_size, checksum, item_size)
    if encoding == Encoding.RAW and raw_size != stored_size:
        raise LayoutError("the sizes of a section contradict each other")
    if encoding == Encoding.BLOCKS and (raw_size % item_size or section.block_count * BLOCK_ENTRY.size > stored_size):
        raise LayoutError("the sizes of a column contradict each other")
    return section


def expands_too_much(raw_size: int, file_size: int, expansion: int) -> bool:
    """Tell whether so many raw bytes in so small a file are forbidden by the format."""
    return raw_size > max(FREE_RAW_SIZE, expansion * file_size)


def encode_block(block: Block) -> bytes:
    """Write one entry of the index of a column; the offset follows from the entries before."""
    return BLOCK_ENTRY.pack(
        block.stored_size, block.crc32, block.base, block.transform, block.width, block.is_compressed, 0, 0
    )


def index_position(section: Section) -> tuple[int, int]:
    """Give offset and size, in bytes, of the index behind the blocks of a column."""
    size = section.block_count * BLOCK_ENTRY.size
    return section.offset + section.stored_size - size, size


def decode_index(section: Section, index: bytes) -> list[Block]:
    """Check the index of a column and give its blocks. Raises LayoutError."""
    if crc32(index) != section.crc32:
        raise LayoutError(f"the checksum of its section {section.name} is wrong")
    blocks = []
    offset = section.offset
    for stored_size, checksum, base, transform, width, is_compressed, zero, last in BLOCK_ENTRY.iter_unpack(index):
        if zero or last or is_compressed > 1 or transform not in tuple(Transform):
            raise LayoutError(f"its column {section.name} has an unknown kind of block")
        if not 1 <= width <= section.item_size:
            raise LayoutError(f"its column {section.name} has values of an unknown width")
        blocks.append(Block(offset, stored_size, checksum, base, Transform(transform), width, bool(is_compressed)))
        offset += stored_size
    if offset != index_position(section)[0]:
        raise LayoutError(f"the blocks of its column {section.name} do not fill it")
    return blocks


def block_range(section: Section, number: int) -> tuple[int, int]:
    """Give the first value of a block, and the one behind its last."""
    start = number * BLOCK_VALUES
    return start, min(start + BLOCK_VALUES, section.value_count)

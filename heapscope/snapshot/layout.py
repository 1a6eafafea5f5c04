"""The layout of a snapshot file: header, section table, checksums. Bytes in, descriptions out.

Never opens a file. docs/snapshot-format.md has the offset tables.

Every byte of a file is covered by exactly one CRC-32, the header and table by their own, each section by that in its
table entry, and sections follow each other without gaps: any flipped byte and any truncation is seen.
"""

from __future__ import annotations

import dataclasses
import enum
import struct
import zlib

MAGIC = b"\x89HSCOPE\n"  # the first byte is no text, the last one shows newline conversion
FORMAT_VERSION = 1

HEADER = struct.Struct("<8sIIQII")  # magic, version, sections, file size, crc32 of header and table, zero
ENTRY = struct.Struct("<24sIIQQQII")  # name, encoding, zero, offset, stored size, raw size, crc32 of stored, zero

MAX_SECTIONS = 64
MAX_FILE_SIZE = 1 << 42
MAX_RAW_SIZE = 1 << 40
MAX_EXPANSION = 64  # raw bytes per byte of file; a writer that would exceed it stores its sections raw
FREE_RAW_SIZE = 1 << 26  # small files may expand as they like, up to this


class LayoutError(ValueError):
    """The bytes are no snapshot file, or one that was damaged."""


class Encoding(enum.IntEnum):
    """How the bytes of a section are stored."""

    RAW = 0
    ZLIB = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """One entry of the section table."""

    name: str
    encoding: Encoding
    offset: int
    stored_size: int
    raw_size: int
    crc32: int


def table_end(section_count: int) -> int:
    """Where the first section starts."""
    return HEADER.size + ENTRY.size * section_count


def encode_head(sections: list[Section]) -> bytes:
    """Write the header and the section table."""
    file_size = max([table_end(len(sections)), *(section.offset + section.stored_size for section in sections)])
    table = b"".join(
        ENTRY.pack(s.name.encode("ascii"), s.encoding, 0, s.offset, s.stored_size, s.raw_size, s.crc32, 0)
        for s in sections
    )
    blank = HEADER.pack(MAGIC, FORMAT_VERSION, len(sections), file_size, 0, 0)
    return HEADER.pack(MAGIC, FORMAT_VERSION, len(sections), file_size, zlib.crc32(blank + table), 0) + table


def decode_section_count(header: bytes, file_size: int) -> int:
    """Check the header (HEADER.size bytes) and give the number of sections. Raises LayoutError."""
    if len(header) < HEADER.size or not header.startswith(MAGIC):
        raise LayoutError("it is no heapscope snapshot")
    _, version, section_count, stated_size, _, zero = HEADER.unpack(header[: HEADER.size])
    if version != FORMAT_VERSION:
        raise LayoutError(f"its format version is {version}, this heapscope reads version {FORMAT_VERSION}")
    if section_count > MAX_SECTIONS or zero != 0:
        raise LayoutError("its header is damaged")
    if stated_size != file_size:
        raise LayoutError(f"it has {file_size} bytes instead of {stated_size}: truncated or damaged")
    return int(section_count)


def decode_table(head: bytes, section_count: int, file_size: int) -> dict[str, Section]:
    """Check the checksum of header and table, and every entry; give the sections by name. Raises LayoutError."""
    stated_crc = HEADER.unpack(head[: HEADER.size])[4]
    blank = HEADER.pack(MAGIC, FORMAT_VERSION, section_count, file_size, 0, 0)
    if len(head) != table_end(section_count) or zlib.crc32(blank + head[HEADER.size :]) != stated_crc:
        raise LayoutError("the checksum of its header is wrong")
    sections: dict[str, Section] = {}
    position = table_end(section_count)
    for number in range(section_count):
        section = _decode_entry(head[HEADER.size + ENTRY.size * number :])
        if section.offset != position or section.name in sections:
            raise LayoutError("its section table contradicts itself")
        position += section.stored_size
        sections[section.name] = section
    if position != file_size:
        raise LayoutError("its sections do not fill it")
    raw_size = sum(section.raw_size for section in sections.values())
    if expands_too_much(raw_size, file_size):
        raise LayoutError("its sections expand to an absurd size")
    return sections


def _decode_entry(entry: bytes) -> Section:
    name, encoding, zero, offset, stored_size, raw_size, crc32, last_zero = ENTRY.unpack(entry[: ENTRY.size])
    text = name.rstrip(b"\0")
    if not text.isascii() or not text or zero or last_zero or encoding not in tuple(Encoding):
        raise LayoutError("its section table has an unknown entry")
    if stored_size > MAX_FILE_SIZE or raw_size > MAX_RAW_SIZE:
        raise LayoutError("a section has an absurd size")
    if encoding == Encoding.RAW and raw_size != stored_size:
        raise LayoutError("the sizes of a section contradict each other")
    return Section(text.decode("ascii"), Encoding(encoding), offset, stored_size, raw_size, crc32)


def expands_too_much(raw_size: int, file_size: int) -> bool:
    """Tell whether so many raw bytes in so small a file are forbidden by the format."""
    return raw_size > max(FREE_RAW_SIZE, MAX_EXPANSION * file_size)


def decode_section(section: Section, stored: bytes) -> bytes:
    """Check the checksum of a section and give its raw bytes. Raises LayoutError."""
    if len(stored) != section.stored_size or zlib.crc32(stored) != section.crc32:
        raise LayoutError(f"the checksum of its section {section.name} is wrong")
    if section.encoding == Encoding.RAW:
        return stored
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(stored, section.raw_size + 1)
    except zlib.error as error:
        raise LayoutError(f"its section {section.name} cannot be decompressed") from error
    if len(raw) != section.raw_size or not inflate.eof or inflate.unused_data:
        raise LayoutError(f"its section {section.name} has another size than stated")
    return raw

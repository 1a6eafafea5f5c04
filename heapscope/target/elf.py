"""The little of ELF that finding symbols in a running process needs: load segments, the dynamic table, its symbols, the load bias.

Never needs section headers (strip and packers drop them), and never reads more than bounded pieces: the file may be hostile.

Symbols are found through the program headers only:

    ELF header -> program headers -> PT_DYNAMIC -> DT_GNU_HASH or DT_HASH, DT_SYMTAB, DT_STRTAB

Reading goes by virtual address, so the same code serves a file (addresses are translated through PT_LOAD) and the memory of a
process (addresses are shifted by the load bias).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from heapscope.target.maps import Mapping

PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")

MAX_PROGRAM_HEADERS = 128  # real files have about a dozen
MAX_DYNAMIC_SIZE = 64 << 10
MAX_SYMBOLS = 1 << 20  # large C++ libraries have about 300,000
MAX_CHAIN = 4096  # entries of one hash bucket; real ones hold a handful
MAX_NAME = 256

MACHINE_X86_64 = 62
MACHINE_AARCH64 = 183

_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_STRSZ, _DT_GNU_HASH = 4, 5, 6, 10, 0x6FFFFEF5
_STT_TLS, _STT_GNU_IFUNC = 6, 10
_SYMBOL = struct.Struct("<IBBHQQ")


class ElfError(ValueError):
    """The bytes are no 64-bit little-endian ELF file, or its tables point nowhere."""


class Symbol(NamedTuple):
    """A defined dynamic symbol. ``value`` is a virtual address of the file: add the load bias."""

    value: int
    size: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One PT_LOAD: ``file_size`` bytes from ``offset`` are mapped at ``address``; the rest up to ``memory_size`` is zero."""

    offset: int
    address: int
    file_size: int
    memory_size: int
    flags: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The headers of one ELF file."""

    machine: int
    kind: int  # 2 = fixed address, 3 = shared object or position-independent program
    segments: tuple[Segment, ...]
    dynamic: tuple[int, int] | None  # address and size of the dynamic table


ReadAt = Callable[[int, int], bytes]
"""Read ``size`` bytes at a position; raises OSError, or returns fewer."""


def read_layout(read: ReadAt) -> Layout:
    """Read the headers at position 0 of a file, or of its first mapping.

    Raises:
        ElfError: not a 64-bit little-endian ELF file.
    """
    header = read(0, 64)
    if len(header) < 64 or header[:4] != b"\x7fELF":
        raise ElfError("not an ELF file")
    if header[4] != 2 or header[5] != 1:
        raise ElfError("not a 64-bit little-endian ELF file")
    kind, machine = struct.unpack_from("<HH", header, 16)
    (table,) = struct.unpack_from("<Q", header, 32)
    entry_size, count = struct.unpack_from("<HH", header, 54)
    if entry_size < 56 or count > MAX_PROGRAM_HEADERS:
        raise ElfError("unusable program headers")
    data = _read_exactly(read, table, entry_size * count)
    segments, dynamic = [], None
    for index in range(count):
        kind_of, flags, offset, address, _, file_size, memory_size, _ = struct.unpack_from(
            "<IIQQQQQQ", data, index * entry_size
        )
        if kind_of == _PT_LOAD:
            segments.append(Segment(offset, address, file_size, memory_size, flags))
        elif kind_of == _PT_DYNAMIC:
            dynamic = (address, min(memory_size, MAX_DYNAMIC_SIZE))
    return Layout(machine, kind, tuple(segments), dynamic)


class SymbolTable:
    """The dynamic symbols of one ELF image. Reads on demand; keeps no bytes. Not thread-safe when its reader is not."""

    def __init__(self, layout: Layout, read_address: ReadAt, *, bias: int = 0) -> None:
        """``bias`` is what a loader may already have added to the pointers of the dynamic table (0 for a file)."""
        self._read = read_address
        self._tags = self._read_tags(layout)
        self._lowest = min((segment.address for segment in layout.segments), default=0)
        self._bias = bias
        self._symbols = self._table(_DT_SYMTAB) or 0
        self._strings = self._table(_DT_STRTAB) or 0

    def _read_tags(self, layout: Layout) -> dict[int, int]:
        if layout.dynamic is None:
            return {}
        data = _read_exactly(self._read, *layout.dynamic)
        tags: dict[int, int] = {}
        for tag, value in struct.iter_unpack("<QQ", data[: len(data) & ~15]):
            if tag == 0:
                break
            tags.setdefault(tag, value)
        return tags

    def _table(self, tag: int) -> int | None:
        address = self._tags.get(tag)
        if address is None:
            return None
        # glibc relocates these pointers in memory, musl does not.
        return address - self._bias if self._bias and address >= self._bias + self._lowest else address

    def find(self, wanted: Iterable[str]) -> dict[str, Symbol]:
        """Return those of the wanted names that are defined here. Thread-local symbols and indirect functions are left out."""
        names = {name.encode() for name in wanted}
        if not self._symbols or not self._strings:
            return {}
        gnu_hash = self._table(_DT_GNU_HASH)
        indexes = self._scan(names) if gnu_hash is None else self._look_up(gnu_hash, names)
        return {name.decode(): symbol for name, symbol in indexes}

    def _look_up(self, table: int, names: set[bytes]) -> Iterable[tuple[bytes, Symbol]]:
        buckets, first, bloom_words, _ = struct.unpack("<IIII", _read_exactly(self._read, table, 16))
        if not 0 < buckets <= MAX_SYMBOLS or bloom_words > MAX_SYMBOLS:
            raise ElfError("unusable symbol hash table")
        bucket_table = table + 16 + 8 * bloom_words
        chain_table = bucket_table + 4 * buckets
        for name in names:
            wanted = gnu_hash_of(name)
            (start,) = struct.unpack("<I", _read_exactly(self._read, bucket_table + 4 * (wanted % buckets), 4))
            for index in range(start, start + MAX_CHAIN) if start >= first else ():
                (found,) = struct.unpack("<I", _read_exactly(self._read, chain_table + 4 * (index - first), 4))
                symbol = self._symbol_named(index, name) if (found | 1) == (wanted | 1) else None
                if symbol is not None:
                    yield name, symbol
                    break
                if found & 1:
                    break

    def _symbol_named(self, index: int, name: bytes) -> Symbol | None:
        start, strings = self._symbols, self._strings
        entry = _SYMBOL.unpack(_read_exactly(self._read, start + index * _SYMBOL.size, _SYMBOL.size))
        symbol = _usable(entry)
        if symbol is None or self._read(strings + entry[0], len(name) + 1) != name + b"\0":
            return None
        return symbol

    def _scan(self, names: set[bytes]) -> Iterable[tuple[bytes, Symbol]]:
        start, strings = self._symbols, self._strings
        text = self._read(strings, min(self._tags.get(_DT_STRSZ, 0), MAX_SYMBOLS * 64))
        data = self._read(start, self._symbol_count(start, strings) * _SYMBOL.size)
        for entry in _SYMBOL.iter_unpack(data[: len(data) - len(data) % _SYMBOL.size]):
            end = text.find(b"\0", entry[0], entry[0] + MAX_NAME)
            name = text[entry[0] : end] if end > entry[0] else b""
            symbol = _usable(entry) if name in names else None
            if symbol is not None:
                yield name, symbol

    def _symbol_count(self, start: int, strings: int) -> int:
        table = self._table(_DT_HASH)
        if table is not None:
            (count,) = struct.unpack("<4xI", _read_exactly(self._read, table, 8))
        else:
            # Without a hash table the only sign of the end is the string table, which linkers put right behind.
            count = (strings - start) // _SYMBOL.size
        if not 0 <= count <= MAX_SYMBOLS:
            raise ElfError("unusable symbol table")
        return int(count)


def gnu_hash_of(name: bytes) -> int:
    """The hash function of DT_GNU_HASH tables."""
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def symbols_of_file(file: BinaryIO) -> tuple[Layout, SymbolTable]:
    """Return headers and dynamic symbols of an open file, which must stay open while the table is used.

    Raises:
        ElfError: not a usable ELF file.
    """
    descriptor = file.fileno()

    def read_offset(offset: int, size: int) -> bytes:
        return os.pread(descriptor, size, offset) if 0 <= offset < 1 << 62 else b""

    layout = read_layout(read_offset)

    def read_address(address: int, size: int) -> bytes:
        offset, available = _offset_of(layout, address)
        return read_offset(offset, min(size, available))

    return layout, SymbolTable(layout, read_address)


def read_file_address(file: BinaryIO, layout: Layout, address: int, size: int) -> bytes:
    """Read initial data of a file by virtual address.

    Raises:
        ElfError: the address is not backed by the file.
    """
    offset, available = _offset_of(layout, address)
    return _read_exactly(lambda at, n: os.pread(file.fileno(), n, at), offset, min(size, available))


def dynamic_symbols(file: BinaryIO, wanted: Iterable[str]) -> dict[str, Symbol]:
    """Return ``{name: (value, size)}`` for the wanted names that an open ELF file defines and exports.

    Raises:
        ElfError: not a usable ELF file.
    """
    return symbols_of_file(file)[1].find(wanted)


def load_bias(segments: Sequence[Segment], mappings: Iterable[Mapping]) -> int | None:
    """Return what to add to the file's virtual addresses, from the mappings of this one file; None if nothing fits.

    Every mapping votes with its size, because single pages of a file may be mapped a second time elsewhere (libffi's static
    trampolines do that to the python program itself), and then the first mapping is not the load address.
    """
    votes: dict[int, int] = {}
    for mapping in mappings:
        for segment in segments:
            first = segment.offset & -PAGE_SIZE
            if not first <= mapping.offset < segment.offset + segment.file_size:
                continue
            bias = mapping.start - (segment.address & -PAGE_SIZE) - (mapping.offset - first)
            votes[bias] = votes.get(bias, 0) + mapping.size
    return max(votes, key=lambda bias: votes[bias]) if votes else None


def _offset_of(layout: Layout, address: int) -> tuple[int, int]:
    for segment in layout.segments:
        inside = address - segment.address
        if 0 <= inside < segment.file_size:
            return segment.offset + inside, segment.file_size - inside
    raise ElfError(f"no segment holds {address:#x}")


def _usable(entry: tuple[int, ...]) -> Symbol | None:
    _, info, _, section, value, size = entry
    if section == 0 or value == 0 or info & 15 in (_STT_TLS, _STT_GNU_IFUNC):
        return None
    return Symbol(value, size)


def _read_exactly(read: ReadAt, position: int, size: int) -> bytes:
    data = read(position, size)
    if len(data) != size:
        raise ElfError(f"the file ends before {position + size:#x}")
    return data

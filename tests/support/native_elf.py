"""What an ELF file asks of its loader: segments, relocations, needed libraries, symbols. For small files that we built.

Never reads section headers: the loader does not either.
"""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

_PT_DYNAMIC, _PT_GNU_STACK, _PT_INTERP, _PT_TLS = 2, 0x6474E551, 3, 7
_DT_NEEDED, _DT_STRTAB, _DT_SYMTAB, _DT_INIT, _DT_INIT_ARRAY, _DT_STRSZ = 1, 5, 6, 12, 25, 10
_RELOCATION_TAGS = {7, 8, 17, 18, 23, 2, 36, 35}  # RELA, REL, JMPREL, RELR and their sizes


@dataclasses.dataclass(frozen=True, slots=True)
class Elf:
    """``segments`` are (type, flags) of all program headers; ``tags`` of the dynamic table; ``symbols`` (name, is defined)."""

    machine: int
    segments: list[tuple[int, int]]
    tags: dict[int, int]
    symbols: list[tuple[str, bool]]

    def relocation_tags(self) -> set[int]:
        """Return the tags by which the file asks for relocations."""
        return self.tags.keys() & _RELOCATION_TAGS

    def loader_tags(self) -> set[int]:
        """Return the tags by which it asks for libraries or for code to run when it is loaded."""
        return self.tags.keys() & {_DT_NEEDED, _DT_INIT, _DT_INIT_ARRAY}

    def has_stack_flags(self, flags: int) -> bool:
        """Whether the stack that it asks for has these permissions."""
        return any(kind == _PT_GNU_STACK and given == flags for kind, given in self.segments)

    def has_thread_locals(self) -> bool:
        """Whether it needs a thread-local block."""
        return any(kind in {_PT_TLS, _PT_INTERP} for kind, _ in self.segments)


def read_elf(path: Path) -> Elf:
    """Read a file."""
    data = path.read_bytes()
    (machine,) = struct.unpack_from("<H", data, 18)
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<IIQQQQ", data, start + size * number) for number in range(count)]
    loads: list[tuple[int, int, int]] = [
        (address, offset, length) for kind, _, offset, address, _, length in headers if kind == 1
    ]

    def at(address: int) -> int:
        """Translate an address to a place in the file."""
        return next(address - low + offset for low, offset, length in loads if low <= address < low + length)

    dynamic = next(offset for kind, _, offset, *_ in headers if kind == _PT_DYNAMIC)
    tags: dict[int, int] = {}
    while True:
        tag, value = struct.unpack_from("<QQ", data, dynamic)
        if tag == 0:
            break
        tags[tag] = value
        dynamic += 16
    texts = data[at(tags[_DT_STRTAB]) :][: tags[_DT_STRSZ]]
    table = at(tags[_DT_SYMTAB])
    symbols = []
    for number in range(1, (at(tags[_DT_STRTAB]) - table) // 24):  # ld puts the texts right behind
        name, kind, _, section = struct.unpack_from("<IBBH", data, table + 24 * number)
        if kind & 15 != 3:  # no section symbol
            symbols.append((texts[name : texts.index(b"\0", name)].decode(), section != 0))
    return Elf(machine, [(kind, flags) for kind, flags, *_ in headers], tags, symbols)


def assert_stands_alone(path: Path) -> Elf:
    """Assert what laying a library into a process without a loader takes; return what was read."""
    elf = read_elf(path)
    assert elf.relocation_tags() == set()
    assert elf.loader_tags() == set()
    assert not elf.has_thread_locals()
    assert sorted(elf.symbols) == [("heapwalk_run", True), ("heapwalk_symbols", True)]
    assert not any(flags & 3 == 3 for kind, flags in elf.segments if kind == 1), "writable and executable"
    assert elf.has_stack_flags(6)
    return elf

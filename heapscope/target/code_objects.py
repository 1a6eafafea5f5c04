"""Code objects of a process: names, file, variables and lines of what its frames execute.

Never trusts a pointer: an object counts only if its type is the one expected. Nothing is escaped; texts are bounded.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping

from heapscope.target import stack_layout
from heapscope.target.line_table import line_of
from heapscope.target.memory import CachedMemory
from heapscope.target.stack_layout import StackLayout
from heapscope.wire.protocol import MAX_NAME

MAX_VARIABLES = 1 << 16  # of one code object; real ones have up to a few thousand
MAX_STACK = 1 << 16
MAX_LINE_TABLE = 8 << 20
MAX_WORK = 1 << 25  # bytes of tables and names looked at in one process: a second or two

_CELL_KINDS = 0x40 | 0x80  # CO_FAST_CELL, CO_FAST_FREE
_STATE_OFFSET = 32
_LENGTH_OFFSET = 16
_ENCODINGS = {1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}


class BadObject(ValueError):
    """A pointer leads to something else than expected."""


class WorkLimit(Exception):
    """The process makes us look at more than any real one would."""


@dataclasses.dataclass(frozen=True, slots=True)
class Code:
    """A code object. ``qualified_name`` is "" up to 3.10; texts keep their end where they are over MAX_NAME."""

    address: int
    name: str
    qualified_name: str
    file: str
    first_line: int
    variable_names: tuple[str, ...]
    is_cell: tuple[bool, ...]  # of each variable: what its frames hold is a cell
    stack_size: int
    instructions: int  # address of the first instruction
    first_traceable: int  # address of the first one that belongs to the program
    line_table: bytes


class CodeReader:
    """Reads code objects, each once. Not thread-safe."""

    def __init__(self, memory: CachedMemory, layout: StackLayout, types: Mapping[str, int]) -> None:
        self._memory = memory
        self._layout = layout
        self._types = types
        self._codes: dict[int, Code | None] = {}
        self._lines: dict[tuple[int, int], int] = {}
        self._type_flags: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._work_left = MAX_WORK

    def find(self, address: int) -> Code | None:
        """Return the code object at an address; None if there is none.

        Raises:
            WorkLimit: too much has been read.
        """
        if address not in self._codes:
            try:
                self._codes[address] = self._read_code(address)
            except (BadObject, OSError):
                self._codes[address] = None
        return self._codes[address]

    def line(self, code: Code, offset: int) -> int:
        """Return the line of the instruction at a byte offset, 0 if it has none.

        Raises:
            WorkLimit: too much has been read.
        """
        key = (code.address, offset)
        line = self._lines.get(key)
        if line is None:
            self._work(len(code.line_table))
            line = line_of(self._layout.version, code.line_table, code.first_line, offset)
            self._lines[key] = line
        return line

    def is_a(self, address: int, type_name: str) -> bool:
        """Tell whether an object's type is exactly that one; also where the type's address is not known."""
        try:
            return self._has_type(address, type_name)
        except OSError:
            return False

    def is_dict(self, address: int) -> bool:
        """Tell whether an object is a dict, or of a class derived from it."""
        try:
            kind = self._memory.word(address + stack_layout.OBJECT_TYPE)
            flags = self._type_flags.get(kind)
            if flags is None:
                flags = self._type_flags[kind] = self._memory.word(kind + stack_layout.TYPE_FLAGS)
        except OSError:
            return False
        return bool(flags & stack_layout.DICT_SUBCLASS)

    def _work(self, amount: int) -> None:
        self._work_left -= amount
        if self._work_left < 0:
            raise WorkLimit

    def _has_type(self, address: int, type_name: str) -> bool:
        expected = self._types.get(type_name)
        return expected is None or self._memory.word(address + stack_layout.OBJECT_TYPE) == expected

    def _expect(self, address: int, type_name: str) -> None:
        if address % 8 or not self._has_type(address, type_name):
            raise BadObject(f"no {type_name} at {address:#x}")

    def _read_code(self, address: int) -> Code:
        self._work(1 << 8)
        self._expect(address, "PyCode_Type")
        layout, memory = self._layout, self._memory
        data = memory.read(address, max(layout.instructions, layout.line_table) + 8)
        numbers = [struct.unpack_from("<i", data, at)[0] for at in (layout.code_stack_size, layout.first_line)]
        names, cells = self._read_variables(data)
        if not 0 <= numbers[0] <= MAX_STACK:
            raise BadObject("the value stack has an impossible size")
        if layout.has_frame_objects:
            instructions = _word(data, layout.instructions) + stack_layout.BYTES_ITEMS
            traceable = 0
        else:
            instructions = address + layout.instructions
            traceable = instructions + 2 * max(0, struct.unpack_from("<i", data, layout.first_traceable)[0])
        return Code(
            address=address,
            name=self._text(_word(data, layout.name)),
            qualified_name=self._text(_word(data, layout.qualified_name)) if layout.qualified_name >= 0 else "",
            file=self._text(_word(data, layout.file_name)),
            first_line=numbers[1],
            variable_names=names,
            is_cell=cells,
            stack_size=numbers[0],
            instructions=instructions,
            first_traceable=traceable,
            line_table=self._bytes(_word(data, layout.line_table), MAX_LINE_TABLE),
        )

    def _read_variables(self, data: bytes) -> tuple[tuple[str, ...], tuple[bool, ...]]:
        """Return the names of what the frames of a code object hold, in order, and which of it are cells."""
        layout = self._layout
        (count,) = struct.unpack_from("<i", data, layout.variable_count)
        if not 0 <= count <= MAX_VARIABLES:
            raise BadObject("an impossible number of variables")
        names = self._text_tuple(_word(data, layout.variable_names))
        if layout.has_frame_objects:
            cell_names = self._text_tuple(_word(data, layout.variable_names + 16))
            free_names = self._text_tuple(_word(data, layout.variable_names + 8))
            cells = (False,) * count + (True,) * (len(cell_names) + len(free_names))
        else:
            kinds = self._bytes(_word(data, layout.variable_kinds), MAX_VARIABLES)
            cells = tuple(kind & _CELL_KINDS != 0 for kind in kinds)
            cell_names = free_names = ()
        if len(names) != count or len(cells) != count + len(cell_names) + len(free_names):
            raise BadObject("the names of the variables do not fit their number")
        return (*names, *cell_names, *free_names), cells

    def _text_tuple(self, address: int) -> tuple[str, ...]:
        self._expect(address, "PyTuple_Type")
        count = self._memory.word(address + stack_layout.OBJECT_SIZE)
        if count > MAX_VARIABLES:
            raise BadObject("a tuple of names of impossible length")
        self._work(8 * count)
        items = self._memory.read(address + self._layout.tuple_items, 8 * count)
        return tuple(self._text(item) for item in struct.unpack(f"<{count}Q", items))

    def _bytes(self, address: int, limit: int) -> bytes:
        self._expect(address, "PyBytes_Type")
        size = self._memory.word(address + stack_layout.OBJECT_SIZE)
        if size > limit:
            raise BadObject("a table of impossible length")
        self._work(size)
        return self._memory.read(address + stack_layout.BYTES_ITEMS, size)

    def _text(self, address: int) -> str:
        text = self._names.get(address)
        if text is None:
            text = self._read_text(address)
            self._names[address] = text
        return text

    def _read_text(self, address: int) -> str:
        """Return the end of a str; "" for one that is not compact. What no text may hold becomes U+FFFD."""
        self._expect(address, "PyUnicode_Type")
        length = self._memory.word(address + _LENGTH_OFFSET)
        state = self._memory.word(address + _STATE_OFFSET)
        kind, is_compact, is_ascii = state >> 2 & 7, state >> 5 & 1, state >> 6 & 1
        if not is_compact or kind not in _ENCODINGS:
            return ""
        start = address + (self._layout.short_text if is_ascii else self._layout.long_text)
        wanted = min(length, MAX_NAME)
        self._work(64 + wanted * kind)
        data = self._memory.read(start + (length - wanted) * kind, wanted * kind)
        return data.decode(_ENCODINGS[kind], "replace")


def _word(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 8], "little")

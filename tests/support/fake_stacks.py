"""A small interpreter in a buffer of this process, laid out as a version of CPython would: for tests that read stacks."""

from __future__ import annotations

import ctypes
import os

from heapscope.target.stack_frames import Stacks
from heapscope.target.stack_layout import LAYOUTS
from heapscope.target.stacks import read_threads
from heapscope.target.symbols import TYPE_NAMES, PythonImage

SIZE = 1 << 18
IDENT = 0x7777
DEPTH = 5
LINE = 42


class FakeProcess:
    """A small interpreter with one thread of DEPTH frames, built from a layout, in a buffer of this process."""

    def __init__(self, version: tuple[int, int]) -> None:
        self.layout = LAYOUTS[version]
        self._buffer = ctypes.create_string_buffer(SIZE)
        self._start = self._end = (ctypes.addressof(self._buffer) + 15) & ~15
        self.types = {name: self.new(512) for name in TYPE_NAMES}
        self.put(self.types["PyDict_Type"] + 168, 1 << 29)
        self.runtime = self.new(4096)
        self.interpreter = self.new(16384)
        self.thread = self.new(512)
        self.names = self.object("PyDict_Type", 64)
        self.code = self.new_code()
        self.frames = [self.new_frame(number) for number in range(DEPTH)]
        self.connect()

    def new(self, size: int) -> int:
        """Return fresh zero bytes at an address that is a multiple of 16."""
        address, self._end = self._end, (self._end + size + 31) & ~15
        assert self._end < self._start + SIZE - 32
        return address

    def put(self, address: int, value: int, size: int = 8) -> None:
        """Write an integer."""
        ctypes.memmove(address, (value & (1 << 8 * size) - 1).to_bytes(size, "little"), size)

    def object(self, type_name: str, size: int, items: int = 0) -> int:
        """Make an object of a type."""
        address = self.new(size)
        self.put(address + 8, self.types[type_name])
        self.put(address + 16, items)
        return address

    def text(self, text: str) -> int:
        """Make a str of the narrowest kind."""
        highest = max(map(ord, text), default=0)
        kind, encoding = (1, "latin-1") if highest < 256 else (2, "utf-16-le") if highest < 65536 else (4, "utf-32-le")
        is_ascii = highest < 128
        data = text.encode(encoding)
        start = self.layout.short_text if is_ascii else self.layout.long_text
        address = self.object("PyUnicode_Type", start + len(data) + 4, len(text))
        self.put(address + 32, 0xABCDEF00 | kind << 2 | 1 << 5 | is_ascii << 6)
        ctypes.memmove(address + start, data, len(data))
        return address

    def tuple_of(self, *items: int) -> int:
        """Make a tuple."""
        address = self.object("PyTuple_Type", self.layout.tuple_items + 8 * len(items), len(items))
        for index, item in enumerate(items):
            self.put(address + self.layout.tuple_items + 8 * index, item)
        return address

    def bytes_of(self, data: bytes) -> int:
        """Make a bytes object."""
        address = self.object("PyBytes_Type", 33 + len(data), len(data))
        ctypes.memmove(address + 32, data, len(data))
        return address

    def new_code(self) -> int:
        """Make a code object: local variables "a" and "ß", cell "c", a value stack of three; line 42 for the first instruction."""
        layout = self.layout
        address = self.object("PyCode_Type", 512)
        old = layout.has_frame_objects
        self.put(address + layout.code_stack_size, 3, 4)
        self.put(address + layout.first_line, LINE - 1, 4)
        self.put(address + layout.variable_count, 2 if old else 3, 4)
        local_names = [self.text("a"), self.text("ß")]
        cell_name = self.text("名")
        if old:
            self.put(address + layout.variable_names, self.tuple_of(*local_names))
            self.put(address + layout.variable_names + 8, self.tuple_of())
            self.put(address + layout.variable_names + 16, self.tuple_of(cell_name))
            self.put(address + layout.instructions, self.bytes_of(bytes(8)))
            table = b"\0\1" if layout.version < (3, 10) else b"\x08\1"
        else:
            self.put(address + layout.variable_names, self.tuple_of(*local_names, cell_name))
            self.put(address + layout.variable_kinds, self.bytes_of(b"\x20\x20\x40"))
            self.put(address + layout.qualified_name, self.text("outer.<locals>.work"))
            self.put(address + layout.first_traceable, 1, 4)
            table = bytes((128 | 11 << 3 | 3, 0, 0))
        self.put(address + layout.name, self.text("work"))
        self.put(address + layout.file_name, self.text("/𐍈/file.py"))
        self.put(address + layout.line_table, self.bytes_of(table))
        return address

    def new_frame(self, number: int) -> int:
        """Make a frame whose variables and first stack entry are told by its number."""
        layout = self.layout
        address = self.object("PyFrame_Type", layout.variables + 64) if layout.has_frame_objects else self.new(256)
        self.put(address + layout.code, self.code | layout.has_tags)
        self.put(address + layout.global_names, self.names)
        self.put(address + layout.builtins, self.names)
        if layout.has_frame_objects:
            self.put(address + layout.instruction, 0, 4)
        else:
            self.put(address + layout.function, self.object("PyFunction_Type", 64))
            self.put(address + layout.instruction, self.code + layout.instructions + 2)
        for index in range(6):
            self.put(address + layout.variables + 8 * index, value_of(number, index))
        if layout.has_tags:
            self.put(address + layout.stack_top, address + layout.variables + 8 * 5)
        elif layout.stack_top >= 0:
            self.put(address + layout.stack_top, 5, 4)
        return address

    def connect(self) -> None:
        """Link everything."""
        layout = self.layout
        self.put(self.runtime + layout.interpreters_head, self.interpreter)
        self.put(self.interpreter + layout.threads_head, self.thread)
        self.put(self.thread + layout.thread_interpreter, self.interpreter)
        self.put(self.thread + layout.thread_id, IDENT)
        first = self.frames[0]
        if layout.cframe_frame >= 0:
            first = self.new(32)
            self.put(first + layout.cframe_frame, self.frames[0])
        self.put(self.thread + layout.thread_frame, first)
        for frame, previous in zip(self.frames, [*self.frames[1:], 0], strict=True):
            self.put(frame + layout.previous, previous)

    @property
    def image(self) -> PythonImage:
        """Where everything is."""
        return PythonImage(range(self.runtime, self.runtime + 4096), self.types)

    def read(self) -> Stacks:
        """Read the stacks; versions that publish their offsets do not here, which is one warning."""
        found = read_threads(os.getpid(), self.image, self.layout.version)
        expected = "the interpreter publishes no debug offsets of its version"
        assert (expected in found.warnings) == (self.layout.version >= (3, 13))
        return Stacks(found.threads, tuple(warning for warning in found.warnings if warning != expected))

    def words(self) -> range:
        """Return the addresses of all words in use."""
        return range(self._start, self._end, 8)


def value_of(number: int, index: int) -> int:
    """Return what a frame holds in one place; the last one is not on the stack."""
    return 0x5_0000_0000 + 0x1000 * number + 16 * index

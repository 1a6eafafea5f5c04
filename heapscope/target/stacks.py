"""The stacks of all Python threads of a process that stands still, read from its memory: nothing runs in it.

Never raises for what it finds, and never loops for ever: every list is bounded, every address is visited once, and what is not as
CPython leaves it is left out with a warning. Memory that changes meanwhile gives wrong or missing frames, no failure.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Container, Iterator

from heapscope.target.code_objects import Code, CodeReader, WorkLimit
from heapscope.target.memory import CachedMemory
from heapscope.target.stack_frames import Frame, Stacks, ThreadStack
from heapscope.target.stack_layout import FREE_THREADED, LAYOUTS, StackLayout, read_published
from heapscope.target.symbols import PythonImage

MAX_INTERPRETERS = 1 << 10
MAX_THREADS = 1 << 16
MAX_FRAMES_PER_THREAD = 1 << 17  # sys.setrecursionlimit allows more; the innermost ones are kept
MAX_FRAMES = 1 << 19
MAX_WORDS = 1 << 22  # variables and value stacks of all frames; 150 MB here
MAX_WARNINGS = 32

_LOWEST_ADDRESS = 0x10000
_GLIBC_TID_OFFSETS = (720, 208)  # of struct pthread, at the address that is the thread's ident: x86-64, aarch64


def read_threads(pid: int, image: PythonImage, version: tuple[int, int], *, tids: Container[int] = ()) -> Stacks:
    """Return the Python threads of a process and their frames. Does I/O; does not raise.

    Args:
        pid: a process that stands still: the clone, or a stopped target.
        image: its interpreter, see symbols.find_python. The clone's is the target's.
        version: major and minor.
        tids: the target's thread ids in its own pid namespace; needed for ``native_id`` until 3.10 only.
    """
    layout = LAYOUTS.get(version)
    if layout is None:
        return Stacks((), (f"thread stacks of CPython {version[0]}.{version[1]} cannot be read",))
    memory = CachedMemory(pid)
    layout, warning = read_published(layout, lambda size: memory.read(image.runtime.start, size))
    if warning == FREE_THREADED:
        return Stacks((), (warning,))
    reader = _StackReader(memory, layout, image, tids)
    if warning:
        reader.warn(warning)
    threads = tuple(reader.threads())
    return Stacks(threads, tuple(reader.warnings))


class _StackReader:
    """Walks interpreters, threads and frames, each address once."""

    def __init__(self, memory: CachedMemory, layout: StackLayout, image: PythonImage, tids: Container[int]) -> None:
        self.warnings: list[str] = []
        self._memory = memory
        self._layout = layout
        self._runtime = image.runtime.start
        self._tids = tids
        self._codes = CodeReader(memory, layout, image.types)
        self._seen: set[int] = set()
        self._frames_left = MAX_FRAMES
        self._words_left = MAX_WORDS
        self._verdicts: dict[int, bool] = {}
        self._read_frame = self._read_old_frame if layout.has_frame_objects else self._read_new_frame
        self._untag = -4 if layout.has_tags else -1
        self._shim_owner = layout.shim_owner
        self._header = struct.Struct(f"<{layout.variables // 8}Q")

    def warn(self, text: str) -> None:
        """Note a warning, once."""
        if text not in self.warnings and len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(text)

    def threads(self) -> Iterator[ThreadStack]:
        """Yield the threads of every interpreter."""
        layout = self._layout
        head = self._runtime + layout.interpreters_head
        for interpreter in self._list(head, layout.interpreter_next, MAX_INTERPRETERS, "interpreters"):
            head = interpreter + layout.threads_head
            for thread in self._list(head, layout.thread_next, MAX_THREADS, "thread states"):
                try:
                    stack = self._thread(interpreter, thread)
                except OSError:
                    self.warn("a thread state cannot be read")
                    continue
                if stack is None:
                    self.warn("a thread state belongs to no interpreter")
                    break
                yield stack

    def _list(self, head: int, next_offset: int, limit: int, what: str) -> Iterator[int]:
        """Yield the addresses of a linked list; end it where it cannot be read, closes into itself, or passes the limit."""
        try:
            address = self._memory.word(head)
            for _ in range(limit):
                if not address:
                    return
                if address in self._seen or address % 8 or address < _LOWEST_ADDRESS:
                    break
                self._seen.add(address)
                yield address
                address = self._memory.word(address + next_offset)
        except OSError:
            pass
        self.warn(f"the list of {what} is broken")

    def _thread(self, interpreter: int, thread: int) -> ThreadStack | None:
        layout, word = self._layout, self._memory.word
        if word(thread + layout.thread_interpreter) != interpreter:
            return None
        first = word(thread + layout.thread_frame)
        if layout.cframe_frame >= 0:
            first = word(first + layout.cframe_frame) if first else 0
        ident = word(thread + layout.thread_id)
        return ThreadStack(
            interpreter=word(interpreter + layout.interpreter_id),
            state=thread,
            ident=ident,
            native_id=word(thread + layout.native_id) & 0x7FFFFFFF if layout.native_id >= 0 else self._native_id(ident),
            frames=tuple(self._frames(first)),
        )

    def _native_id(self, ident: int) -> int:
        """Find the thread id in glibc's own record of the thread; only one that is known to exist counts."""
        for offset in _GLIBC_TID_OFFSETS:
            try:
                tid = self._memory.word(ident + offset) & 0xFFFFFFFF
            except OSError:
                continue
            if tid in self._tids:
                return tid
        return 0

    def _frames(self, address: int) -> Iterator[Frame]:
        seen, read = self._seen, self._read_frame
        previous_at = self._layout.previous
        limit = min(MAX_FRAMES_PER_THREAD, self._frames_left)
        for _ in range(limit):
            if not address:
                return
            if address in seen or address % 8 or address < _LOWEST_ADDRESS:
                self.warn("a thread's stack is broken")
                return
            seen.add(address)
            self._frames_left -= 1
            try:
                buffer, at = self._memory.locate(address, self._layout.variables)
                frame = read(address, buffer, at)
            except OSError:
                self.warn("a thread's stack cannot be read in full")
                return
            except WorkLimit:
                self.warn("the stacks are too large to be read in full")
                return
            if frame is not None:
                yield frame
            address = int.from_bytes(buffer[at + previous_at : at + previous_at + 8], "little")
        if address:
            self.warn("a thread's stack is deeper than what is read of it")

    def _read_new_frame(self, address: int, buffer: bytes, at: int) -> Frame | None:
        """Read a _PyInterpreterFrame (3.11 and newer); None for what is no frame of a program."""
        layout = self._layout
        owner = buffer[at + layout.owner]
        if owner >= self._shim_owner:
            return None
        words = self._header.unpack_from(buffer, at)
        code = self._code(words[layout.code >> 3] & self._untag)
        if code is None:
            return None
        instruction = words[layout.instruction >> 3]
        if instruction < code.first_traceable and owner != 1:
            return None  # incomplete: its first instructions still make cells and the like
        depth = self._depth(address, code, words)
        count = len(code.variable_names) + (code.stack_size if depth < 0 else depth)
        return Frame(
            address=address,
            frame_object=self._checked(words[layout.frame_object >> 3], self._is_frame_object),
            code=code,
            line=self._codes.line(code, instruction - code.instructions),
            function=self._checked(words[layout.function >> 3] & self._untag, self._is_function),
            global_names=self._checked(words[layout.global_names >> 3], self._codes.is_dict),
            builtins=words[layout.builtins >> 3],
            namespace=words[layout.local_names >> 3],
            words=self._words(address + layout.variables, count),
            stack_depth=depth,
            is_tagged=layout.has_tags,
        )

    def _read_old_frame(self, address: int, buffer: bytes, at: int) -> Frame | None:
        """Read a PyFrameObject (until 3.10)."""
        layout = self._layout
        words = self._header.unpack_from(buffer, at)
        if not self._codes.is_a(address, "PyFrame_Type"):
            self.warn("a frame is no frame object")
            return None
        code = self._code(words[layout.code >> 3])
        if code is None:
            return None
        (index,) = struct.unpack_from("<i", buffer, at + layout.instruction)
        return Frame(
            address=address,
            frame_object=address,
            code=code,
            line=self._codes.line(code, index * 2 if layout.version >= (3, 10) else index),
            function=0,
            global_names=self._checked(words[layout.global_names >> 3], self._codes.is_dict),
            builtins=words[layout.builtins >> 3],
            namespace=words[layout.local_names >> 3],
            words=self._words(address + layout.variables, len(code.variable_names) + code.stack_size),
            stack_depth=-1,
            is_tagged=False,
        )

    def _code(self, address: int) -> Code | None:
        code = self._codes.find(address)
        if code is None:
            self.warn("a frame has no code that can be read")
        return code

    def _depth(self, address: int, code: Code, words: tuple[int, ...]) -> int:
        """Return the number of entries on the value stack, -1 while only a register of the thread knows it."""
        word = words[self._layout.stack_top >> 3]
        first = len(code.variable_names)
        if self._layout.has_tags:
            depth = (word - address - self._layout.variables) // 8 - first if word else -1
        else:
            depth = (word & 0xFFFFFFFF) - first if word & 0x80000000 == 0 else -1
        return depth if 0 <= depth <= code.stack_size else -1

    def _words(self, address: int, count: int) -> tuple[int, ...]:
        if not count:
            return ()
        self._words_left -= count
        if self._words_left < 0:
            raise WorkLimit
        buffer, at = self._memory.locate(address, 8 * count)
        return struct.unpack_from(f"<{count}Q", buffer, at)

    def _checked(self, address: int, is_expected: Callable[[int], bool]) -> int:
        """Return an address if the object there is of the expected kind, else 0 and a warning; 0 stays 0."""
        verdict = self._verdicts.get(address)
        if verdict is None:
            verdict = self._verdicts[address] = not address or is_expected(address)
        if not verdict:
            self.warn("a frame refers to an object of an unexpected type")
        return address if verdict else 0

    def _is_frame_object(self, address: int) -> bool:
        return self._codes.is_a(address, "PyFrame_Type")

    def _is_function(self, address: int) -> bool:
        return self._codes.is_a(address, "PyFunction_Type")

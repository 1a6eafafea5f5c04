"""What one frame of a thread's stack is and holds: plain values, read once, that outlive the process.

Never reads memory.
"""

from __future__ import annotations

from typing import NamedTuple

from heapscope.target.code_objects import Code

_TAG_MASK = 3
_BORROWED_TAG = 1  # Py_TAG_REFCNT; also of immortal objects
_INTEGER_TAG = 3  # Py_INT_TAG: no object
_LOWEST_ADDRESS = 0x10000


class Held(NamedTuple):
    """One reference of a frame. ``name`` is "" on the value stack.

    A borrowed one has no share in the object's reference count (3.14 and newer; what it borrows from holds the object).
    """

    name: str
    address: int
    is_cell: bool = False
    is_borrowed: bool = False


class Frame(NamedTuple):
    """One executing frame. Addresses are 0 where there is nothing.

    The frame owns references to ``code``, ``function``, ``namespace``, ``frame_object`` and its variables; until 3.10 also to
    ``global_names`` and ``builtins``, which it borrows from the function since.
    """

    address: int  # of the _PyInterpreterFrame; until 3.10 of the frame object
    frame_object: int  # until 3.10 the same; since then 0 unless something asked for one
    code: Code
    line: int  # 0: unknown
    function: int  # 0 until 3.10
    global_names: int
    builtins: int
    namespace: int  # f_locals: of a class body or module, or what locals() made
    words: tuple[int, ...]  # variables, then the value stack: as they stand in memory
    stack_depth: int  # entries of the value stack; -1: unknown, words has all that may be
    is_tagged: bool

    @property
    def variables(self) -> list[Held]:
        """Local variables and cells that have a value."""
        code = self.code
        return [
            Held(name, word & ~_TAG_MASK, is_cell, is_borrowed=self._is_borrowed(word))
            for name, is_cell, word in zip(code.variable_names, code.is_cell, self.words, strict=False)
            if self._is_object(word)
        ]

    @property
    def stack(self) -> list[Held]:
        """The objects on the value stack, oldest first, as far as its depth is known."""
        if self.stack_depth <= 0:
            return []
        first = len(self.code.variable_names)
        return [
            Held("", word & ~_TAG_MASK, is_borrowed=self._is_borrowed(word))
            for word in self.words[first : first + self.stack_depth]
            if self._is_object(word)
        ]

    @property
    def stack_candidates(self) -> list[int]:
        """Where the depth is unknown: addresses that may be on the value stack, or are left over from before.

        The interpreter keeps the depth in a register while it executes a frame (3.14 and newer only between calls). An object of
        the snapshot whose reference count is not explained otherwise, and which stands here, is likely held by this frame.
        """
        if self.stack_depth >= 0:
            return []
        return [word & ~_TAG_MASK for word in self.words[len(self.code.variable_names) :] if self._is_object(word)]

    def _is_object(self, word: int) -> bool:
        if not self.is_tagged:
            return word >= _LOWEST_ADDRESS and word & 7 == 0
        return word >= _LOWEST_ADDRESS and word & 6 == 0

    def _is_borrowed(self, word: int) -> bool:
        return self.is_tagged and word & _TAG_MASK == _BORROWED_TAG


class ThreadStack(NamedTuple):
    """One thread state and its frames, innermost first."""

    interpreter: int  # number; 0 is the main one
    state: int  # address of the PyThreadState
    ident: int  # threading.get_ident()
    native_id: int  # thread id in the target's own pid namespace; 0: unknown
    frames: tuple[Frame, ...]


class Stacks(NamedTuple):
    """All thread states of a process, and what could not be read."""

    threads: tuple[ThreadStack, ...]
    warnings: tuple[str, ...]

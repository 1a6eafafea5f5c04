"""Runs a seccomp filter (classic BPF) on a system call that has not been made, to learn what the kernel would do with it.

Never touches a process. The rules are those of the kernel's seccomp.rst and filter.rst: 64-bit instructions ``u16 code | u8 true |
u8 false | u32 constant``; the input is ``int number | u32 architecture | u64 instruction pointer | u64[6] arguments``; of several
filters the strictest answer counts.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable, Iterable, Sequence

ACTION_MASK = 0xFFFF0000
KILL_PROCESS = 0x80000000
KILL_THREAD = 0
TRAP = 0x00030000
ALLOW = 0x7FFF0000
DEADLY = frozenset({KILL_PROCESS, KILL_THREAD, TRAP})
"""TRAP raises SIGSYS, which ends a process that has no handler for it, and surprises one that has."""

MAX_INSTRUCTIONS = 4096  # BPF_MAXINSNS; jumps go forward only, so no run is longer
_INSTRUCTION = struct.Struct("<HBBI")
_WORD = 0xFFFFFFFF
_SCRATCH = 16


class FilterError(ValueError):
    """The program is none that the kernel would have accepted."""


def call_data(architecture: int, number: int, arguments: Sequence[int]) -> bytes:
    """Return what a filter sees of a system call; the instruction pointer is 0."""
    padded = [argument & (2**64 - 1) for argument in (*arguments, *[0] * 6)[:6]]
    return struct.pack("<iIQ6Q", number, architecture, 0, *padded)


def strictest(programs: Iterable[bytes], data: bytes) -> int:
    """Return the action that counts when several filters are installed.

    Raises:
        FilterError: see run_filter.
    """
    actions = [run_filter(program, data) & ACTION_MASK for program in programs]
    return min(actions, key=lambda action: action - (1 << 32) if action & KILL_PROCESS else action, default=ALLOW)


def run_filter(program: bytes, data: bytes) -> int:
    """Return the answer of one filter.

    Raises:
        FilterError: an unknown instruction, a jump or an access out of bounds, no return.
    """
    instructions = list(_INSTRUCTION.iter_unpack(program[: len(program) // 8 * 8]))
    machine = _Machine(data)
    position = 0
    while position < min(len(instructions), MAX_INSTRUCTIONS):
        code, if_true, if_false, constant = instructions[position]
        position += 1
        if code & 7 == 6:
            return machine.accumulator if code & 0x18 == 0x10 else constant
        if code & 7 == 5:
            position += machine.jump(code, if_true, if_false, constant)
        else:
            machine.step(code, constant)
    raise FilterError("a filter that does not return")


_OPERATIONS: dict[int, Callable[[int, int], int]] = {
    0x00: operator.add,
    0x10: operator.sub,
    0x20: operator.mul,
    0x30: lambda left, right: left // right if right else 0,
    0x40: operator.or_,
    0x50: operator.and_,
    0x60: lambda left, right: left << (right & 31),
    0x70: lambda left, right: left >> (right & 31),
    0x80: lambda left, _: -left,
    0xA0: operator.xor,
}
_CONDITIONS: dict[int, Callable[[int, int], bool]] = {
    0x10: operator.eq,
    0x20: operator.gt,
    0x30: operator.ge,
    0x40: lambda left, right: bool(left & right),
}


class _Machine:
    """Accumulator, index and scratch memory of one run."""

    def __init__(self, data: bytes) -> None:
        self.accumulator = 0
        self._index = 0
        self._scratch = [0] * _SCRATCH
        self._data = data

    def jump(self, code: int, if_true: int, if_false: int, constant: int) -> int:
        """Return how many instructions to leave out."""
        if code & 0xF0 == 0x00:
            return constant
        if code & 0xF0 not in _CONDITIONS:
            raise FilterError(f"unknown instruction {code:#x}")
        operand = self._index if code & 8 else constant
        return if_true if _CONDITIONS[code & 0xF0](self.accumulator, operand) else if_false

    def step(self, code: int, constant: int) -> None:
        """Do what is neither a jump nor a return."""
        kind = code & 7
        if kind == 0:
            self.accumulator = self._load(code, constant)
        elif kind == 1:
            self._index = self._load(code, constant)
        elif kind in (2, 3):
            self._scratch[self._place(constant)] = self.accumulator if kind == 2 else self._index
        elif kind == 4 and code & 0xF0 in _OPERATIONS:
            operand = self._index if code & 8 else constant
            self.accumulator = _OPERATIONS[code & 0xF0](self.accumulator, operand) & _WORD
        elif code == 0x07:
            self._index = self.accumulator
        elif code == 0x87:
            self.accumulator = self._index
        else:
            raise FilterError(f"unknown instruction {code:#x}")

    def _load(self, code: int, constant: int) -> int:
        mode = code & 0xF8
        if mode == 0x00:
            return constant
        if mode == 0x60:
            return self._scratch[self._place(constant)]
        if mode == 0x80:
            return len(self._data)
        if mode == 0x20 and constant % 4 == 0 and constant + 4 <= len(self._data):
            return int.from_bytes(self._data[constant : constant + 4], "little")
        raise FilterError(f"unknown load {code:#x} of {constant}")

    def _place(self, constant: int) -> int:
        if constant >= _SCRATCH:
            raise FilterError(f"no scratch word {constant}")
        return constant

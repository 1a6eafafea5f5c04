"""A very small x86-64 assembler: just the instructions of the stub, with labels.

Every memory operand is ``[rbx + displacement]``: rbx holds the address of the data block. Pure; no I/O.
"""

from __future__ import annotations

import dataclasses

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 = range(16)


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """The address of a field of the data block, as an operand."""

    offset: int


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """The 32-bit value of a field of the data block, as an operand."""

    offset: int


class Assembler:
    """Collects machine code; ``finish`` resolves the labels and returns it."""

    def __init__(self) -> None:
        self._code = bytearray()
        self._labels: dict[str, int] = {}
        self._fixups: list[tuple[int, str]] = []

    def label(self, name: str) -> None:
        """Name the next instruction."""
        if name in self._labels:
            msg = f"label {name} is defined twice"
            raise ValueError(msg)
        self._labels[name] = len(self._code)

    def offset_of(self, name: str) -> int:
        """Return the offset of a label from the start of the code."""
        return self._labels[name]

    def finish(self) -> bytes:
        """Return the code, position independent."""
        for position, name in self._fixups:
            relative = self._labels[name] - (position + 4)
            self._code[position : position + 4] = relative.to_bytes(4, "little", signed=True)
        return bytes(self._code)

    def _emit(self, *values: int) -> None:
        self._code += bytes(values)

    def _imm32(self, value: int) -> None:
        self._code += (value & 0xFFFFFFFF).to_bytes(4, "little")

    def _rel32(self, name: str) -> None:
        self._fixups.append((len(self._code), name))
        self._code += b"\0\0\0\0"

    def _field_operand(self, opcode: int, reg: int, offset: int, *, wide: bool) -> None:
        rex = 0x40 | (8 if wide else 0) | (4 if reg >= 8 else 0)
        self._emit(rex, opcode, 0x80 | ((reg & 7) << 3) | RBX)
        self._imm32(offset)

    # --- data -------------------------------------------------------------------------------------------------

    def move(self, destination: int, source: int) -> None:
        """``destination = source`` (64 bit)."""
        self._emit(0x48 | (4 if source >= 8 else 0) | (1 if destination >= 8 else 0), 0x89)
        self._emit(0xC0 | ((source & 7) << 3) | (destination & 7))

    def move_immediate(self, reg: int, value: int) -> None:
        """``reg = value``, a signed 32-bit number extended to 64 bits."""
        if not -(2**31) <= value < 2**31:
            msg = f"immediate {value} does not fit"
            raise ValueError(msg)
        self._emit(0x48 | (1 if reg >= 8 else 0), 0xC7, 0xC0 | (reg & 7))
        self._imm32(value)

    def load32(self, reg: int, offset: int) -> None:
        """``reg = *(u32 *)(block + offset)``."""
        self._field_operand(0x8B, reg, offset, wide=False)

    def load64(self, reg: int, offset: int) -> None:
        """``reg = *(u64 *)(block + offset)``."""
        self._field_operand(0x8B, reg, offset, wide=True)

    def store32(self, offset: int, reg: int) -> None:
        """``*(u32 *)(block + offset) = reg``."""
        self._field_operand(0x89, reg, offset, wide=False)

    def store64(self, offset: int, reg: int) -> None:
        """``*(u64 *)(block + offset) = reg``."""
        self._field_operand(0x89, reg, offset, wide=True)

    def store_immediate32(self, offset: int, value: int) -> None:
        """``*(u32 *)(block + offset) = value``."""
        self._emit(0xC7, 0x83)
        self._imm32(offset)
        self._imm32(value)

    def address_of_field(self, reg: int, offset: int) -> None:
        """``reg = block + offset``."""
        self._field_operand(0x8D, reg, offset, wide=True)

    def address_of_label(self, reg: int, name: str) -> None:
        """``reg = address of the label``."""
        self._emit(0x48 | (4 if reg >= 8 else 0), 0x8D, 0x05 | ((reg & 7) << 3))
        self._rel32(name)

    def load32_from(self, reg: int, address: int) -> None:
        """``reg = *(u32 *)address`` for a low address register other than rsp and rbp."""
        self._emit(0x40 | (4 if reg >= 8 else 0), 0x8B, ((reg & 7) << 3) | address)

    def store32_to(self, address: int, reg: int) -> None:
        """``*(u32 *)address = reg`` for a low address register other than rsp and rbp."""
        self._emit(0x40 | (4 if reg >= 8 else 0), 0x89, ((reg & 7) << 3) | address)

    def push(self, reg: int) -> None:
        """Push a register."""
        self._emit(0x40 | (1 if reg >= 8 else 0), 0x50 | (reg & 7))

    def pop(self, reg: int) -> None:
        """Pop a register."""
        self._emit(0x40 | (1 if reg >= 8 else 0), 0x58 | (reg & 7))

    def increment(self, reg: int) -> None:
        """``reg += 1`` (32 bit)."""
        self._emit(0x40 | (1 if reg >= 8 else 0), 0xFF, 0xC0 | (reg & 7))

    # --- control ----------------------------------------------------------------------------------------------

    def test(self, reg: int) -> None:
        """Set the flags from a 64-bit register."""
        self._emit(0x48 | (5 if reg >= 8 else 0), 0x85, 0xC0 | ((reg & 7) << 3) | (reg & 7))

    def test32(self, reg: int) -> None:
        """Set the flags from the low 32 bits of a register."""
        self._emit(0x40 | (5 if reg >= 8 else 0), 0x85, 0xC0 | ((reg & 7) << 3) | (reg & 7))

    def compare_field32(self, offset: int, value: int) -> None:
        """Compare a 32-bit field with a small constant."""
        self._emit(0x83, 0xBB)
        self._imm32(offset)
        self._emit(value & 0x7F)

    def compare_field64(self, offset: int, value: int) -> None:
        """Compare a 64-bit field with a small constant."""
        self._emit(0x48, 0x83, 0xBB)
        self._imm32(offset)
        self._emit(value & 0x7F)

    def compare_with_field32(self, reg: int, offset: int) -> None:
        """Compare the low 32 bits of a register with a field."""
        self._field_operand(0x3B, reg, offset, wide=False)

    def jump(self, name: str) -> None:
        """Jump."""
        self._emit(0xE9)
        self._rel32(name)

    def jump_if_zero(self, name: str) -> None:
        """Jump if the last comparison was equal, or the last test zero."""
        self._emit(0x0F, 0x84)
        self._rel32(name)

    def jump_if_not_zero(self, name: str) -> None:
        """Jump if the last comparison was unequal, or the last test not zero."""
        self._emit(0x0F, 0x85)
        self._rel32(name)

    def jump_if_below(self, name: str) -> None:
        """Jump if the last comparison was unsigned below."""
        self._emit(0x0F, 0x82)
        self._rel32(name)

    def call(self, name: str) -> None:
        """Call a label."""
        self._emit(0xE8)
        self._rel32(name)

    def call_field(self, offset: int) -> None:
        """Call the function whose address a field holds."""
        self._emit(0xFF, 0x93)
        self._imm32(offset)

    def return_(self) -> None:
        """Return."""
        self._emit(0xC3)

    def system_call_as_loaded(self) -> None:
        """Make the system call whose number and arguments are in the registers already."""
        self._emit(0x0F, 0x05)

    def system_call(self, number: int, *arguments: int | Field | Word) -> None:
        """Make a system call; the result is in rax; rcx and r11 are lost. Never touches errno or libc."""
        for reg, argument in zip((RDI, RSI, RDX, R10, R8, R9), arguments, strict=False):
            if isinstance(argument, Field):
                self.address_of_field(reg, argument.offset)
            elif isinstance(argument, Word):
                self.load32(reg, argument.offset)
            else:
                self.move_immediate(reg, argument)
        self.move_immediate(RAX, number)
        self.system_call_as_loaded()

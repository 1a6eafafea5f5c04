"""From an instruction's offset to a line number: the three formats of CPython's line tables. Pure functions on bytes.

Tables come from a target: every one of any content is read to its end at most, and a nonsensical one gives a wrong line only.

    3.8, 3.9  co_lnotab: pairs of u8 offset step, s8 line step (Objects/lnotab_notes.txt)
    3.10      co_linetable: pairs of u8 size, s8 line step, -128 for no line (PEP 626)
    3.11+     co_linetable: entries; first byte 1cccclll: code, length in code units - 1; then varints (Objects/locations.md)
"""

from __future__ import annotations

NO_LINE = 0
MAX_LINE = (1 << 31) - 1

_CODE_UNIT = 2
_NO_LOCATION = 15
_LONG = 14
_NO_COLUMNS = 13
_ONE_LINE_0, _ONE_LINE_2 = 10, 12
_MAX_VARINT_BYTES = 6  # 36 bits; a line number has 31


def line_of(version: tuple[int, int], table: bytes, first_line: int, offset: int) -> int:
    """Return the line of the instruction ``offset`` bytes into the code; NO_LINE where the table has none.

    A negative offset, before the first instruction, is the first line, as in PyCode_Addr2Line.
    """
    if offset < 0:
        line = first_line
    elif version < (3, 10):
        line = _line_of_pairs(table, first_line, offset)
    elif version < (3, 11):
        line = _line_of_ranges(table, first_line, offset)
    else:
        line = _line_of_locations(table, first_line, offset)
    return line if 0 < line <= MAX_LINE else NO_LINE


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte


def _line_of_pairs(table: bytes, line: int, offset: int) -> int:
    at = 0
    for step, line_step in zip(table[::2], table[1::2], strict=False):
        at += step
        if at > offset:
            break
        line += _signed(line_step)
    return line


def _line_of_ranges(table: bytes, line: int, offset: int) -> int:
    end = 0
    for size, line_step in zip(table[::2], table[1::2], strict=False):
        end += size
        has_line = line_step != 128
        if has_line:
            line += _signed(line_step)
        if end > offset:
            return line if has_line else NO_LINE
    return NO_LINE


def _line_of_locations(table: bytes, line: int, offset: int) -> int:
    end = 0
    position = 0
    size = len(table)
    while position < size:
        first = table[position]
        code = first >> 3 & 15
        position += 1
        if _ONE_LINE_0 <= code <= _ONE_LINE_2:
            line += code - _ONE_LINE_0
        elif code in (_LONG, _NO_COLUMNS):
            line += _signed_varint(table, position)
        end += ((first & 7) + 1) * _CODE_UNIT
        if end > offset:
            return NO_LINE if code == _NO_LOCATION else line
        while position < size and table[position] < 128:
            position += 1
    return NO_LINE


def _signed_varint(table: bytes, position: int) -> int:
    value = 0
    for index, byte in enumerate(table[position : position + _MAX_VARINT_BYTES]):
        value |= (byte & 63) << (6 * index)
        if not byte & 64:
            break
    return -(value >> 1) if value & 1 else value >> 1

"""Line tables against encoders written from their descriptions, and against this interpreter."""

from __future__ import annotations

import itertools
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.target import code_objects, pymalloc, stacks
from heapscope.target.line_table import MAX_LINE, NO_LINE, line_of

# (code units, line or None): what a table says, in order.
RANGES = st.lists(st.tuples(st.integers(1, 300), st.none() | st.integers(1, 5000)), max_size=8)
FIRST_LINES = st.integers(1, 5000)


def brute_force(ranges: list[tuple[int, int | None]]) -> list[int]:
    """Return the line of every instruction."""
    return list(itertools.chain.from_iterable([line or NO_LINE] * units for units, line in ranges))


def encode_pairs(ranges: list[tuple[int, int | None]], line: int) -> bytes:
    """Write co_lnotab (lnotab_notes.txt of 3.9): a line begins where an address step ends."""
    table = bytearray()
    pending = 0
    for units, next_line in ranges:
        assert next_line is not None
        step = next_line - line
        while pending > 254:
            table += bytes((254, 0))
            pending -= 254
        while not -128 <= step <= 127:
            part = 127 if step > 0 else -128
            table += bytes((pending, part & 255))
            pending = 0
            step -= part
        table += bytes((pending, step & 255))
        pending = 2 * units
        line = next_line
    return bytes(table)


def encode_ranges(ranges: list[tuple[int, int | None]], line: int) -> bytes:
    """Write the co_linetable of 3.10 (lnotab_notes.txt)."""
    table = bytearray()
    for units, next_line in ranges:
        size = 2 * units
        step = -128 if next_line is None else next_line - line
        if next_line is not None:
            line = next_line
            while not -127 <= step <= 127:
                part = 127 if step > 0 else -127
                table += bytes((0, part & 255))
                step -= part
        while size > 254:
            table += bytes((254, step & 255))
            size -= 254
            step = -128 if next_line is None else 0
        table += bytes((size, step & 255))
    return bytes(table)


def encode_varint(value: int) -> bytes:
    """Six bits a byte, lowest first, 64 for more."""
    parts = bytearray()
    while value > 63:
        parts.append(64 | value & 63)
        value >>= 6
    return bytes((*parts, value))


def encode_locations(ranges: list[tuple[int, int | None]], line: int) -> bytes:
    """Write the co_linetable of 3.11 and newer (locations.md), with every form that carries a line step."""
    table = bytearray()
    for number, (units, next_line) in enumerate(ranges):
        for done in range(0, units, 8):
            length = min(units - done, 8)
            step = 0 if next_line is None else next_line - line
            signed = encode_varint(-step << 1 | 1 if step < 0 else step << 1)
            if next_line is None:
                table.append(128 | 15 << 3 | length - 1)
            elif step == 0 and number % 3 == 0:
                table += bytes((128 | 4 << 3 | length - 1, 17))  # short form: same line
            elif 0 <= step <= 2 and number % 3 == 1:
                table += bytes((128 | (10 + step) << 3 | length - 1, 5, 9))
            elif number % 2:
                table += bytes((128 | 14 << 3 | length - 1,)) + signed + encode_varint(70) + bytes((3, 4))
            else:
                table += bytes((128 | 13 << 3 | length - 1,)) + signed
            line = line if next_line is None else next_line
    return bytes(table)


def lines_of(version: tuple[int, int], table: bytes, first_line: int, count: int) -> list[int]:
    """Return the line of each of ``count`` instructions."""
    return [line_of(version, table, first_line, 2 * index) for index in range(count)]


@settings(deadline=None)
@given(RANGES.map(lambda ranges: [(units, line) for units, line in ranges if line is not None]), FIRST_LINES)
def test_address_pairs(ranges: list[tuple[int, int | None]], first_line: int) -> None:
    """3.8 and 3.9: every instruction has a line."""
    truth = brute_force(ranges)
    for version in ((3, 8), (3, 9)):
        assert lines_of(version, encode_pairs(ranges, first_line), first_line, len(truth)) == truth


@settings(deadline=None)
@given(RANGES, FIRST_LINES)
def test_sized_ranges(ranges: list[tuple[int, int | None]], first_line: int) -> None:
    """3.10: some instructions have none."""
    truth = brute_force(ranges)
    table = encode_ranges(ranges, first_line)
    assert lines_of((3, 10), table, first_line, len(truth)) == truth
    assert line_of((3, 10), table, first_line, 2 * len(truth)) == NO_LINE


@settings(deadline=None)
@given(RANGES, FIRST_LINES)
def test_locations(ranges: list[tuple[int, int | None]], first_line: int) -> None:
    """3.11 and newer."""
    truth = brute_force(ranges)
    table = encode_locations(ranges, first_line)
    assert lines_of((3, 11), table, first_line, len(truth)) == truth
    assert line_of((3, 15), table, first_line, 2 * len(truth)) == NO_LINE


def test_the_example_of_the_format_description() -> None:
    """Objects/lnotab_notes.txt of 3.10, the table at its end; the first line is 0 there, so 1 is added."""
    table = bytes((6, 1, 44, 1, 254, 5, 46, 0, 10, 128, 16, 1, 0, 127, 4, 73))
    starts = {0: 2, 6: 3, 50: 8, 348: 8, 350: NO_LINE, 360: 9, 374: 9, 376: 209}
    assert {offset: line_of((3, 10), table, 1, offset) for offset in starts} == starts


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(-(2**31), 2**31 - 1), st.integers(-(2**40), 2**40))
def test_any_bytes_give_some_line(table: bytes, first_line: int, offset: int) -> None:
    """A hostile table is wrong, never a failure."""
    for minor in range(8, 16):
        assert 0 <= line_of((3, minor), table, first_line, offset) <= MAX_LINE


@pytest.mark.parametrize("module", [code_objects, pymalloc, stacks])
def test_code_of_this_interpreter(module: types.ModuleType) -> None:
    """Its own co_lines() says the same of every instruction."""
    functions = [value for value in vars(module).values() if isinstance(value, types.FunctionType)]
    assert functions
    for function in functions:
        code = function.__code__
        for start, end, line in code.co_lines():
            for offset in range(start, end, 2):
                assert line_of((3, 11), code.co_linetable, code.co_firstlineno, offset) == (line or NO_LINE)

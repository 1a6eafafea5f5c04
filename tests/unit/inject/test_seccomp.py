"""Filters are run as the kernel runs them, and deadly ones are recognised."""

from __future__ import annotations

import random
import struct

import pytest

from heapscope.inject.arch.x86_64_calls import AUDIT_ARCH, CALLS_IN_TARGET
from heapscope.inject.bpf import ALLOW, KILL_PROCESS, KILL_THREAD, TRAP, FilterError, call_data, run_filter, strictest
from heapscope.inject.seccomp import deadly_call

ERRNO_EPERM = 0x00050001
LOG = 0x7FFC0000


def program(*lines: tuple[int, int, int, int]) -> bytes:
    """Assemble."""
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def answer(value: int) -> tuple[int, int, int, int]:
    """Return a constant."""
    return (0x06, 0, 0, value)


LOAD_NUMBER = (0x20, 0, 0, 0)
CALL = call_data(AUDIT_ARCH, 56, (17, 1 << 33))


def for_call(number: int, action: int) -> bytes:
    """Return a filter that answers one call so and allows the others."""
    return program(LOAD_NUMBER, (0x15, 0, 1, number), answer(action), answer(ALLOW))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([LOAD_NUMBER, (0x16, 0, 0, 0)], 56),
        ([(0x20, 0, 0, 4), (0x16, 0, 0, 0)], AUDIT_ARCH),
        ([(0x20, 0, 0, 16), (0x16, 0, 0, 0)], 17),
        ([(0x20, 0, 0, 28), (0x16, 0, 0, 0)], 2),
        ([(0x80, 0, 0, 0), (0x16, 0, 0, 0)], 64),
        ([(0x00, 0, 0, 5), (0x02, 0, 0, 3), (0x00, 0, 0, 9), (0x61, 0, 0, 3), (0x0C, 0, 0, 0), (0x16, 0, 0, 0)], 14),
        ([(0x01, 0, 0, 7), (0x87, 0, 0, 0), (0x24, 0, 0, 3), (0x14, 0, 0, 22), (0x16, 0, 0, 0)], 0xFFFFFFFF),
        (
            [
                (0x00, 0, 0, 0xF0),
                (0x54, 0, 0, 0x3C),
                (0x74, 0, 0, 4),
                (0x44, 0, 0, 8),
                (0xA4, 0, 0, 1),
                (0x16, 0, 0, 0),
            ],
            10,
        ),
        ([(0x00, 0, 0, 1), (0x07, 0, 0, 0), (0x6C, 0, 0, 0), (0x84, 0, 0, 0), (0x16, 0, 0, 0)], 0xFFFFFFFE),
        ([(0x05, 0, 0, 1), answer(1), answer(2)], 2),
        ([(0x00, 0, 0, 5), (0x25, 1, 0, 4), answer(1), answer(2)], 2),
        ([(0x00, 0, 0, 5), (0x35, 0, 1, 6), answer(1), answer(2)], 2),
        ([(0x00, 0, 0, 5), (0x45, 1, 0, 4), answer(1), answer(2)], 2),
        ([(0x00, 0, 0, 5), (0x34, 0, 0, 2), (0x16, 0, 0, 0)], 2),
    ],
)
def test_instructions_do_what_the_kernel_documents(lines: list[tuple[int, int, int, int]], expected: int) -> None:
    """Loads, scratch memory, arithmetic in 32 bits, jumps."""
    assert run_filter(program(*lines), CALL) == expected


def test_of_several_filters_the_strictest_counts() -> None:
    """Killing the process before killing the thread, before a signal, before an error, before allowing."""
    order = [KILL_PROCESS, KILL_THREAD, TRAP, ERRNO_EPERM & 0xFFFF0000, LOG, ALLOW]
    for place, action in enumerate(order):
        programs = [program(answer(each)) for each in order[place:]]
        assert strictest(reversed(programs), CALL) == action
    assert strictest([], CALL) == ALLOW


@pytest.mark.parametrize("action", [KILL_PROCESS, KILL_THREAD, TRAP])
def test_each_call_of_ours_is_asked_about(action: int) -> None:
    """The name of the deadly one is told."""
    for name, number, _ in CALLS_IN_TARGET:
        assert deadly_call([for_call(number, action)]) == name
    assert deadly_call([for_call(0, action)]) == ""


def test_errors_are_no_death() -> None:
    """They are told by the attempt itself."""
    assert deadly_call([for_call(56, ERRNO_EPERM), for_call(9, LOG)]) == ""
    assert deadly_call([]) == ""


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [(0x00, 0, 0, 1)],
        [(0x20, 0, 0, 61)],
        [(0x20, 0, 0, 2)],
        [(0x02, 0, 0, 16)],
        [(0x28, 0, 0, 0)],
        [(0x05, 0, 0, 9)],
        [(0xFFFF, 0, 0, 0)],
    ],
)
def test_a_program_that_no_kernel_accepts_is_an_error(lines: list[tuple[int, int, int, int]]) -> None:
    """No return, no such place, no such instruction; judged as unknown."""
    with pytest.raises(FilterError):
        run_filter(program(*lines), CALL)
    assert deadly_call([program(*lines)]) == ""


def test_random_programs_end_with_an_answer_or_an_error() -> None:
    """Whatever the bytes are: nothing else happens, and no run is longer than its program."""
    source = random.Random(7)
    for _ in range(2000):
        data = source.randbytes(8 * source.randrange(1, 40) + source.randrange(8))
        try:
            assert 0 <= run_filter(data, CALL) < 1 << 32
        except FilterError:
            continue

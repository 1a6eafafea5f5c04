"""Finding the GIL in the bytes of the runtime state."""

from __future__ import annotations

import struct

import pytest

from heapscope.inject.gil import find_gil


def gil(flags_at: int, *, locked: int = 0, interval: int = 5000) -> bytes:
    """Return the bytes of a GIL whose condition variables carry the clock flag at an offset."""
    state = bytearray(208)
    struct.pack_into("<QQiIQ", state, 0, interval, 0x7F0000001000, locked, 0, 17)
    for condition in (32, 120):
        state[condition + flags_at] = 2  # CLOCK_MONOTONIC

    return bytes(state)


@pytest.mark.parametrize("flags_at", [36, 28])
def test_the_free_gil_is_found_with_either_layout_of_condition_variables(flags_at: int) -> None:
    """Glibc moved the word with the clock flag in 2.41."""
    runtime = bytes(800) + gil(flags_at) + bytes(400)
    assert find_gil(runtime) == (800, flags_at)


def test_a_held_gil_is_not_touched() -> None:
    """Its thread is not waiting in a system call then."""
    assert find_gil(bytes(800) + gil(36, locked=1)) is None


def test_the_usual_switch_interval_decides_between_candidates() -> None:
    """Other bytes may look alike by chance."""
    assert find_gil(gil(36, interval=63) + bytes(64) + gil(36)) == (272, 36)


def test_a_changed_switch_interval_is_no_obstacle() -> None:
    """sys.setswitchinterval(0.01)."""
    assert find_gil(bytes(64) + gil(36, interval=10000)) == (64, 36)


def test_two_candidates_are_none() -> None:
    """Better a clone made again than a wrong word written."""
    assert find_gil(gil(36) + bytes(64) + gil(36)) is None


@pytest.mark.parametrize("runtime", [b"", bytes(4096), b"\xff" * 4096, gil(36)[:200]])
def test_anything_else_is_none(runtime: bytes) -> None:
    """Also what is too short."""
    assert find_gil(runtime) is None

"""The stop in force is found in the bytes of _PyRuntime, and nothing else is taken for it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapscope.errors import UnsupportedTarget
from heapscope.inject.script import refuse_free_threaded
from heapscope.inject.stopped_world import find_readers, find_stop
from heapscope.inject.symbols import ResolvedSymbols
from heapscope.target.runtime import is_free_threaded_state

SIZE = 4096
REQUESTER = 0x5555_0000_1000


def stop(mutex: int = 1, *, is_global: int = 0, countdown: int = 0, requester: int = REQUESTER) -> bytes:
    """Return a struct _stoptheworld_state in force; its event is set."""
    return struct.pack("<8BqQ", mutex, 1, 1, is_global, 1, 0, 0, 0, countdown, requester)


def global_state(bits: int) -> bytes:
    """Return stoptheworld_mutex with the idle state of all interpreters behind it."""
    return struct.pack("<Q8BqQ", bits, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)


def memory(*parts: tuple[int, bytes]) -> bytes:
    """Return zeroes with these parts at their offsets."""
    data = bytearray(SIZE)
    for offset, part in parts:
        data[offset : offset + len(part)] = part
    return bytes(data)


@pytest.mark.parametrize("mutex", [1, 3])
def test_a_stop_is_found_whether_or_not_others_wait_for_its_lock(mutex: int) -> None:
    """Three is locked with waiters: the very case that must be cured."""
    assert find_stop(memory((1600, stop(mutex)))) == 1600


@pytest.mark.parametrize(
    "part",
    [stop(0), stop(is_global=1), stop(countdown=2), stop(requester=0), stop(requester=REQUESTER + 4), bytes(24)],
    ids=["unlocked", "global", "still counting", "no requester", "no pointer", "nothing"],
)
def test_anything_else_is_no_stop(part: bytes) -> None:
    """Each field is judged."""
    assert find_stop(memory((1600, part))) is None


@pytest.mark.parametrize("bits", [4, 8, 4 * 3 + 2])
def test_the_lock_of_all_stops_is_found_by_its_readers(bits: int) -> None:
    """One reader is ours; more are threads that wait for a stop of their own; bit 1 says that a writer waits."""
    assert find_readers(memory((800, global_state(bits)))) == 800


@pytest.mark.parametrize("bits", [0, 1, 2, 5, 1 << 40])
def test_a_lock_without_readers_is_not_it(bits: int) -> None:
    """Free, held by a writer, or no lock at all."""
    assert find_readers(memory((800, global_state(bits)))) is None


def test_two_candidates_are_none() -> None:
    """Better no cure than the wrong one: a clone that hangs is made again."""
    assert find_stop(memory((800, stop()), (1600, stop()))) is None
    assert find_readers(memory((800, global_state(4)), (1600, global_state(4)))) is None


@given(st.binary(max_size=200))
def test_whatever_the_target_holds_is_read_without_an_error(data: bytes) -> None:
    """Short and odd sizes too."""
    for found in (find_stop(data), find_readers(data)):
        assert found is None or 0 <= found < len(data)


def test_the_build_is_told_by_its_debug_offsets() -> None:
    """Cookie, version, flag; older ones have no cookie."""
    head = b"xdebugpy" + struct.pack("<Q", 0x030E07F0)
    assert is_free_threaded_state(head + struct.pack("<Q", 1))
    assert not is_free_threaded_state(head + bytes(8))
    assert not is_free_threaded_state(struct.pack("<3Q", 1, 2, 3))
    assert not is_free_threaded_state(b"")


def test_scripts_are_refused_where_they_cannot_stop_the_other_threads() -> None:
    """A copy made while they go on would be torn."""
    with pytest.raises(UnsupportedTarget) as caught:
        refuse_free_threaded(1, ResolvedSymbols({}, range(0), is_free_threaded=True))
    assert "ptrace" in caught.value.hint
    refuse_free_threaded(1, ResolvedSymbols({}, range(0)))

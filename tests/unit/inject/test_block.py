"""The data block: what the host writes is where the stub looks, and nonsense from a target is refused."""

from __future__ import annotations

import itertools
import struct

import pytest

from heapscope.inject import block
from heapscope.inject.block import BlockValues, State


def values(**changes: object) -> BlockValues:
    """Return plausible block values."""
    defaults: dict[str, object] = {
        "functions": {name: 0x1000 + index for index, name in enumerate(block.FUNCTIONS)},
        "bootstrap": b"pass",
        "clone_name": b"heapscope:abcde",
        "cure_frame": 0x7FFF0008,
        "allow_held": True,
        "alarm_s": 90,
        "max_fd": 70,
        "target_pid": 4711,
    }
    return BlockValues(**{**defaults, **changes})  # type: ignore[arg-type]


def test_every_function_address_is_at_its_offset() -> None:
    """The stub calls through these words."""
    data = block.encode_block(values())
    for index, name in enumerate(block.FUNCTIONS):
        assert struct.unpack_from("<Q", data, block.function_offset(name)) == (0x1000 + index,)


def test_a_function_that_the_target_lacks_is_zero() -> None:
    """The stub skips it then."""
    data = block.encode_block(values(functions={}))
    assert struct.unpack_from("<Q", data, block.function_offset("PyGC_Disable")) == (0,)


def test_a_clone_is_the_least_important_unless_it_must_not_be() -> None:
    """The target's own priority may be negative."""
    for changes, wanted in (({}, 19), ({"clone_nice": -5}, -5)):
        assert struct.unpack_from("<i", block.encode_block(values(**changes)), block.CLONE_NICE) == (wanted,)


def test_fields_do_not_overlap() -> None:
    """Each field's bytes belong to one field only."""
    fields = [
        (block.STATE, 4), (block.CANCEL, 4), (block.ALLOW_HELD, 4), (block.ADD_RESULT, 4), (block.CLONE_RESULT, 8),
        (block.WAIT_NS, 16), (block.GIL_NS, 16), (block.RELEASED_NS, 16), (block.CURE_FRAME, 8), (block.IDLE_TIMEOUT, 16),
        (block.CLONE_MASK, 8), (block.DEFAULT_ACTION, 32), (block.ALARM_SECONDS, 4), (block.MAX_FD, 4), (block.PIPES, 16),
        (block.CORE_RLIMIT, 16), (block.SCHED_PARAM, 4), (block.TARGET_PID, 4), (block.CLONE_NAME, 16), (block.CLONE_NICE, 4),
        (block.FUNCTION_TABLE, 8 * len(block.FUNCTIONS)), (block.COMMAND, 64), (block.REPLY, 8), (block.INTERPRETER, 8),
    ]  # fmt: skip
    used = sorted(fields)
    for (start, size), (following, _) in itertools.pairwise(used):
        assert start + size <= following
    assert used[-1][0] + used[-1][1] <= block.BOOTSTRAP


def test_the_bootstrap_text_ends_with_a_zero_byte() -> None:
    """PyRun_SimpleString takes a C string."""
    data = block.encode_block(values(bootstrap=b"exec('x')"))
    assert data[block.BOOTSTRAP :] == b"exec('x')\0"


@pytest.mark.parametrize("text", [b"a\0b", b"x" * block.BLOCK_SIZE])
def test_a_bootstrap_text_that_does_not_fit_is_refused(text: bytes) -> None:
    """Neither a zero byte inside nor more than the block holds."""
    with pytest.raises(ValueError, match="does not fit"):
        block.encode_block(values(bootstrap=text))


def test_a_clone_name_longer_than_the_kernel_keeps_is_refused() -> None:
    """The name would be cut, and the clone never recognised."""
    with pytest.raises(ValueError, match="too long"):
        block.encode_block(values(clone_name=b"x" * 16))


def test_the_result_carries_nanoseconds() -> None:
    """Times are struct timespec in the block."""
    data = bytearray(block.RESULT_SIZE)
    struct.pack_into("<I", data, block.STATE, State.FINISHED)
    struct.pack_into("<q", data, block.CLONE_RESULT, 4711)
    struct.pack_into("<QQ", data, block.GIL_NS, 2, 5)
    struct.pack_into("<QQ", data, block.RELEASED_NS, 2, 1005)
    result = block.decode_result(bytes(data))
    assert (result.state, result.clone_result) == (State.FINISHED, 4711)
    assert result.released_ns - result.gil_taken_ns == 1000
    assert result.gil_taken_ns == 2_000_000_005


def test_a_state_that_the_stub_never_writes_is_refused() -> None:
    """Something else wrote there."""
    data = bytearray(block.RESULT_SIZE)
    struct.pack_into("<I", data, block.STATE, 77)
    with pytest.raises(ValueError, match="77"):
        block.decode_result(bytes(data))


def test_only_states_after_the_work_are_final() -> None:
    """Pages are unmapped in final states only."""
    assert [state for state in State if state.is_final] == [
        State.FINISHED, State.NO_THREAD_STATE, State.GIL_HELD_BY_THREAD, State.FINALIZING, State.QUEUE_FULL, State.CANCELLED,
    ]  # fmt: skip


def test_the_clone_can_be_ended_by_an_alarm_and_by_an_operator() -> None:
    """The mask blocks the application's signals, not ALRM and TERM, and not faults."""
    data = block.encode_block(values())
    (mask,) = struct.unpack_from("<Q", data, block.CLONE_MASK)
    blocked = {number for number in range(1, 65) if mask >> (number - 1) & 1}
    assert not blocked & {1, 2, 3, 6, 11, 14, 15}
    assert {10, 12, 17} <= blocked

"""Which waits may be borrowed."""

from __future__ import annotations

import pytest

from heapscope.inject.threads import is_resumable_wait

RUNTIME = range(0x5000, 0x9000)
FUTEX = 202


@pytest.mark.parametrize("number", [0, 7, 23, 35, 43, 61, 230, 232, 271])
def test_a_thread_that_waits_for_the_world_may_be_borrowed(number: int) -> None:
    """read, poll, select, sleeps, accept, wait4, epoll."""
    assert is_resumable_wait(number, 3, 0, RUNTIME)


@pytest.mark.parametrize("number", [1, 9, 56, 59, 231, 435])
def test_other_calls_may_not(number: int) -> None:
    """write, mmap, clone, execve, exit_group, clone3."""
    assert not is_resumable_wait(number, 3, 0, RUNTIME)


def test_a_lock_of_python_may_be_borrowed() -> None:
    """FUTEX_WAIT_BITSET, private, against the real-time clock: a semaphore or condition variable."""
    assert is_resumable_wait(FUTEX, 0x7F0000001000, 0x189, RUNTIME)


def test_a_low_level_lock_may_not() -> None:
    """Plain FUTEX_WAIT: it may be malloc's."""
    assert not is_resumable_wait(FUTEX, 0x7F0000001000, 0x80, RUNTIME)


def test_the_wait_for_the_gil_may_not() -> None:
    """Taking the GIL on top of it would wait for itself."""
    assert not is_resumable_wait(FUTEX, 0x6000, 0x189, RUNTIME)


def test_a_resumed_wait_for_the_gil_may_not() -> None:
    """restart_syscall shows the arguments of the call that it resumes."""
    assert not is_resumable_wait(219, 0x6000, 0x189, RUNTIME)

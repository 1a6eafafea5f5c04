"""Getting in and out again: waits that go on, calls given up, two at a time, the GIL of every version."""

from __future__ import annotations

import contextlib
import os
import threading
import time

import pytest

from heapscope.errors import BudgetExceeded, Cancelled
from heapscope.inject import make_clone
from heapscope.inject.gil import find_gil
from heapscope.inject.hijack import BorrowedThread, find_gadgets
from heapscope.inject.ptrace import Tracee
from heapscope.inject.symbols import resolve_symbols
from heapscope.inject.threads import blocked_threads
from heapscope.service.capture import CaptureOptions, capture
from heapscope.service.payload import bootstrap_source
from heapscope.target.discovery import target_of
from heapscope.target.maps import parse_maps
from heapscope.target.memory import read_memory
from tests.support.counting import count_of
from tests.support.invariants import unharmed
from tests.support.pythons import Python
from tests.support.targets import MARKER_TYPE, Situation, Target, children_of, running, situation_named

pytestmark = pytest.mark.integration

ROUNDS = 15
WAITS = {"clock_nanosleep", "epoll_wait", "recvfrom"}
PATIENCE_S = 120.0
NO_SUCH_CHILD = (1 << 22) - 1
GIL_ATTEMPTS = 200


def test_waits_in_c_are_resumed_as_if_nothing_had_happened(one_python: Python) -> None:
    """Nanosleep sleeps its whole time; epoll_wait and recv do not come back empty, however often their thread is borrowed."""
    with running(one_python, Situation("C waits", "c_waiter.py")) as target, unharmed(target):
        gadgets = find_gadgets(target.pid, parse_maps(target.pid))
        borrowed_in, rounds, end = set[str](), 0, time.monotonic() + PATIENCE_S
        while rounds < ROUNDS or not borrowed_in >= WAITS:  # a thread may not have come to its call yet
            assert time.monotonic() < end, borrowed_in
            rounds += 1
            for thread in blocked_threads(target.pid, range(0)):
                tracee = Tracee(target.pid, thread.tid)
                was_blocked = tracee.saved.was_blocked
                with BorrowedThread(tracee, gadgets) as borrowed, contextlib.suppress(ChildProcessError):
                    borrowed.reap(NO_SUCH_CHILD)
                if was_blocked:
                    borrowed_in.add(thread.call)
        while (counts := target.ask()["extra"])["sleeps"] == 0 or counts["wakes"] == 0:
            time.sleep(0.05)
        assert counts["interrupted"] == 0


def wait_for_no_clone(target: Target) -> None:
    """Wait until what was made of the target has ended; a helper cleans up by itself after a call that was given up."""
    end = time.monotonic() + PATIENCE_S
    while children := children_of(target.pid):
        assert time.monotonic() < end, children
        time.sleep(0.05)


def test_a_call_given_up_does_nothing_when_its_turn_comes(one_python: Python) -> None:
    """The GIL is held by C for seconds; the deadline passes; later no clone appears and nothing stays mapped."""
    with running(one_python, situation_named("GIL held by C", "3")) as target, unharmed(target):
        given_up = 0
        for _ in range(ROUNDS):
            try:
                with make_clone(target_of(target.pid), bootstrap=bootstrap_source(), deadline_s=0.3):
                    pass
            except BudgetExceeded:
                given_up += 1
        assert given_up > 0
        wait_for_no_clone(target)


def test_a_capture_can_be_cancelled_while_it_waits_for_the_gil(one_python: Python) -> None:
    """The state is told, and cancelling is answered."""
    cancel = threading.Event()
    states = []

    def hear(state: str) -> None:
        states.append(state)
        if "waiting" in state:
            cancel.set()

    with running(one_python, situation_named("GIL held by C", "3")) as target, unharmed(target):
        found = target_of(target.pid)
        with pytest.raises(Cancelled):  # noqa: PT012  (any of several rounds may meet the C call)
            for _ in range(ROUNDS):
                make_clone(found, bootstrap=bootstrap_source(), report=hear, cancel=cancel).release()
        assert any("waiting" in state for state in states)


def test_a_clone_has_the_lowest_priority_unless_it_is_urgent(one_python: Python) -> None:
    """One that has lowered it could not raise it again without CAP_SYS_NICE, and would starve on a busy machine."""
    with running(one_python, situation_named("event wait")) as target, unharmed(target):
        own = os.getpriority(os.PRIO_PROCESS, target.pid)
        for is_urgent, wanted in ((False, 19), (True, own)):
            with make_clone(
                target_of(target.pid), bootstrap=bootstrap_source(), runs_python=False, is_urgent=is_urgent
            ) as clone:
                assert os.getpriority(os.PRIO_PROCESS, clone.clone_pid) == wanted


def test_two_can_look_at_one_target_at_once(one_python: Python) -> None:
    """Neither collects the other's clone."""
    with running(one_python, situation_named("GC churn")) as target, unharmed(target):
        counts: list[int] = []

        def look() -> None:
            counts.append(count_of(capture(target.pid, CaptureOptions(timeout_s=60)), MARKER_TYPE))

        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts == [target.marker_count] * 2


def test_the_gil_is_found_in_every_interpreter(any_python: Python) -> None:
    """While it is free; its waiters can then be forgotten in a clone."""
    with running(any_python, situation_named("event wait")) as target:
        runtime = resolve_symbols(target.pid, parse_maps(target.pid)).runtime
        found = None
        for _ in range(GIL_ATTEMPTS):
            found = find_gil(read_memory(target.pid, runtime.start, len(runtime)))
            if found is not None:
                break
        assert found is not None

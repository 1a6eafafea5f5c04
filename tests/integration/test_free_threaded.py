"""Targets without a GIL: stopped together for the clone, walked in Python, labelled as what they are, and unharmed."""

from __future__ import annotations

import json

import pytest

from heapscope.errors import BudgetExceeded, UnsupportedTarget
from heapscope.inject import make_clone
from heapscope.service.capture import CaptureOptions, capture
from heapscope.service.payload import bootstrap_source
from heapscope.snapshot.model import Snapshot
from heapscope.target.discovery import target_of
from tests.support.command_line import run_heapscope
from tests.support.counting import count_of
from tests.support.invariants import unharmed
from tests.support.pythons import Python, found_pythons
from tests.support.targets import MARKER_TYPE, SLOTTED_TYPE, Situation, Target, children_of, running, situation_named

pytestmark = pytest.mark.integration

TIMEOUT_S = 120.0
OLDEST = (3, 14)
FREE_THREADED = [python for python in found_pythons() if python.free_threaded]
MISSING = "no free-threaded interpreter found (scripts/pythons lists what there is)"
PAUSED_BUSY_THREADS = Situation("busy threads", "busy_threads.py", ("0.004",), rss_slack_bytes=4 << 20)
COLLECTING = Situation("collecting", "collecting.py", rss_slack_bytes=4 << 20)
SITUATIONS = [
    *(
        situation_named(name)
        for name in ("event wait", "long sleep", "busy loop", "asyncio server", "ticking", "forking")
    ),
    PAUSED_BUSY_THREADS,
    COLLECTING,
]


def named(pythons: list[Python]) -> list[object]:
    """Return interpreters as parameters; one that skips where there is none."""
    found: list[object] = [pytest.param(python, id=python.label) for python in pythons]
    return found or [pytest.param(None, id="none", marks=pytest.mark.skip(MISSING))]


supported = pytest.mark.parametrize("python", named([each for each in FREE_THREADED if each.minor >= OLDEST]))


def look(target: Target) -> Snapshot:
    """Capture once; everything that the target made is there, each once, and the snapshot says what it cannot know."""
    snapshot = capture(target.pid, CaptureOptions(timeout_s=TIMEOUT_S))
    assert count_of(snapshot, MARKER_TYPE) == target.marker_count > 0
    assert count_of(snapshot, SLOTTED_TYPE) == target.slotted_count > 0
    assert (snapshot.meta.collector, snapshot.meta.injector) == ("python-clone", "ptrace")
    assert any(text.startswith("free-threaded build") for text in snapshot.meta.warnings)
    return snapshot


@supported
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name.replace(" ", "-"))
def test_every_situation_is_captured_and_unharmed(situation: Situation, python: Python) -> None:
    """Threads that sleep, compute, fork, or collect; with a clone each time."""
    with running(python, situation) as target:
        for _ in range(3):
            with unharmed(target):
                look(target)


@supported
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("situation", [PAUSED_BUSY_THREADS, COLLECTING], ids=["busy-threads", "collecting"])
def test_a_hundred_captures_neither_hang_nor_harm(situation: Situation, python: Python) -> None:
    """Threads that ask for a stop of their own, or for a lock that they are handed, would leave the clone waiting for them."""
    with running(python, situation) as target:
        look(target)
        with unharmed(target):
            for _ in range(100):
                look(target)


@pytest.mark.parametrize("python", named(FREE_THREADED))
def test_the_doctor_says_whether_the_threads_can_be_stopped(python: Python) -> None:
    """Attachable from 3.14 on; before that the reason is named, with exit code 5."""
    with running(python, situation_named("event wait")) as target:
        done = run_heapscope("doctor", str(target.pid), "--format", "json")
    report = json.loads(done.stdout)
    if python.minor >= OLDEST:
        assert (done.returncode, report["attachable"]) == (0, True)
    else:
        assert (done.returncode, report["obstacles"][0]["code"]) == (5, "free-threaded")


@supported
@pytest.mark.parametrize("via", ["remote_exec", "pyrasite"])
def test_scripts_are_refused_and_nothing_happens(via: str, python: Python) -> None:
    """They cannot stop the other threads."""
    with running(python, situation_named("ticking")) as target, unharmed(target), pytest.raises(UnsupportedTarget):
        capture(target.pid, CaptureOptions(via=via, timeout_s=TIMEOUT_S))


@supported
def test_a_call_given_up_while_threads_are_stopped_makes_no_clone_later(python: Python) -> None:
    """A C call delays the stop for seconds; the deadline passes; the stop ends with the call, and nothing is left."""
    with running(python, Situation("C call", "c_call.py", ("2",))) as target, unharmed(target):
        given_up = 0
        states: list[str] = []
        for _ in range(4):
            try:
                found = target_of(target.pid)
                with make_clone(found, bootstrap=bootstrap_source(), deadline_s=0.6, report=states.append):
                    pass
            except BudgetExceeded:
                given_up += 1
        assert given_up > 0
        assert any("safe point" in state for state in states)
        assert children_of(target.pid) == []


@pytest.mark.parametrize("python", named([each for each in FREE_THREADED if each.minor < OLDEST]))
def test_a_build_whose_threads_cannot_be_stopped_is_refused(python: Python) -> None:
    """3.13 hides the functions: named as the reason, and not a thread is touched."""
    refused = pytest.raises(UnsupportedTarget, match="free-threaded")
    with running(python, situation_named("event wait")) as target, unharmed(target), refused:
        capture(target.pid, CaptureOptions(timeout_s=TIMEOUT_S))

"""A capture finds exactly the objects that the target made, and leaves the target as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heapscope.service.capture import CaptureOptions, capture
from tests.support.counting import count_of
from tests.support.examples import rounds
from tests.support.invariants import record_process, settled_process_differences, unharmed
from tests.support.pythons import Python
from tests.support.situations import situation_params
from tests.support.targets import MARKER_TYPE, SLOTTED_TYPE, Situation, Target, children_of, running, situation_named

TIMEOUT_S = 120.0
CTYPES_LIBRARY_BYTES = 2 << 20


def capture_and_count(target: Target, via: str = "auto") -> None:
    """Capture once; the target's marker objects are all there, each once, and nothing is left behind."""
    with unharmed(target):
        snapshot = capture(target.pid, CaptureOptions(via=via, timeout_s=TIMEOUT_S))
    assert count_of(snapshot, MARKER_TYPE) == target.marker_count > 0
    assert count_of(snapshot, SLOTTED_TYPE) == target.slotted_count > 0
    assert snapshot.meta.pid == target.pid
    assert snapshot.meta.pause_ns > 0


@pytest.mark.integration
@pytest.mark.parametrize("situation", situation_params("event wait", "asyncio server"))
def test_every_interpreter_found_is_captured_and_unharmed(situation: Situation, any_python: Python) -> None:
    """A plain situation, and one with the extension module whose free list broke the collector in 3.12.1."""
    with running(any_python, situation) as target:
        capture_and_count(target)
        assert ".".join(map(str, any_python.version)) in capture(target.pid).meta.python_version


@pytest.mark.integration
@pytest.mark.parametrize("situation", situation_params())
def test_every_situation_is_captured_and_unharmed(situation: Situation, one_python: Python) -> None:
    """Each situation under one interpreter, several times in a row."""
    with running(one_python, situation) as target:
        for _ in range(3):
            capture_and_count(target)


@pytest.mark.matrix
@pytest.mark.parametrize("situation", situation_params())
def test_every_interpreter_in_every_situation(situation: Situation, any_python: Python) -> None:
    """The whole product."""
    with running(any_python, situation) as target:
        capture_and_count(target)


def python_with_remote_exec(python: Python) -> Python:
    """Skip what is too old for PEP 768."""
    if python.minor < (3, 14):
        pytest.skip("sys.remote_exec came with 3.14")
    return python


@pytest.mark.integration
def test_remote_exec_leaves_nothing_where_ctypes_is_loaded(any_python: Python) -> None:
    """The PEP 768 rung, asked for by name, in a target that computes."""
    with running(python_with_remote_exec(any_python), situation_named("busy loop", "ctypes")) as target:
        for _ in range(3):
            capture_and_count(target, via="remote_exec")


@pytest.mark.integration
def test_remote_exec_leaves_only_the_ctypes_library_where_it_was_not_loaded(any_python: Python) -> None:
    """CPython never unloads an extension module, and libffi keeps a descriptor on itself: that much, once, and no more."""
    situation = replace(situation_named("busy loop"), rss_slack_bytes=CTYPES_LIBRARY_BYTES)
    with running(python_with_remote_exec(any_python), situation) as target:
        with unharmed(target, libraries=("_ctypes", "libffi")):
            snapshot = capture(target.pid, CaptureOptions(via="remote_exec", timeout_s=TIMEOUT_S))
        assert count_of(snapshot, MARKER_TYPE) == target.marker_count > 0
        assert snapshot.meta.injector == "remote_exec"
        for _ in range(2):
            capture_and_count(target, via="remote_exec")


@pytest.mark.integration
def test_a_worker_of_a_preforking_master_is_captured(one_python: Python) -> None:
    """The worker has everything that its master had, and both go on as before."""
    with running(one_python, situation_named("prefork master")) as target, unharmed(target):
        for worker in children_of(target.pid):
            before = record_process(worker)
            snapshot = capture(worker, CaptureOptions(timeout_s=TIMEOUT_S))
            assert count_of(snapshot, MARKER_TYPE) == target.marker_count > 0
            assert settled_process_differences(before) == []


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_captures_in_a_row_leave_the_target_as_it_was(one_python: Python) -> None:
    """Small leaks add up: thirty cycles show a page in ten, and a hundred are made with all examples."""
    with running(one_python, situation_named("event wait")) as target:
        capture(target.pid)  # the first one may map pages that stay, such as a malloc arena
        with unharmed(target):
            for _ in range(rounds(30, 100)):
                snapshot = capture(target.pid, CaptureOptions(timeout_s=TIMEOUT_S))
                assert count_of(snapshot, MARKER_TYPE) == target.marker_count

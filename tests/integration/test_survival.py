"""heapscope may die at any moment, and so may the target: the one leaves the other alone."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from heapscope.errors import Cancelled, HeapscopeError
from heapscope.service.capture import CaptureOptions, CaptureProgress, capture
from tests.support.command_line import heapscope_words
from tests.support.counting import count_of
from tests.support.examples import rounds
from tests.support.invariants import settled_differences, settled_record, unharmed
from tests.support.pythons import Python
from tests.support.targets import MARKER_TYPE, Target, children_of, processes_tagged, running, situation_named

pytestmark = pytest.mark.integration

CLONE_DEADLINE_S = 10
PATIENCE_S = 120
PAGE_SIZE = 4096
ALARM_MARGIN_S = 30
SEED = 20
START_LIMIT_S = 60
END_LIMIT_S = 60
PHASES = ("find", "headroom", "inject", "clone", "walk", "build")


def processes_left(tag: str, limit_s: float, known: Collection[int] = ()) -> set[int]:
    """Wait for what was made from the target to end; return those that did not."""
    end = time.monotonic() + limit_s
    while (left := set(processes_tagged(tag)).difference(known)) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def helper_of(pid: int) -> int:
    """Wait for the injection helper of a heapscope process; 0 if that ends first."""
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        if helpers := children_of(pid):
            return helpers[0]
        time.sleep(0.001)
    return 0


def kill_main_process(process: subprocess.Popen[bytes], delay_s: float) -> None:
    """After the delay, from the first instruction on."""
    time.sleep(delay_s)
    process.kill()


def kill_process_group(process: subprocess.Popen[bytes], delay_s: float) -> None:
    """As a supervisor does."""
    time.sleep(delay_s)
    os.killpg(process.pid, signal.SIGKILL)


def kill_helper(process: subprocess.Popen[bytes], delay_s: float) -> None:
    """After the delay from its start: it is the one that holds the target."""
    helper = helper_of(process.pid)
    time.sleep(delay_s)
    if helper in children_of(process.pid):
        with contextlib.suppress(ProcessLookupError):  # collected just now
            os.kill(helper, signal.SIGKILL)


@contextlib.contextmanager
def unharmed_but_for_pages(target: Target, allowed: int) -> Iterator[None]:
    """Like ``unharmed``; a helper that is killed in the millisecond in which it holds a thread leaves its code page mapped.

    Nobody else may unmap it: a queued call may still run in it. That much is allowed per kill, and nothing else.
    """
    before = settled_record(target)
    yield
    found = settled_differences(before, target, settle_s=CLONE_DEADLINE_S + 20)
    pages = [line for line in found if re.fullmatch(r"new mappings: \[('r-xp [0-9a-f]+-[0-9a-f]+ '(, )?)+\]", line)]
    spans = [span.split("-") for line in pages for span in re.findall(r"[0-9a-f]+-[0-9a-f]+(?= ')", line)]
    assert [line for line in found if line not in pages] == []
    assert all(int(end, 16) - int(start, 16) == PAGE_SIZE for start, end in spans)
    assert len(spans) <= allowed


KILLERS = (
    pytest.param(kill_main_process, rounds(12, 50), id="main process"),
    pytest.param(kill_process_group, rounds(5, 15), id="process group"),
    pytest.param(kill_helper, rounds(10, 25), id="helper"),
)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("kill", "times"), KILLERS)
def test_killing_heapscope_at_any_moment_harms_nothing(
    kill: Callable[[subprocess.Popen[bytes], float], None], times: int, one_python: Python, tmp_path: Path
) -> None:
    """SIGKILL at moments spread over a capture: the target is as before and no clone outlives its deadline."""
    chooser = random.Random(SEED)
    words = heapscope_words("--quiet", "snapshot", "--timeout", str(CLONE_DEADLINE_S), "--overwrite", "-o")
    patient = heapscope_words("--quiet", "snapshot", "--timeout", str(PATIENCE_S), "-o")  # however busy the machine is
    with running(one_python, situation_named("ticking", "20000")) as target:
        started = time.monotonic()
        subprocess.run([*patient, str(tmp_path / "whole"), str(target.pid)], check=True, stdout=subprocess.DEVNULL)
        whole_s = time.monotonic() - started
        with unharmed_but_for_pages(target, times if kill is kill_helper else 0):
            for number in range(times):
                process = subprocess.Popen(
                    [*words, str(tmp_path / f"cut-{number}"), str(target.pid)],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
                kill(process, chooser.uniform(0.0, whole_s if kill is not kill_helper else whole_s / 2))
                process.wait()
            assert processes_left(target.tag, CLONE_DEADLINE_S + 20, {target.pid}) == set()
        assert count_of(capture(target.pid), MARKER_TYPE) == target.marker_count


@pytest.mark.matrix  # a clone may wait for its deadline
def test_killing_heapscope_and_its_helper_at_once_leaves_no_clone_that_lives(
    one_python: Python, tmp_path: Path
) -> None:
    """Nobody is left to have the target collect an ended clone: its entry in the process table stays until the next capture."""
    chooser = random.Random(SEED)
    words = heapscope_words("--quiet", "snapshot", "--timeout", str(CLONE_DEADLINE_S), "-o")
    with running(one_python, situation_named("ticking", "20000")) as target:
        before = settled_record(target)
        for number in range(15):
            process = subprocess.Popen(
                [*words, str(tmp_path / f"cut-{number}"), str(target.pid)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            helper = helper_of(process.pid)
            time.sleep(chooser.uniform(0.0, 0.5))
            process.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(helper or process.pid, signal.SIGKILL)
            process.wait()
        assert processes_left(target.tag, CLONE_DEADLINE_S + ALARM_MARGIN_S + 20, {target.pid}) == set()
        found = settled_differences(before, target, settle_s=1.0)
        assert [line for line in found if not line.startswith(("children: ", "zombies: "))] == []
        assert count_of(capture(target.pid), MARKER_TYPE) == target.marker_count
        assert children_of(target.pid) == []


def test_a_target_that_dies_during_the_capture_is_reported(one_python: Python) -> None:
    """The walk never ends: the error says so, and no clone stays."""
    with running(one_python, situation_named("ticking", "200000")) as target:
        pid = target.pid

        def kill_when_walking(progress: CaptureProgress) -> None:
            if progress.phase == "walk":
                os.kill(pid, signal.SIGKILL)

        with contextlib.suppress(HeapscopeError):
            snapshot = capture(pid, CaptureOptions(timeout_s=60), kill_when_walking)
            # The clone had everything already: then the snapshot is whole.
            assert count_of(snapshot, MARKER_TYPE) == target.marker_count
        target.process.wait()
        assert processes_left(target.tag, END_LIMIT_S) == set()


@pytest.mark.parametrize("phase", PHASES)
def test_cancel_in_each_phase_leaves_the_target_as_it_was(phase: str, one_python: Python) -> None:
    """Cancel is asked for when the phase begins; whatever was made is undone."""
    cancel = threading.Event()

    def cancel_when_reached(progress: CaptureProgress) -> None:
        if progress.phase == phase:
            cancel.set()

    with running(one_python, situation_named("ticking", "50000")) as target, unharmed(target):
        try:
            capture(target.pid, CaptureOptions(timeout_s=60), cancel_when_reached, cancel)
        except Cancelled:
            pass
        else:
            assert phase in {"walk", "build"}, "a capture goes on after cancel only when it has everything"
        assert cancel.is_set()
        assert processes_left(target.tag, END_LIMIT_S, {target.pid}) == set()

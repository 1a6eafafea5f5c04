"""What becomes of a clone whose host is slow, or is killed while it walks."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heapscope.inject import client
from heapscope.service import native
from heapscope.service.capture import CaptureOptions, capture
from heapscope.service.surroundings import RealSurroundings
from tests.support.invariants import record_process, unharmed
from tests.support.pythons import Python
from tests.support.targets import Situation, Target, children_of, running

pytestmark = pytest.mark.integration

TIMEOUT_S = 120.0
ALARM_S = 3
LARGE = Situation("large heap", "native_large.py", ("texts", "400000"))


@pytest.mark.slow
def test_a_clone_waits_for_a_host_that_is_slow(one_python: Python, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, reading what goes into the orders takes longer than a clone without orders may live."""

    def read_slowly(*words: Any) -> Any:
        time.sleep(ALARM_S + 1.5)
        return read_frames(*words)

    read_frames = native.read_frames
    monkeypatch.setattr(client, "_ALARM_S", ALARM_S)
    # What is read before the clone is told to live on must not take as long, on a machine that is busy already.
    monkeypatch.setattr(RealSurroundings, "observe_memory", lambda *_: None)
    monkeypatch.setattr(native, "read_frames", read_slowly)
    with running(one_python, Situation("event wait", "event_wait.py")) as target, unharmed(target):
        snapshot = capture(target.pid, CaptureOptions(collector="native", timeout_s=TIMEOUT_S))
    assert snapshot.meta.collector == "native-clone"


_HOST = """
import sys, time
sys.path[:] = sys.argv[2].split(":")
from heapscope.service.capture import CaptureOptions, capture
def wait(report):
    if report.phase == "walk":
        print("walk", flush=True)
        time.sleep(600)
capture(int(sys.argv[1]), CaptureOptions(collector="native"), wait)
"""


@contextlib.contextmanager
def host_in_the_middle(target: Target) -> Iterator[subprocess.Popen[str]]:
    """Run a host of its own that stops reading once the first records have come."""
    words = [sys.executable, "-c", _HOST, str(target.pid), ":".join(sys.path)]
    host = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert host.stdout is not None
    try:
        assert host.stdout.readline() == "walk\n"
        yield host
    finally:
        host.kill()
        host.wait()
        host.stdout.close()


def is_alive(pid: int) -> bool:
    """Whether a process runs: a zombie does not."""
    return record_process(pid).state not in "ZXg"


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, for a limited time."""
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_host_killed_in_the_middle_leaves_nobody(one_python: Python) -> None:
    """Its helper cleans up after it."""
    with running(one_python, LARGE) as target, unharmed(target), host_in_the_middle(target) as host:
        (clone,) = children_of(target.pid)
        host.kill()
        host.wait()
        wait_until(lambda: not Path(f"/proc/{clone}").exists())


def test_a_clone_ends_when_everybody_who_could_read_is_gone(one_python: Python) -> None:
    """Host and helper are killed at once: writing to nobody ends the clone, which nobody else could do."""
    with running(one_python, LARGE) as target, host_in_the_middle(target) as host:
        (clone,) = children_of(target.pid)
        assert is_alive(clone)
        helpers = children_of(host.pid)
        for pid in (*helpers, host.pid):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(clone))
        assert target.ask("facts")["answer"] > 0

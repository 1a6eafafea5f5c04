"""Work beside a target takes the processor last."""

from __future__ import annotations

import os
import threading

import pytest

from heapscope.errors import TargetGone
from heapscope.service.capture import CaptureOptions, CaptureProgress, capture
from heapscope.service.priority import NICE, run_nicely
from tests.support.fakes import TARGET, FakeClone, FakeSurroundings, empty_stream


def niceness() -> int:
    """Give that of the calling thread."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def test_the_caller_keeps_its_priority() -> None:
    """Only the thread of the work is nicer, and nicer than the caller or as nice."""
    before = niceness()
    assert run_nicely(niceness, lambda: None) == max(before, NICE)
    assert niceness() == before


def test_what_the_work_raises_is_raised_and_nothing_is_given_up() -> None:
    """It has ended by itself."""
    given_up: list[bool] = []

    def fail() -> None:
        raise TargetGone("ended")

    with pytest.raises(TargetGone, match="ended"):
        run_nicely(fail, lambda: given_up.append(True))
    assert not given_up


def test_work_is_given_up_when_the_waiting_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it has ended when the caller goes on."""
    cancel, ended = threading.Event(), threading.Event()

    def work() -> None:
        cancel.wait()
        ended.set()

    def interrupted(*_given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("concurrent.futures.Future.result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_nicely(work, cancel.set)
    assert ended.is_set()


@pytest.mark.parametrize("is_urgent", [False, True])
def test_a_capture_is_nice_once_the_target_waits_no_longer(is_urgent: bool) -> None:
    """Until the clone is made the target waits for us; an urgent capture is in a race with the end."""
    before = niceness()
    seen: dict[str, int] = {}

    def progress(report: CaptureProgress) -> None:
        seen[report.phase] = niceness()

    world = FakeSurroundings([FakeClone(empty_stream())])
    capture(TARGET.pid, CaptureOptions(is_urgent=is_urgent), progress, surroundings=world)
    assert {seen[phase] for phase in ("find", "headroom", "inject", "clone")} == {before}
    assert seen["walk"] == (before if is_urgent else max(before, NICE))
    assert niceness() == before

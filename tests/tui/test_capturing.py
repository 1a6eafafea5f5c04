"""Attaching, cancelling, failing, capturing again, and what the exit code is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from textual.message import Message

from heapscope.errors import Cancelled, ExitCode, PermissionRefused, TargetGone
from heapscope.tui.engine import LiveEngine
from heapscope.tui.jobs import Base, CaptureJob, JobEnded, JobProgressed, run_analysis
from heapscope.tui.presenters.export import export_types
from heapscope.tui.presenters.types import types_rows
from heapscope.tui.progress import ProgressBoard
from heapscope.tui.state import Analysis
from tests.tui.support.engine import FakeEngine
from tests.tui.support.heaps import make_snapshot
from tests.tui.support.pilot import Driver, running


def held() -> FakeEngine:
    """Return an engine whose capture waits."""
    engine = FakeEngine()
    engine.gate = threading.Event()
    return engine


async def at_gate(driver: Driver) -> str:
    """Wait until the capture waits."""
    assert await asyncio.to_thread(driver.engine.at_gate.wait, 120)
    return await driver.until("84,000")


async def test_the_pause_and_the_counter_are_shown_while_it_walks() -> None:
    """The steps before are done."""
    async with running(held(), settle=False) as driver:
        text = await at_gate(driver)
        assert "paused 8.4 ms, resumed" in text
        assert "84,000 objects" in text
        assert text.count("✔") == 4
        assert "The target runs on" in text


async def test_escape_cancels_and_the_exit_code_is_130() -> None:
    """The card offers to try again."""
    async with running(held(), settle=False) as driver:
        await at_gate(driver)
        text = await driver.press("escape")
        assert "cancelled" in text
        assert "exit code 130" in text
        await driver.press("q")
    assert driver.app.return_value == ExitCode.INTERRUPTED


async def test_quitting_while_a_capture_runs_asks_first() -> None:
    """No keeps it, yes cancels it."""
    async with running(held(), settle=False) as driver:
        await at_gate(driver)
        await driver.pilot.press("q")
        await driver.until("Cancel it and quit?")
        await driver.pilot.press("n")
        assert "walk objects" in await driver.until("Cancel it and quit?", gone=True)
        await driver.pilot.press("q")
        await driver.until("Cancel it and quit?")
        await driver.pilot.press("y")
        await driver.drain()
    assert driver.app.return_value == ExitCode.INTERRUPTED


@pytest.mark.parametrize("key", ["q", pytest.param("question_mark", marks=pytest.mark.matrix)])
async def test_a_capture_may_end_while_a_dialog_is_open(key: str) -> None:
    """The snapshot is shown, whatever lay above the progress; escape from there goes nowhere odd."""
    async with running(held(), settle=False) as driver:
        await at_gate(driver)
        await driver.pilot.press(key)
        await driver.drain()
        assert driver.engine.gate is not None
        driver.engine.gate.set()
        await driver.settle()
        assert "[1 Overview]" in driver.text()
        assert "[1 Overview]" in (await driver.press("escape"))


async def test_a_capture_may_fail_while_the_help_is_open() -> None:
    """The card is there once the help is closed."""
    engine = held()
    engine.error = TargetGone("process 48213 has ended")
    async with running(engine, settle=False) as driver:
        await at_gate(driver)
        await driver.pilot.press("question_mark")
        assert engine.gate is not None
        engine.gate.set()
        await driver.settle()
        assert "target gone" in (await driver.press("escape"))


async def test_leaving_at_any_moment_of_a_capture_ends_cleanly() -> None:
    """Messages of the job that come too late find nothing to break."""
    for _ in range(3):
        engine = held()
        async with running(engine, settle=False) as driver:
            await at_gate(driver)
            assert engine.gate is not None
            engine.gate.set()


async def test_an_error_is_a_card_with_the_hint_and_retry_works() -> None:
    """The exit code is that of the error until it is overcome."""
    engine = FakeEngine()
    engine.error = PermissionRefused("no permission to trace process 48213", hint="sudo heapscope attach 48213")
    async with running(engine) as driver:
        text = driver.text()
        for part in ("permission refused", "exit code 6", "sudo heapscope attach 48213", "r retry"):
            assert part in text
        engine.error = None
        assert "[1 Overview]" in (await driver.press("r"))
        await driver.press("q")
    assert driver.app.return_value == ExitCode.OK


@pytest.mark.parametrize(
    ("error", "code"),
    [(TargetGone("process 48213 has ended"), 4), (PermissionRefused("no", hint="x"), 6), (KeyError("boom"), 1)],
)
async def test_the_exit_code_is_that_of_the_error(error: Exception, code: int) -> None:
    """Also for a fault of our own, which is no traceback."""
    engine = FakeEngine()
    engine.error = error
    async with running(engine) as driver:
        assert f"exit code {code}" in driver.text()
        await driver.press("escape", "q")
    assert driver.app.return_value == code


async def test_capturing_again_shows_changes_and_keeps_the_screen_usable() -> None:
    """The snapshot before is the baseline when none was chosen."""
    engine = FakeEngine()
    async with running(engine) as driver:
        engine.gate = threading.Event()
        engine.at_gate.clear()
        await driver.pilot.press("2", "n")
        text = await at_gate(driver)
        assert "▶ walk objects" in text
        assert "84,000/~122,269" in text
        assert "ctrl+c cancels" in text
        await driver.pilot.press("down")
        engine.gate.set()
        await driver.settle()
        text = driver.text()
        assert "#2" in text
        assert "ΔCount" in text
        assert "+4,409" in text
        text = await driver.press("1")
        assert "grew by 595K" in text
        assert "within 60 s" in text


async def test_a_second_capture_that_is_cancelled_or_fails_keeps_the_first_snapshot() -> None:
    """Ctrl+C stops the job, not the program. The card can be left, and the exit code stays 0: the snapshot is there."""
    engine = FakeEngine()
    async with running(engine) as driver:
        engine.gate = threading.Event()
        engine.at_gate.clear()
        await driver.pilot.press("n")
        await at_gate(driver)
        text = await driver.press("ctrl+c")
        assert "▶ walk objects" not in text
        assert "#1" in text
        await driver.press("ctrl+c")
        assert driver.app.is_running
        engine.gate.set()
        engine.error = TargetGone("process 48213 has ended")
        assert "target gone" in (await driver.press("n"))
        assert "[1 Overview]" in (await driver.press("escape"))
        await driver.press("q")
    assert driver.app.return_value == ExitCode.OK


async def test_a_baseline_given_at_the_start_is_compared_with() -> None:
    """As ``attach --baseline`` does."""
    async with running(pid=48213, baseline=make_snapshot((("builtins.dict", 10, 232, ()),))) as driver:
        assert "+9,200" in (await driver.press("2"))


async def test_a_baseline_makes_the_changes_zero_and_the_end_of_the_target_is_a_banner() -> None:
    """From then on they count from here. Everything stays, and a further capture is refused in words."""
    async with running() as driver:
        text = await driver.press("b", "2")
        assert "ΔShallow" in text
        assert "+" not in driver.lines()[3]
        await driver.press("1")
        driver.engine.is_alive = False
        driver.app._sample()
        await driver.settle()
        assert "the target ended" in driver.text()
        assert "still browsable" in driver.text()
        await driver.press("n")
        assert driver.engine.captures == 1
        assert "code" in (await driver.press("2"))
        assert "the target ended" not in (await driver.press("escape"))


async def test_the_picker_shows_who_can_be_attached_to_and_why_not() -> None:
    """Enter on a process that cannot only says the remedy."""
    async with running(pid=None) as driver:
        text = driver.text()
        assert "3 of 4 attachable" in text
        text = await driver.press("down")
        assert "belongs to user postgres" in text
        assert "sudo heapscope attach 812" in text
        await driver.press("enter")
        assert driver.engine.captures == 0
        await driver.press("slash", *"gunicorn", "enter", "enter")
        assert driver.engine.captures == 1
        assert "48190" in driver.text()


async def test_an_empty_picker_says_what_to_do() -> None:
    """R looks again."""
    engine = FakeEngine()
    engine.targets = ()
    async with running(engine, pid=None) as driver:
        assert "No running CPython process" in driver.text()
        engine.targets = FakeEngine().targets
        assert "3 of 4" in (await driver.press("R"))


def test_progress_messages_replace_those_still_queued() -> None:
    """Ten thousand reports are one message."""
    assert JobProgressed().can_replace(JobProgressed())


def test_a_capture_that_starts_over_goes_back_to_inject() -> None:
    """The clone that hung is forgotten, its counter too."""
    board = ProgressBoard(iter(range(1_000)).__next__)
    for phase, objects in (("find", 0), ("inject", 0), ("clone", 0), ("walk", 500), ("inject", 0)):
        board.report(phase, objects)
    progress = board.read()
    assert [step.state for step in progress.steps] == ["done", "done", "running", "waiting", "waiting", "waiting"]
    assert progress.objects == 0


async def test_types_that_have_vanished_are_rows_of_zeros() -> None:
    """What is gone since the baseline is seen to be gone, and exported."""
    before = make_snapshot((("app.Gone", 10, 100, ()), ("builtins.dict", 5, 232, ())))
    async with running(pid=48213, baseline=before) as driver:
        await driver.press("2", "slash", *"gone", "enter")
        (row,) = [line for line in driver.lines() if line.lstrip("▶ ").startswith("app.Gone")]
        for part in (" 0 ", "-10", "-1000B"):
            assert part in row
        view = driver.app.keeper.view
        assert view is not None
        exported = {row["type"]: row for row in export_types(view, types_rows(view)).rows}
        assert (exported["app.Gone"]["count"], exported["app.Gone"]["count_change"]) == (0, -10)


async def test_cancelling_stops_the_recursive_sizes() -> None:
    """The walk over the references asks; it does not run to its end first."""
    asked = threading.Event()
    job = CaptureJob(ProgressBoard(iter(range(1_000)).__next__))
    messages: list[Message] = []

    class Asking(LiveEngine):
        def complete(self, analysis: Analysis, is_cancelled: Callable[[], bool]) -> Analysis:
            job.cancel.set()
            assert is_cancelled()
            asked.set()
            return super().complete(analysis, is_cancelled)

    run_analysis(Asking(), job, make_snapshot(), "x", Base(), messages.append)
    assert asked.is_set()
    ended = messages[-1]
    assert isinstance(ended, JobEnded)
    assert isinstance(ended.error, Cancelled)


async def test_builtin_types_have_short_names_on_the_screen() -> None:
    """A filter finds them by both."""
    loaded = make_snapshot((("builtins.dict", 5, 232, ()), ("app.dict", 5, 100, ())))
    async with running(loaded=loaded, path="x.heapscope") as driver:
        assert [line for line in driver.lines() if line.startswith(" dict ") and " 70% " in line]
        assert "builtins" not in driver.text()
        assert "builtins" not in (await driver.press("2"))
        for expression in ("/^dict", "builtins"):
            assert "1 of 2" in (
                await driver.press("slash", *("slash" if char == "/" else char for char in expression), "enter")
            )
            await driver.press("escape")

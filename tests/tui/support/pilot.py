"""Running the application in tests: start, settle, read the screen as text.

Never sleeps for a time: it waits for workers and for the message queue to be empty.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

from rich.console import Console
from textual.app import App
from textual.pilot import Pilot
from textual.worker import WorkerCancelled

from heapscope.tui.app import HeapscopeApp
from heapscope.tui.keeper import Keeper
from tests.tui.support.engine import FakeEngine
from tests.tui.support.heaps import CAPTURED_AT

NEVER_S = 86_400.0
MOST_PAUSES = 100  # what never comes to rest, such as an animation, is looked at as it is
SMALL = (80, 24)
LARGE = (120, 40)


async def drain(pilot: Pilot[Any]) -> None:
    """Wait until every message was handled, what came of it as well, and the screen is drawn.

    Textual's own pause takes a process that gets no processor time for one that has nothing left to do.
    """
    for _ in range(MOST_PAUSES):
        await pilot.pause()
        if pilot.app._exit or not _is_busy(pilot.app):
            break


def _is_busy(app: App[Any]) -> bool:
    """Whether a widget has yet to be mounted, to handle a message or to be drawn."""
    screen = app.screen
    nodes = [app, *screen.walk_children(with_self=True)]
    return (
        any(node.message_queue_size or node._pending_message or node._next_callbacks for node in nodes)
        or not all(node._is_mounted for node in nodes)
        or bool(screen._callbacks or screen._dirty_widgets)
        or screen._layout_required
        or screen._repaint_required
    )


class Driver:
    """A running application and what a person at it can do."""

    def __init__(self, app: HeapscopeApp, engine: FakeEngine, pilot: Pilot[int]) -> None:
        self.app = app
        self.engine = engine
        self.pilot = pilot

    async def settle(self) -> None:
        """Wait until no worker runs and everything is drawn; a worker may have been cancelled by one that came after it."""
        while True:
            await self.drain()
            waiting = [worker for worker in self.app.workers if not worker.is_finished]
            for worker in waiting:
                with suppress(WorkerCancelled):
                    await worker.wait()
            if not waiting and self._is_idle():
                break
        await self.drain()

    async def drain(self) -> None:
        """Wait until every message was handled and the screen is drawn, while workers go on."""
        await drain(self.pilot)

    def _is_idle(self) -> bool:
        """Whether what the workers brought was handled, and nothing else is to come."""
        runner = self.app.runner
        jobs = (runner.job, runner.holders_job, runner.report_job, runner.waste_job, runner.paths_job)
        return not any(job is not None for job in jobs) and not runner.object_jobs

    async def press(self, *keys: str) -> str:
        """Press keys and return the screen."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()
        return self.text()

    async def until(self, part: str, *, gone: bool = False) -> str:
        """Wait until something is on the screen, or gone from it, while workers go on; return the screen."""
        for _ in range(6_000):
            await self.pilot.pause(0.01)
            if (part in self.text()) is not gone:
                return self.text()
        raise AssertionError(self.text())

    def text(self) -> str:
        """Return the screen as text."""
        width, height = self.app.size
        out = io.StringIO()
        console = Console(file=out, width=width, height=height, color_system=None, legacy_windows=False)
        console.print(self.app.screen._compositor)
        return out.getvalue()

    def lines(self) -> list[str]:
        """Return the rows of the screen."""
        return self.text().splitlines()


def only_text(folder: Path, pattern: str) -> str:
    """Return the contents of the one file that a pattern matches."""
    (path,) = folder.glob(pattern)
    return path.read_text()


@asynccontextmanager
async def running(
    engine: FakeEngine | None = None,
    *,
    size: tuple[int, int] = SMALL,
    settle: bool = True,
    ascii_only: bool = False,
    **facts: Any,
) -> AsyncIterator[Driver]:
    """Run the application on a fake engine; by default attached to a process."""
    engine = engine or FakeEngine()
    if not facts:
        facts = {"pid": 48213}
    keeper = Keeper(clock=lambda: CAPTURED_AT + 30, **facts)
    app = HeapscopeApp(keeper, engine=engine, ascii_only=ascii_only)
    # The sparkline must not grow on a slow machine: a test that is about samples takes them itself.
    with mock.patch("heapscope.tui.app.SAMPLE_S", NEVER_S):
        async with app.run_test(size=size, notifications=True) as pilot:
            driver = Driver(app, engine, pilot)
            if settle:
                await driver.settle()
            yield driver
            gates = (engine.gate, engine.advice_gate, engine.sizes_gate, engine.holders_gate, engine.paths_gate)
            for gate in (*gates, engine.objects_gate, engine.report_gate):
                if gate is not None:
                    gate.set()

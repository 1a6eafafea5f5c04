"""The Growth tab: who holds what grew, how steadily, and the way to it; types on its other face."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from heapscope.analysis.holder_growth import HolderGrowth
from heapscope.analysis.holder_tree import HolderTree
from heapscope.errors import HeapscopeError
from heapscope.graph.library import Oversight
from heapscope.service.capture import CaptureOptions, CaptureProgress
from heapscope.snapshot.model import Snapshot
from heapscope.tui.holders import HolderIndex
from heapscope.tui.screens.paths import PathsScreen
from heapscope.tui.series import Series
from tests.support.growing_heap import Service
from tests.tui.support.engine import FakeEngine
from tests.tui.support.heaps import CAPTURED_AT
from tests.tui.support.pilot import LARGE, SMALL, only_text, running

CHURN = (4000, 900, 7000)


def grown(minute: int, name: str = "SESSIONS") -> Snapshot:
    """Make a registry that grows by 50 sessions a minute beside a batch that comes and goes."""
    service = Service()
    sessions = service.table([service.blob(500, "app.Session") for _ in range(100 + 50 * minute)])
    batch = service.list(*(service.blob(CHURN[minute % 3], "app.Batch") for _ in range(40)))
    service.module("app", REGISTRY=service.instance("app.Registry", sessions=sessions), BATCH=batch)
    service.module(name, KEPT=service.list(*(service.blob(300) for _ in range(20 * minute))))
    snapshot = service.snapshot(pid=48213)
    meta = dataclasses.replace(snapshot.meta, captured_at=CAPTURED_AT + 60 * minute)
    return dataclasses.replace(snapshot, meta=meta)


class GrowingEngine(FakeEngine):
    """Every capture sees a minute more; summing up waits, or fails, by arrangement."""

    def __init__(self, name: str = "other") -> None:
        super().__init__()
        self.name = name
        self.growth_gate: threading.Event | None = None
        self.growth_error: Exception | None = None
        self.compared: list[int] = []

    def capture(
        self, pid: int, options: CaptureOptions, progress: Callable[[CaptureProgress], None], cancel: threading.Event
    ) -> Snapshot:
        """Give the next snapshot."""
        super().capture(pid, options, progress, cancel)
        return grown(self.captures - 1, self.name)

    def sum_up(self, snapshot: Snapshot, holders: HolderIndex | None, oversight: Oversight) -> HolderTree:
        """Wait for the gate, then sum up."""
        self._wait(self.growth_gate, "growth", oversight)
        if self.growth_error is not None:
            raise self.growth_error
        return super().sum_up(snapshot, holders, oversight)

    def measure_growth(self, trees: Sequence[HolderTree]) -> Sequence[HolderGrowth]:
        """Note how many were compared."""
        self.compared.append(len(trees))
        return super().measure_growth(trees)


@pytest.mark.parametrize("size", [pytest.param((60, 16), marks=pytest.mark.matrix), SMALL])
async def test_three_snapshots_rank_the_registry_first(size: tuple[int, int]) -> None:
    """Steady growth before larger churn; each face of the tab has its table; enter leads to the paths of the holder."""
    engine = GrowingEngine()
    async with running(engine, size=size) as driver:
        assert "needs two snapshots" in await driver.press("3")
        text = await driver.press("n")
        assert "n takes a third" in text or size[0] < 80
        text = await driver.press("n")
        rows = [line for line in text.splitlines() if "app.REGISTRY.sessions" in line or "app.BATCH" in line]
        assert "app.REGISTRY.sessions" in rows[0]
        assert "app.BATCH" in rows[1]
        assert "+52.0K" in rows[0]  # 100 sessions, each with its key
        assert "2/2" in rows[0]
        assert "1/2" in rows[1]
        if size[0] >= 80:
            assert "▁▄█" in rows[0]
            assert "3 snapshots" in text
        assert "Types" in driver.lines()[-1] or size[0] < 80
        text = await driver.press("o")
        assert "app.Session" in text
        assert "REGISTRY" not in text
        assert "module" not in text  # it has not changed
        text = await driver.press("o", "enter")
        assert isinstance(driver.app.screen, PathsScreen)
        assert "app.REGISTRY.sessions" in text
    assert engine.compared == [2, 3]


async def test_a_new_baseline_starts_over_and_files_are_compared_too() -> None:
    """From the snapshot on the screen; the one before the baseline no longer counts."""
    engine = GrowingEngine()
    async with running(engine, size=LARGE) as driver:
        await driver.press("n", "b", "3", "n")
        assert engine.compared[-1] == 2
        assert "2 snapshots" in driver.text()
    async with running(GrowingEngine(), size=LARGE, loaded=grown(2), path="new.heapscope", baseline=grown(0)) as driver:
        text = await driver.press("3")
        assert "app.REGISTRY.sessions" in text
        assert "1/1" in text


async def test_while_it_is_computed_and_when_it_fails_the_tab_says_so() -> None:
    """And types are there all the time."""
    engine = GrowingEngine()
    async with running(engine, size=LARGE) as driver:
        engine.growth_gate = threading.Event()
        await driver.pilot.press("3", "n")
        await driver.until("finding out who holds what grew")
        await driver.pilot.press("o")
        await driver.until("app.Session")
        engine.growth_gate.set()
        await driver.settle()
        assert "app.REGISTRY.sessions" in await driver.press("o")
        engine.growth_error = HeapscopeError("no memory for it")
        assert "no memory for it" in await driver.press("n")


async def test_hostile_names_and_filters_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module's name with markup and a direction change is shown as it is, escaped; an export has the rows shown."""
    monkeypatch.chdir(tmp_path)
    async with running(GrowingEngine("[red]evil\u202e[/]"), size=LARGE) as driver:
        text = await driver.press("n", "3")
        assert "[red]evil\\u202e[/].KEPT" in text
        await driver.press("slash", *"evil", "enter")
        assert "app.REGISTRY" not in driver.text()
        await driver.press("e", "tab", "enter")
    (row,) = json.loads(only_text(tmp_path, "*.json"))
    assert row["held_bytes_change"] == 20 * 300
    assert (row["rising"], row["steps"]) == (1, 1)


async def test_files_that_were_opened_together_are_compared_from_the_oldest_to_the_newest() -> None:
    """As if they had been captured in this session; the oldest is the baseline, and each keeps its path."""
    oldest, middle, newest = (grown(minute) for minute in range(3))
    files = Series([(oldest, "a.heapscope"), (middle, "b.heapscope")])
    opened = {"loaded": newest, "path": "c.heapscope", "opened": (oldest, middle), "series": files}
    async with running(GrowingEngine(), size=LARGE, **opened) as driver:
        text = await driver.press("3")
        assert "3 snapshots" in text
        assert "app.REGISTRY.sessions" in text
        text = await driver.press("7")
        assert "shown  c.heapscope" in text
        assert "baseline  a.heapscope" in text
        await driver.press("down", "enter")
        view = driver.app.keeper.view
        assert view is not None
        assert view.current.snapshot is middle
        assert view.baseline is not None
        assert view.baseline.snapshot is oldest

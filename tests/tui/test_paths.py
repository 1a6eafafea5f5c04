"""The Paths screen: ways of a type or an object, their steps, exclusions, and what waits for what."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import cast

import pytest
from textual.message import Message

from heapscope.errors import HeapscopeError
from heapscope.graph.library import Oversight
from heapscope.snapshot.model import Snapshot
from heapscope.tui.holder_jobs import PathsJob, WorkProgressed, run_paths
from heapscope.tui.holders import HolderIndex, PathAnswer, PathQuestion
from heapscope.tui.screens.paths import PathsScreen
from tests.support.heap import Heap
from tests.tui.support.engine import FakeEngine
from tests.tui.support.pilot import LARGE, SMALL, Driver, only_text, running


def screen_of(driver: Driver) -> PathsScreen:
    """Return the screen in front."""
    screen = driver.app.screen
    assert isinstance(screen, PathsScreen)
    return screen


def two_ways() -> Snapshot:
    """One box with two ways, and three with one.

    module app ──► Holder(1) ──► Box(2) ◄── Other(3) ◄── module app
    module lib ──► Shelf(4) ──► Box, Box, Box         Box ◄── nothing: garbage
    """
    heap = Heap()
    app, holder, box, other = (heap.object(name) for name in ("builtins.module", "m.Holder", "m.Box", "m.Other"))
    shelf, lib = heap.object("m.Shelf"), heap.object("builtins.module")
    app.refers_to(holder.refers_to(box), other.refers_to(box))
    lib.refers_to(shelf.refers_to(*(heap.object("m.Box") for _ in range(3))))
    first, second = heap.object("m.Box"), heap.object("m.Box")
    first.refers_to(second.refers_to(first))
    heap.root(app, label="app")
    heap.root(lib, label="lib")
    return heap.snapshot()


async def paths_of(driver: Driver, name: str) -> str:
    """Open the paths of a type."""
    return await driver.press("2", "slash", *name, "enter", "p")


@pytest.mark.parametrize("size", [SMALL, *(pytest.param(size, marks=pytest.mark.matrix) for size in (LARGE, (60, 16)))])
async def test_paths_of_a_type_are_merged_with_their_shares(size: tuple[int, int]) -> None:
    """Root first; every step has its type, and one of the objects of a type is an example."""
    async with running(size=size) as driver:
        text = await paths_of(driver, "Session")
        assert "4,129 × app.sessions.Session" in text
        assert "module app.sessions ▸ " in text
        answer = screen_of(driver).answer
        assert answer is not None
        assert "<0.1%         1 frame serve app/web.py:31 ▸ app.sess" in text
        assert [(path.count, path.root.kind) for path in answer.paths] == [(4_128, "module"), (1, "frame")]
        steps = [line for line in text.splitlines() if "●" in line or "└▸" in line]
        assert [line.split()[1] for line in steps] == [
            "module",
            "dict",
            "collections.OrderedDict",
            "app.sessions.Session",
        ]
        assert ("e.g. 0x7f21" in steps[-1]) is (size[0] >= 80)
        assert all(len(line) == size[0] for line in text.splitlines())


async def test_the_steps_follow_the_path_under_the_cursor_and_rows_without_objects_have_none() -> None:
    """The other way is through the frame of a thread. The root, threads, what is counted only, and garbage have none."""
    async with running() as driver:
        await paths_of(driver, "Session")
        text = await driver.press("down")
        assert "● frame serve app/web.py:31" in text
        await driver.press("tab", "home")
        assert screen_of(driver).query_one("#path-steps").has_focus
        assert "[4 Dominators]" in (await driver.press("escape", "escape", "4"))
        assert "no object here" in (await driver.press("p"))
        await driver.press("end", "p")
        assert not isinstance(driver.app.screen, PathsScreen)


async def test_one_object_has_its_shortest_ways() -> None:
    """From the tree; each way a row, as long as it is."""
    async with running(loaded=two_ways(), path="x.heapscope") as driver:
        await driver.press("4", "m", "slash", *"box", "enter", "end", "p")
        answer = screen_of(driver).answer
        assert answer is not None
        assert not answer.is_merged
        await driver.press("escape")
        text = await paths_of(driver, "Holder")
        assert "1 shortest" in text
        assert "module app ▸ m.Holder" in text


async def test_groups_count_those_without_a_way_and_exclude_neither_roots_nor_examples() -> None:
    """Two boxes await collection, in a circle. To exclude a root or an example would not mean what it says."""
    async with running(loaded=two_ways(), path="x.heapscope") as driver:
        text = await paths_of(driver, "Box")
        assert "6 × m.Box" in text
        assert "no root leads to 2 of them" in text
        rows = [line.split() for line in text.splitlines()[3:5]]
        assert [(row[0], row[1]) for row in rows] == [("50%", "3"), ("17%", "1")]
        assert "held by no reference" in (await driver.press("tab", "home", "x"))
        assert "one of many" in (await driver.press("end", "x"))
        assert screen_of(driver).question.excluded == ()


async def test_an_excluded_reference_shows_the_way_behind_it_and_comes_back() -> None:
    """Holder ──► Box is excluded, then Other ──► Box: no way is left."""
    async with running(loaded=two_ways(), path="x.heapscope") as driver:
        await paths_of(driver, "Box")
        assert "module app ▸ m.Holder ▸ m.Box" in driver.text()
        await driver.press("down", "tab", "end")
        text = await driver.press("x")
        assert "without 1 reference" in text
        assert "module app ▸ m.Other ▸ m.Box" in text
        await driver.press("down", "tab", "end")
        text = await driver.press("x")
        assert "m.Other" not in text
        assert "no root leads to 3 of them" in text
        text = await driver.press("escape")
        assert "module app ▸ m.Other ▸ m.Box" in text
        text = await driver.press("escape")
        assert "module app ▸ m.Holder ▸ m.Box" in text
        assert "[2 Types]" in (await driver.press("escape"))


async def test_what_awaits_collection_has_no_way() -> None:
    """In words."""
    heap = Heap()
    lonely = heap.object("m.Lonely")
    lonely.refers_to(lonely)
    async with running(loaded=heap.snapshot(), path="x.heapscope") as driver:
        assert "awaits collection" in (await paths_of(driver, "Lonely"))


async def test_a_step_is_shown_in_the_tree() -> None:
    """The cursor stands on it, or on the row it is merged into."""
    async with running() as driver:
        await paths_of(driver, "Session")
        await driver.press("tab", "up", "d")
        main = driver.app.main_screen
        assert main is not None
        assert driver.app.screen is main
        row = main.dominators.current_row().row
        assert (row.type_name, row.count) == ("collections.OrderedDict", 1)
        await driver.press("p", "escape", "2", "p", "enter", "d")
        row = main.dominators.current_row().row
        assert (row.type_name, row.count) == ("app.sessions.Session", 4_128)


async def test_a_search_waits_for_the_dominators_and_says_so() -> None:
    """Then it starts by itself."""
    engine = FakeEngine()
    engine.holders_gate = threading.Event()
    async with running(engine, settle=False) as driver:
        await driver.until("[1 Overview]")
        await driver.pilot.press("2", "p")
        await driver.until("waiting for the dominators")
        engine.holders_gate.set()
        await driver.until("From the root")


async def test_leaving_cancels_the_search() -> None:
    """Escape answers at once; the thread is told."""
    engine = FakeEngine()
    async with running(engine) as driver:
        engine.paths_gate = threading.Event()
        await driver.pilot.press("2", "p")
        await driver.until("searching shortest ways 43%")
        await driver.pilot.press("escape")
        await driver.settle()
        assert engine.given_up == ["paths"]
        assert "[2 Types]" in driver.text()


def test_whoever_reads_progress_at_once_reads_the_newest() -> None:
    """The screen may draw before the thread goes on: a share that comes after its message is never shown."""
    job = PathsJob(question=PathQuestion("m.Thing"))
    shown: list[float] = []

    class Reporting(FakeEngine):
        def search_paths(self, _holders: HolderIndex, _question: PathQuestion, oversight: Oversight) -> PathAnswer:
            for share in (0.004, 0.43, 0.432, 1.0):
                oversight.report(share)
            return PathAnswer((), 0, 0, 0, is_merged=True)

    def post(message: Message) -> bool:
        if isinstance(message, WorkProgressed):
            shown.append(message.job.share)
        return True

    run_paths(Reporting(), cast("HolderIndex", None), job, post)
    assert shown == [0.43, 1.0]


async def test_a_failed_search_can_be_tried_again() -> None:
    """Message and hint, then the ways."""
    engine = FakeEngine()
    engine.paths_error = HeapscopeError("A kernel failed: not enough memory", hint="Open it on a larger machine.")
    async with running(engine) as driver:
        text = await driver.press("2", "p")
        assert "not enough memory" in text
        assert "larger machine" in text
        engine.paths_error = None
        assert "From the root" in (await driver.press("R"))


async def test_paths_are_copied_and_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step a line; machine formats have addresses as numbers."""
    monkeypatch.chdir(tmp_path)
    async with running() as driver:
        await paths_of(driver, "Session")
        await driver.press("y")
        lines = driver.app.clipboard.splitlines()
        assert lines[0] == "99.9% of them, 4,128 objects"
        assert lines[1].startswith("module app.sessions  module 0x7f21")
        assert lines[-1].strip().startswith("app.sessions.Session 0x7f21")
        await driver.press("e", "tab", "enter")
        assert "wrote" in driver.text()
    rows = json.loads(only_text(tmp_path, "heapscope-paths-*.json"))
    assert [row["step"] for row in rows if row["path"] == 1] == [0, 1, 2, 3]
    assert rows[3]["is_shared"] is False
    assert rows[0]["root_label"] == "app.sessions"
    assert rows[0]["objects_with_it"] == 4_128


async def test_a_way_of_a_hundred_thousand_steps_is_drawn_by_its_visible_part() -> None:
    """A chain: every link is a step."""
    heap = Heap()
    before = heap.object("builtins.module")
    heap.root(before, label="m")
    for _ in range(100_000):
        link = heap.object("m.Link")
        before.refers_to(link)
        before = link
    before.refers_to(heap.object("m.Last"))
    async with running(loaded=heap.snapshot(), path="x.heapscope") as driver:
        text = await paths_of(driver, "Last")
        assert "100,002" in text
        assert "99,994 more" in text
        assert "└▸ 100001: m.Last" in text
        await driver.press("y")
        assert len(driver.app.clipboard.splitlines()) == 201

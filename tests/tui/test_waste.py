"""Other remedies: the second face of the Slots tab, searched for beside the screens when it is looked at first."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from heapscope.errors import HeapscopeError
from heapscope.graph.library import Oversight
from heapscope.snapshot.model import Snapshot
from heapscope.tui.holders import HolderIndex
from heapscope.tui.screens.paths import PathsScreen
from tests.support.waste_heap import TEXT_TABLES, WasteHeap
from tests.tui.support.engine import FakeEngine
from tests.tui.support.pilot import LARGE, Driver, only_text, running


class WasteEngine(FakeEngine):
    """A search that waits, or fails, by arrangement."""

    def __init__(self) -> None:
        super().__init__()
        self.waste_gate: threading.Event | None = None
        self.waste_error: Exception | None = None
        self.searches = 0

    def find_waste(self, holders: HolderIndex, oversight: Oversight) -> object:
        """Wait for the gate, then search for real."""
        self.searches += 1
        self._wait(self.waste_gate, "waste", oversight)
        if self.waste_error is not None:
            raise self.waste_error
        return super().find_waste(holders, oversight)


def wasteful(name: str = "app.Item") -> Snapshot:
    """Give a heap with records and copies of texts."""
    heap = WasteHeap()
    heap.cls(name)
    keys = [heap.text("id"), heap.text("city")]
    rows = [
        heap.dict({keys[0]: heap.number(), keys[1]: heap.string(200, 7)}, shape=5, table=TEXT_TABLES[5])
        for _ in range(2000)
    ]
    heap.put("ROWS", heap.list(rows))
    heap.put("SERIES", heap.list([heap.number() for _ in range(5000)]))
    return heap.finished()


async def opened(driver: Driver) -> str:
    """Go to the other remedies."""
    return await driver.press("6", "o")


@pytest.mark.parametrize("size", [(80, 24), pytest.param(LARGE, marks=pytest.mark.matrix)])
async def test_other_remedies_are_ranked_by_what_they_save(size: tuple[int, int]) -> None:
    """What, how many, how much; below it what to do, and who holds them."""
    async with running(WasteEngine(), size=size, loaded=wasteful(), path="x.heapscope") as driver:
        text = await opened(driver)
        rows = [
            line for line in text.splitlines() if "texts with" in line or "dicts with" in line or "lists of" in line
        ]
        assert [row.split("  ")[0].strip() for row in rows[:3]] == [
            "texts with the same content",
            "dicts with id, city",
            "lists of floats",
        ]
        assert "sys.intern" in text
        text = " ".join(text.split())
        assert "module app > .ROWS list > [] dict > ['city'] str · 100% of them" in text
        assert "3 remedies" in text
        assert "o Slots" in driver.lines()[-1]
        text = await driver.press("down")
        assert "@dataclass(slots=True)" in text
        assert "exact to the allocator's byte" in text


async def test_the_key_turns_the_tab_over_and_back_and_the_search_starts_once() -> None:
    """When the list is looked at: it costs seconds on a large heap. The key works anywhere; the tab's number always means slots."""
    engine = WasteEngine()
    async with running(engine, loaded=wasteful(), path="x.heapscope") as driver:
        await driver.press("6")
        assert engine.searches == 0
        assert "Other remedies: what" in await driver.press("1", "o")
        assert "Other remedies: what" not in await driver.press("o")
        await driver.press("o")
        assert "Other remedies: what" not in await driver.press("6")
        await driver.press("o")
        assert engine.searches == 1
        assert "texts with the same content" in driver.text()


async def test_a_search_says_how_far_it_is_and_can_be_given_up() -> None:
    """The screen stays usable, and R starts again."""
    engine = WasteEngine()
    engine.waste_gate = threading.Event()
    async with running(engine, loaded=wasteful(), path="x.heapscope") as driver:
        await driver.pilot.press("o")
        await driver.until("Searching for other remedies: 43%")
        await driver.pilot.press("ctrl+c")
        await driver.until("tries again")
        assert engine.given_up == ["waste"]
        engine.waste_gate.set()
        text = await driver.press("R")
        assert "texts with the same content" in text


async def test_it_waits_for_the_dominators_and_then_starts_by_itself() -> None:
    """Holders are asked of them."""
    engine = WasteEngine()
    engine.holders_gate = threading.Event()
    async with running(engine, settle=False, loaded=wasteful(), path="x.heapscope") as driver:
        await driver.until("[1 Overview]")
        await driver.pilot.press("o")
        await driver.until("the search for other remedies follows")
        assert engine.searches == 0
        engine.holders_gate.set()
        await driver.until("texts with the same content")


async def test_an_error_is_shown_and_can_be_tried_again() -> None:
    """As elsewhere."""
    engine = WasteEngine()
    engine.waste_error = HeapscopeError("no memory left for that")
    async with running(engine, loaded=wasteful(), path="x.heapscope") as driver:
        assert "no memory left for that" in await opened(driver)
        await driver.press("o", "o")
        assert engine.searches == 1
        engine.waste_error = None
        assert "texts with the same content" in await driver.press("R")


async def test_a_new_capture_is_searched_anew_while_the_list_is_in_front() -> None:
    """The report of the snapshot before is not shown for it."""
    engine = WasteEngine()
    async with running(engine) as driver:
        await opened(driver)
        assert engine.searches == 1
        await driver.press("n")
        assert engine.searches == 2


async def test_rows_can_be_filtered_sorted_copied_exported_and_their_paths_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that works in other tabs works here."""
    monkeypatch.chdir(tmp_path)
    async with running(WasteEngine(), size=LARGE, loaded=wasteful(), path="x.heapscope") as driver:
        await opened(driver)
        text = await driver.press("slash", *"records", "enter")
        assert "1 of 3" in text
        assert "dicts with id, city" in text
        await driver.press("y")
        assert driver.app.clipboard.startswith("dicts with id, city: make them @dataclass(slots=True)")
        await driver.press("e", "tab", "enter")
        exported = json.loads(only_text(tmp_path, "*waste*.json"))
        assert [row["pattern"] for row in exported] == ["dict records"]
        assert isinstance(exported[0]["saves_bytes"], int)
        await driver.press("escape", "escape", "6", "o", "p")
        assert isinstance(driver.app.screen, PathsScreen)
        assert "ROWS" in driver.text()


async def test_a_heap_without_waste_says_so() -> None:
    """And what was not looked for."""
    async with running(WasteEngine(), loaded=WasteHeap().finished(), path="x.heapscope") as driver:
        text = await opened(driver)
        assert "Nothing else would save 64.0K or more." in text
        assert "not recorded by this capture" in text


async def test_names_from_the_target_are_made_safe() -> None:
    """An attribute's name may be an escape sequence."""
    heap = WasteHeap()
    key = heap.text("x")
    heap.names[-1] = (key, "a[bold]b")
    heap.put("ROWS", heap.list([heap.dict({key: heap.number()}, shape=5, table=TEXT_TABLES[5]) for _ in range(2000)]))
    async with running(WasteEngine(), size=LARGE, loaded=heap.finished(), path="x.heapscope") as driver:
        assert "a[bold]b" in await opened(driver)

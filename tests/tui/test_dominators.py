"""The Dominators tab and the retained sizes of types: computed beside the screens, opened row by row."""

from __future__ import annotations

import asyncio
import csv
import re
import threading
from pathlib import Path

import pytest

from heapscope.analysis.dominators import build_dominator_tree
from heapscope.analysis.retained import retained_set
from heapscope.errors import HeapscopeError
from heapscope.tui.treemodel import TreeItem
from heapscope.tui.views.dominators import DominatorsTab
from tests.tui.support.engine import FakeEngine
from tests.tui.support.heaps import make_snapshot
from tests.tui.support.pilot import LARGE, SMALL, Driver, only_text, running


def held_engine() -> FakeEngine:
    """Return an engine whose dominators wait."""
    engine = FakeEngine()
    engine.holders_gate = threading.Event()
    return engine


def tab_of(driver: Driver) -> DominatorsTab:
    """Return the tab."""
    main = driver.app.main_screen
    assert main is not None
    return main.dominators


def open_items(driver: Driver) -> list[TreeItem]:
    """Return the rows that are open, in order."""
    model = tab_of(driver).tree_model
    assert model is not None
    return model.visible_rows()


def labels_of(lines: list[str]) -> list[str]:
    """Cut the figures off the rows of the tree."""
    return [re.sub(r"^[^▶▼]*", "", line).rstrip("▐").strip() for line in lines]


async def test_retained_sizes_come_later_than_the_rest_and_the_header_says_how_far_they_are() -> None:
    """A dash until then; the table can be used, and what was chosen in it stays."""
    engine = held_engine()
    async with running(engine, settle=False) as driver:
        await driver.until("[1 Overview]")
        await driver.pilot.press("2")
        text = await driver.until("retained 26%")
        row = next(line for line in text.splitlines() if line.startswith(" app.sessions.Session"))
        assert row.split()[3:5] == ["2.70M", "-"]
        await driver.pilot.press("greater_than_sign", "greater_than_sign", "down")
        assert engine.holders_gate is not None
        engine.holders_gate.set()
        await driver.settle()
        assert "Retained▼" in driver.text()
        assert "retained 26%" not in driver.text()
        row = next(line for line in driver.lines() if line.startswith(" app.sessions.Session"))
        assert row.split()[3:5] == ["2.70M", "2.70M"]


async def test_retained_sizes_on_the_screen_are_those_of_the_definition() -> None:
    """Of every type, exact in the end, whatever the first pass took."""
    snapshot = make_snapshot()
    tree = build_dominator_tree(snapshot)
    async with running(loaded=snapshot, path="x.heapscope") as driver:
        view = driver.app.keeper.view
        assert view is not None
        for row in view.current.histogram.rows:
            assert row.is_retained_exact
            instances = tree.type_names.instances(row.type_name)
            assert row.retained_bytes == retained_set(snapshot, tree.roots, instances).total


async def test_types_can_be_filtered_and_sorted_by_what_they_retain() -> None:
    """As by the other sizes."""
    async with running() as driver:
        await driver.press("2", "slash", *"retained", "greater_than_sign", "3", "M", "enter")
        main = driver.app.main_screen
        assert main is not None
        assert main.tab.table.model is not None
        rows = main.tab.table.model.visible_rows()
        assert {row.type_name for row in rows} >= {"builtins.module", "collections.OrderedDict"}
        assert all(row.retained_bytes > 3 << 20 for row in rows)
        assert 0 < len(rows) < 10


async def test_the_tree_opens_where_the_memory_lies() -> None:
    """Root, module, registry, sessions; the kinds of roots in words, the garbage last."""
    async with running(size=LARGE) as driver:
        text = await driver.press("4")
        labels = labels_of(text.splitlines()[4:9])
        assert labels[0] == "▼ <roots>"
        assert labels[1] == "▼ module app.sessions"
        assert labels[2].startswith("▼ dict 0x7f21")
        assert labels[3].startswith("▼ accumulates: collections.OrderedDict 0x7f21")
        assert labels[4].startswith("▶ 4,128 × app.sessions.Session  each ")
        assert "▶ thread MainThread" in text
        assert "119K garbage awaiting collection" in text
        text = await driver.press("end")
        assert driver.lines()[-2].rstrip(" ▐").endswith("· garbage awaiting collection")
        (garbage,) = (item for item in open_items(driver) if item.row is None and item.rest is None)
        assert (garbage.count, garbage.shallow_bytes, garbage.retained_bytes) == (420, 210 * (48 + 533), None)


async def test_rows_open_and_close_with_the_arrow_keys() -> None:
    """Right opens, then goes in; left goes out, then closes; what was open below comes back."""
    async with running() as driver:
        await driver.press("4", "down")
        before = len(open_items(driver))
        await driver.press("left")
        assert len(open_items(driver)) == before - 3
        await driver.press("right")
        assert len(open_items(driver)) == before
        await driver.press("right", "right", "right")
        row = tab_of(driver).current_row().row
        assert (row.type_name, row.count) == ("app.sessions.Session", 4_128)
        await driver.press("right")
        children = [item for item in open_items(driver) if item.parent is tab_of(driver).current_row()]
        assert {item.row.type_name for item in children if item.row} == {"builtins.dict", "datetime.datetime"}
        assert sum(item.count for item in children) == 2 * 4_128
        await driver.press("down", "left")
        assert tab_of(driver).current_row().row is row
        await driver.press("enter")
        assert len(open_items(driver)) == before


async def test_the_last_row_of_a_level_brings_more() -> None:
    """Nothing is left out in silence: what is not shown is counted."""
    async with running() as driver:
        await driver.press("4", "home", "slash", *"smaller", "enter")
        text = driver.text()
        assert "smaller rows" in text
        rest = open_items(driver)[-1].rest
        assert rest is not None
        await driver.press("escape", "end", "up")
        item = tab_of(driver).current_row()
        assert item.rest is rest
        shown = len(open_items(driver))
        await driver.press("right")
        assert len(open_items(driver)) == shown + min(100, rest.row_count) + (0 if rest.row_count > 100 else -1)


async def test_types_merged_or_each_object_for_itself() -> None:
    """One key, and the words say which."""
    async with running(size=LARGE) as driver:
        assert "types merged" in (await driver.press("4"))
        text = await driver.press("m")
        assert "single objects" in text
        assert "4,128 ×" not in text
        sessions = [item for item in open_items(driver) if item.row and item.row.type_name == "app.sessions.Session"]
        assert len(sessions) >= 100
        assert {item.count for item in sessions} == {1}
        assert "types merged" in (await driver.press("m"))


async def test_a_filter_keeps_what_is_above_a_match() -> None:
    """The path to a match stays readable."""
    async with running() as driver:
        await driver.press("4", "slash", *"OrderedD", "enter")
        labels = labels_of(driver.lines()[4:8])
        assert [label.split()[1] for label in labels] == ["<roots>", "module", "dict", "accumulates:"]
        assert len(open_items(driver)) < 12


@pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.matrix)])
async def test_while_dominators_are_computed_the_tab_says_so(size: tuple[int, int]) -> None:
    """The share done; the other tabs can be used."""
    async with running(held_engine(), settle=False, size=size) as driver:
        await driver.until("[1 Overview]")
        await driver.pilot.press("4")
        text = await driver.until("finding out who holds what 26%")
        assert "other tabs can be used" in text
        await driver.pilot.press("6")
        await driver.until("[6 Slots]")


async def test_a_failure_is_said_and_can_be_tried_again() -> None:
    """The snapshot stays; retained sizes stay dashes."""
    engine = FakeEngine()
    engine.holders_error = HeapscopeError("A kernel failed: not enough memory", hint="Open it on a larger machine.")
    async with running(engine) as driver:
        text = await driver.press("4")
        assert "not enough memory" in text
        assert "larger machine" in text
        engine.holders_error = None
        assert "module app.sessions" in (await driver.press("R"))


async def test_ctrl_c_gives_the_dominators_up() -> None:
    """It is the running job; the tab says how to go on."""
    engine = held_engine()
    async with running(engine, settle=False) as driver:
        await driver.until("retained 26%")
        await driver.pilot.press("4", "ctrl+c")
        await driver.settle()
        assert engine.given_up == ["holders"]
        assert "was cancelled" in driver.text()
        assert engine.holders_gate is not None
        engine.holders_gate.set()
        assert "module app.sessions" in (await driver.press("R"))


async def test_without_recursive_sizes_the_dominators_wait_to_be_asked_for() -> None:
    """Ctrl+C while sizes are computed: the snapshot is on the screen, and nothing pretends to go on."""
    engine = FakeEngine()
    engine.sizes_gate = threading.Event()
    async with running(engine, settle=False) as driver:
        await driver.until("[1 Overview]")
        await driver.pilot.press("4", "ctrl+c")
        engine.sizes_gate.set()
        await driver.until("R tries again")
        assert "module app.sessions" in (await driver.press("R"))


async def test_leaving_gives_the_dominators_up() -> None:
    """Without a question, and no thread goes on."""
    engine = held_engine()
    async with running(engine, settle=False) as driver:
        await driver.until("retained 26%")
        await driver.pilot.press("q")
        for _ in range(1_000):
            if engine.given_up:
                break
            await asyncio.sleep(0.01)
    assert engine.given_up == ["holders"]
    assert driver.app.return_value == 0


async def test_a_new_snapshot_has_a_tree_of_its_own() -> None:
    """Work on the one before is given up, its tree is let go."""
    engine = held_engine()
    async with running(engine, settle=False) as driver:
        await driver.until("retained 26%")
        await driver.pilot.press("n")
        await driver.until("#2")
        assert engine.given_up == ["holders"]
        assert engine.holders_gate is not None
        engine.holders_gate.set()
        await driver.settle()
        assert "▶ 5,778 × app.sessions.Session" in (await driver.press("4"))


async def test_an_export_has_the_rows_that_are_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Depth, address and whole numbers."""
    monkeypatch.chdir(tmp_path)
    async with running() as driver:
        await driver.press("4", "e", "enter")
        items = open_items(driver)
    rows = list(csv.DictReader(only_text(tmp_path, "heapscope-dominators-*.csv").splitlines()))
    assert len(rows) == len(items)
    assert [row["depth"] for row in rows[:5]] == ["0", "1", "2", "3", "4"]
    assert (rows[1]["root_kind"], rows[1]["root_label"]) == ("module", "app.sessions")
    assert rows[-1]["kind"] == "garbage"
    assert rows[4]["count"] == "4128"


async def test_sort_keys_leave_the_tree_alone_and_a_copied_row_has_what_is_above_it() -> None:
    """Children stand below what holds them, the cursor stays; a copy says who holds it, wherever it is pasted.

    In the smallest terminal: sixty columns keep retained size, share and label.
    """
    async with running(size=(60, 16)) as driver:
        before = await driver.press("4", "down", "down")
        assert await driver.press("less_than_sign", "r", "greater_than_sign") == before
        await driver.press("down", "y")
        lines = driver.app.clipboard.splitlines()
        assert [line.split()[1] for line in lines] == ["<roots>", "module", "dict", "accumulates:"]
        text = driver.text()
        assert "▼ module app.sessions" in text
        assert "Retained" in text
        assert all(len(line) == 60 for line in text.splitlines())

"""The screens, at the sizes they are designed for."""

from __future__ import annotations

import threading

import pytest
from rich.cells import cell_len

from heapscope.tui.presenters.export import FORMATS
from heapscope.tui.screens.main import MainScreen
from heapscope.tui.views.growth import GrowthTab
from tests.tui.support.engine import FakeEngine
from tests.tui.support.heaps import HOSTILE_NAMES, hostile_snapshot, make_snapshot
from tests.tui.support.pilot import LARGE, SMALL, running


@pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.matrix)])
async def test_after_attaching_the_overview_answers_first(size: tuple[int, int]) -> None:
    """Who is looked at, the pause, the verdict, who holds most, the figures, what slots would save."""
    async with running(size=size) as driver:
        text = driver.text()
        for part in (
            "api_worker.py 48213",
            "pause 8.4 ms",
            "NO LEAK SEEN",
            "app.sessions[]",
            "14.5M",
            "97%",
            "could save",
        ):
            assert part in text
        assert "1 Overview" in driver.lines()[1]
        assert "q Quit" in driver.lines()[-1]


async def test_every_tab_has_a_number_and_the_next_one_is_a_tab_away() -> None:
    """Each shows something that is true; names get shorter only where the note needs the room."""
    async with running() as driver:
        assert "[1 Overview] 2 Types  3 Growth  4 Dominators  5 RSS  6 Slots  7 Snaps  1 holder" in driver.lines()[1]
        assert "needs two snapshots" in (await driver.press("3"))
        assert "Python objects" in (await driver.press("5"))
        assert "shown" in (await driver.press("7"))
        assert "[6 Slots]" in (await driver.press("6"))
        assert "[4 Dominators]" in (await driver.press("4"))
        assert "[5 RSS]" in (await driver.press("tab"))
        assert "[1 Overview]" in (await driver.press("tab", "tab", "tab"))
        await driver.press("n", "7")
        assert "baseline" in driver.text()
        assert "+1,650" in (await driver.press("3"))


async def test_a_wide_terminal_has_a_detail_pane() -> None:
    """From 110 columns on; as soon as there are so many."""
    async with running(size=(109, 30)) as driver:
        assert "each, mean" not in (await driver.press("2"))
        await driver.pilot.resize_terminal(110, 30)
        await driver.settle()
        assert "each, mean" in driver.text()


async def test_a_terminal_too_small_is_told_so() -> None:
    """Instead of something broken."""
    async with running(size=(52, 14)) as driver:
        assert "needs 60×16, now 52×14" in driver.text()


async def test_the_filter_works_while_it_is_typed_and_a_bad_one_keeps_the_rows() -> None:
    """Escape clears it, enter keeps it, and the count is always there. A q typed into it does not quit, a 6 does not change the tab."""
    async with running() as driver:
        text = await driver.press("2", "slash", "a", "p", "p")
        assert "4 of 26" in text
        assert "app.cart.LineItem" in text
        text = await driver.press("space", "slash", "left_parenthesis")
        assert "column 6" in text
        assert "app.cart.LineItem" in text
        text = await driver.press("backspace", "backspace", "enter")
        assert "4 of 26" in driver.lines()[1]
        assert "q Quit" in text
        await driver.press("escape")
        assert "26 types" in driver.lines()[1]
        text = await driver.press("slash", "q", "6")
        assert "0 of 26" in text
        assert driver.app.is_running


async def test_types_fill_the_screen_and_are_sorted_by_keys() -> None:
    """At 80x24 header, tabs, head and keys take one row each. < > choose a column, r reverses, u writes 1.5M as 1,572,864."""
    async with running() as driver:
        text = await driver.press("2")
        assert len([line for line in text.splitlines()[3:23] if line.strip()]) == 20
        assert "Shallow▼" in text
        assert "3,164,160" in (await driver.press("u"))
        assert "Count▼" in (await driver.press("u", "less_than_sign"))
        assert driver.lines()[3].startswith(" str")
        assert "Count▲" in (await driver.press("r"))
        assert driver.lines()[3].startswith(" frame")


async def test_sizes_that_are_not_ready_are_marked_and_come_later() -> None:
    """The types are there before the recursive sizes."""
    engine = FakeEngine()
    engine.sizes_gate = threading.Event()
    async with running(engine, settle=False) as driver:
        await driver.until("12,405")  # the rows are there
        assert "…" in driver.lines()[11]
        engine.sizes_gate.set()
        await driver.settle()
        assert "…" not in driver.lines()[11]


async def test_tabs_are_not_filled_on_a_screen_that_is_gone() -> None:
    """Quitting in the first moment ends without a traceback."""
    async with running() as driver:
        screen = driver.app.screen
        assert isinstance(screen, MainScreen)
    missing = GrowthTab(ascii_only=False)
    screen._tabs[GrowthTab] = missing
    screen._unfilled = [missing]
    screen._fill_next()
    assert screen.growth is missing
    assert not missing.is_attached


async def test_enter_opens_a_type_and_then_its_instances() -> None:
    """A suspect to its paths, a type to its instances; escape goes back and never quits."""
    async with running() as driver:
        assert "Paths from the roots to app.sessions[]" in (await driver.press("enter"))
        await driver.press("escape", "2")
        await driver.press("slash", *"linei", "enter", "enter")
        assert "All instances  12,405 × app.cart.LineItem" in driver.text()
        await driver.press("escape", "escape", "escape", "escape")
        assert driver.app.is_running


async def test_ascii_mode_writes_ascii_only() -> None:
    """Also the bars, the signs and the dialogs."""
    async with running(ascii_only=True) as driver:
        keys_of = ((), ("2",), ("3",), ("4",), ("5",), ("6",), ("7",), ("p",), ("escape", "2", "I"), ("i",))
        for keys in (*keys_of, ("escape", "escape"), ("question_mark",), ("escape", "e")):
            text = await driver.press(*keys)
            assert text.isascii(), [char for char in text if not char.isascii()]


@pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.matrix)])
async def test_hostile_names_change_nothing_but_their_own_cells(size: tuple[int, int]) -> None:
    """Markup stays text, controls are escapes, every row has its width, exports still work."""
    async with running(size=size, loaded=hostile_snapshot(), path="/tmp/x\x1b[2J.heapscope") as driver:
        screens = (
            (),
            ("2",),
            ("3",),
            ("4",),
            ("m",),
            ("5",),
            ("6",),
            ("7",),
            ("2", "I"),
            ("i",),
            ("escape", "escape", "p"),
            ("tab",),
        )
        for keys in screens:
            text = await driver.press(*keys)
            assert not set(text) & set("\x1b\x07\u202e\u2066\u200d")
            for line in text.splitlines():
                assert cell_len(line) == size[0]
        text = await driver.press("escape", "2")
        assert "lick=app.quit]x[/]" in text
        main = driver.app.main_screen
        assert main is not None
        assert main.tab.table.model is not None
        assert len(main.tab.table.model.rows) == len({name[:512] for name in HOSTILE_NAMES})
        assert len(FORMATS) == 3


async def test_a_loaded_file_can_be_browsed_but_not_captured_again() -> None:
    """It says what does that."""
    async with running(loaded=make_snapshot(), path="old.heapscope") as driver:
        assert "old.heapscope" in driver.text()
        await driver.press("n")
        assert driver.engine.captures == 0
        assert "this is a snapshot file" in driver.text()


async def test_an_empty_snapshot_says_so() -> None:
    """No division by nothing."""
    async with running(loaded=make_snapshot(()), path="empty.heapscope") as driver:
        assert "no objects" in driver.text()
        assert "0 types" in (await driver.press("2"))
        assert "nothing to hold" in (await driver.press("4"))
        assert "no object here" in (await driver.press("p"))
        assert "No class keeps a dict" in (await driver.press("6"))

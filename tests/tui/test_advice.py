"""The Slots tab's keys, and the screen about one class."""

from __future__ import annotations

import threading

import pytest

from heapscope.tui.screens.advice import AdviceScreen
from tests.tui.support.engine import FakeEngine
from tests.tui.support.heaps import hostile_snapshot
from tests.tui.support.pilot import LARGE, SMALL, Driver, running


def screen_of(driver: Driver) -> AdviceScreen:
    """Return the screen in front."""
    screen = driver.app.screen
    assert isinstance(screen, AdviceScreen)
    return screen


@pytest.mark.parametrize("size", [(60, 16), *(pytest.param(size, marks=pytest.mark.matrix) for size in (SMALL, LARGE))])
async def test_enter_shows_everything_about_a_class(size: tuple[int, int]) -> None:
    """Name, verdict, both layouts to one scale, and the change; nothing is wider than the screen."""
    async with running(size=size) as driver:
        text = await driver.press("6", "enter")
        first = screen_of(driver).row
        assert first.type_name in text
        assert "class 1 of" in text
        assert "now" in text
        assert "slots" in text
        seen = text
        for _ in range(6):
            seen += await driver.press("pagedown")
        for part in ("The change", first.slots_line.split(",")[0], "saves"):
            assert part in seen
        await driver.press("escape")
        assert "[6 Slots]" in driver.text()


async def test_the_bars_have_the_proportions_of_the_bytes_and_the_change_is_copied() -> None:
    """96 bytes now and 48 then: the second bar is half as long as the first. What is copied is ready to paste."""
    async with running(size=LARGE) as driver:
        await driver.press("6", "enter")
        row = screen_of(driver).row
        bars = [
            sum(line.count(glyph) for glyph in "█▓▒░")
            for line in driver.lines()
            if line.strip().startswith(("now ", "slots "))
        ]
        now, slots = (sum(part.requested for part in parts) for parts in (row.parts_now, row.parts_slots))
        assert len(bars) == 2
        assert abs(bars[1] / bars[0] - slots / now) < 0.03
        await driver.press("y")
        assert driver.app.clipboard == row.slots_line


async def test_neighbours_are_those_of_the_table_and_the_ends_stay() -> None:
    """In the order and with the filter of the table."""
    async with running() as driver:
        await driver.press("6", "slash", *"app", "enter", "enter")
        names = [screen_of(driver).row.type_name]
        for _ in range(6):
            await driver.press("right")
            names.append(screen_of(driver).row.type_name)
        assert all(name.startswith("app.") for name in names)
        assert names[-1] == names[-2]
        await driver.press(*["left"] * 8)
        assert screen_of(driver).row.type_name == names[0]


async def test_v_goes_through_the_verdicts_and_keeps_the_rest_of_the_filter() -> None:
    """What is filtered stands in the tab strip; after the last verdict all are shown again."""
    async with running() as driver:
        await driver.press("6", "slash", *"app", "enter")
        shown = []
        for _ in range(5):
            await driver.press("v")
            shown.append(driver.lines()[1].rpartition("/")[2].strip())
        assert shown == ["app slots:safe", "app slots:fixable", "app slots:check", "app slots:no", "app"]


async def test_until_the_classes_are_judged_the_screens_say_so() -> None:
    """Types are there first; nothing is called safe, or not worth while, before it was looked at."""
    engine = FakeEngine()
    engine.advice_gate = threading.Event()
    async with running(engine, settle=False) as driver:
        await driver.until("[1 Overview]")
        assert "… judging the classes" in await driver.until("judging")
        await driver.pilot.press("6")
        assert "… judging the classes, with the sources" in await driver.until("with the sources")
        engine.advice_gate.set()
        await driver.settle()
        assert "app.cart.LineItem" in driver.text()


async def test_hostile_names_do_not_reach_the_terminal() -> None:
    """Every class, at both ends of the text."""
    async with running(loaded=hostile_snapshot(), path="x.heapscope") as driver:
        await driver.press("6", "enter")
        for _ in range(10):
            text = await driver.press("end", "right", "u")
            assert all(len(line) <= 80 or line.isprintable() for line in text.splitlines())
            assert "\x1b" not in text
            assert "\u202e" not in text

"""The treemap in the terminal: areas are right, names are whole or cut, keys lead from cell to cell, in and out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.pictures.treemap import Cell, CellKind
from heapscope.tui.presenters.treemap import draw_tiles, neighbour, place_tiles
from heapscope.tui.screens.treemap import TreemapScreen
from heapscope.tui.views.treemap import Treemap
from tests.support.examples import examples
from tests.tui.support.heaps import hostile_snapshot
from tests.tui.support.pilot import LARGE, Driver, running

SIZES = [(60, 16), pytest.param(LARGE, marks=pytest.mark.matrix)]


def cell(size: int, label: str = "name", kind: CellKind = CellKind.ROWS) -> Cell:
    """Make a cell."""
    return Cell(kind, label, size, 0.1, 1)


def rows_of(cells: list[Cell], columns: int, rows: int, *, chosen: int = 0, ascii_only: bool = False) -> list[str]:
    """Draw cells as text."""
    canvas = draw_tiles(cells, place_tiles(cells, columns, rows), chosen, columns, rows, ascii_only=ascii_only)
    return ["".join(line) for line in canvas.characters]


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=30), st.integers(1, 150), st.integers(1, 50))
def test_tiles_fill_the_screen_without_overlap(sizes: list[int], columns: int, rows: int) -> None:
    """Every half row of every column belongs to one cell, and a large cell has as much as its share."""
    cells = [cell(size) for size in sorted(sizes, reverse=True)]
    tiles = place_tiles(cells, columns, rows)
    owners: dict[tuple[int, int], int] = {}
    for at, tile in enumerate(tiles):
        for x in range(tile.left, tile.right):
            for y in range(tile.top, tile.bottom):
                assert (x, y) not in owners
                owners[x, y] = at
    assert len(owners) == columns * 2 * rows
    for at in range(len(tiles)):
        assert 0 <= neighbour(tiles, at, 1, 0) < len(tiles)


def test_cells_are_framed_with_half_blocks_and_say_what_they_are() -> None:
    """A line above and on the left of each; the one that is chosen has a mark."""
    lines = rows_of([cell(600, "module app"), cell(300, "dict"), cell(100, "x" * 80)], 40, 8)
    assert lines[0].startswith("▛▀▀")
    assert "▶module app" in lines[1]
    assert "600B 10%" in lines[2]
    assert any("▌dict" in line for line in lines)
    assert any("▌…xxx" in line for line in lines)
    assert all(len(line) == 40 for line in lines)
    plain = rows_of([cell(600, "module app"), cell(300, "dict")], 40, 8, ascii_only=True)
    assert plain[0].startswith("+---")
    assert any("|dict" in line for line in plain)


def test_wide_and_hostile_names_keep_the_grid() -> None:
    """Two columns for wide characters, escapes for what is invisible."""
    lines = rows_of([cell(500, "日本語" * 30), cell(300, "\x1b[31m\u202e]["), cell(200, "[red]x[/]")], 50, 9)
    text = "\n".join(lines)
    assert "本語" in text
    assert "\x1b" not in text
    assert "\\u202e" in text
    assert "[red]x[/]" in text


def test_every_cell_can_be_reached_by_keys() -> None:
    """From any to any other, by right, left, up, down."""
    tiles = place_tiles([cell(size) for size in (50, 30, 20, 20, 10, 5, 5, 3)], 100, 30)
    reached, waiting = {0}, [0]
    for at in waiting:
        for across, down in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            further = neighbour(tiles, at, across, down)
            if further not in reached:
                reached.add(further)
                waiting.append(further)
    assert reached == set(range(len(tiles)))


def screen_of(driver: Driver) -> TreemapScreen:
    """Return the screen."""
    screen = driver.app.screen
    assert isinstance(screen, TreemapScreen)
    return screen


@pytest.mark.parametrize("size", SIZES, ids=["60x16", "120x40"])
async def test_t_draws_what_a_row_retains_and_enter_goes_in(size: Any) -> None:
    """Down to the sessions and out again, cell by cell; the head names what is chosen."""
    async with running(size=size) as driver:
        text = await driver.press("4", "home", "t")
        assert "<roots>" in driver.lines()[1]
        assert "▶ module app.sessions" in driver.lines()[1]
        assert "▀" in text
        first = screen_of(driver).map.cell
        text = await driver.press("enter")
        assert "× app.sessions.Session " in driver.lines()[1]
        assert "4,128 × d" in text
        await driver.press("enter", "escape", "escape")
        assert screen_of(driver).map.cell == first
        await driver.press("right")
        assert screen_of(driver).map.cell != first
        text = await driver.press("escape")
        assert "[4 Dominators]" in text


async def test_what_has_no_cell_of_its_own_can_be_divided_too() -> None:
    """The smaller roots, and what is smaller than these."""
    async with running(size=LARGE) as driver:
        await driver.press("4", "home", "t")
        widget = screen_of(driver).map
        rest = next(at for at, one in enumerate(widget.cells) if one.skip)
        before = widget.cells[rest].retained_bytes
        widget.choose(rest)
        await driver.press("enter")
        assert sum(one.retained_bytes for one in widget.cells) == before
        assert "smaller" in driver.lines()[1]


async def test_a_cell_leads_to_paths_to_its_object_and_to_the_tree() -> None:
    """With the keys of every other screen; the mouse chooses as the keys do."""
    async with running(size=LARGE) as driver:
        await driver.press("4", "home", "t")
        widget = screen_of(driver).query_one(Treemap)
        assert widget.chosen == 1
        for at in (2, 1):
            tile = widget.tiles[at]
            await driver.pilot.click(Treemap, offset=(tile.left + 2, tile.top // 2 + 1))
            await driver.settle()
            assert widget.chosen == at
        assert "Paths" in (await driver.press("p"))
        await driver.press("escape", "enter", "i")
        assert "app.sessions.Session 0x" in driver.text()
        await driver.press("escape", "d")
        assert "[4 Dominators]" in driver.text()


async def test_it_works_in_ascii_and_with_hostile_names() -> None:
    """No character beyond ASCII; names stay names."""
    async with running(ascii_only=True) as driver:
        text = await driver.press("4", "home", "t")
        assert text.isascii()
        assert "+---" in text
    async with running(loaded=hostile_snapshot(), path="x.heapscope") as driver:
        await driver.press("4", "home", "t", "enter", "down", "right", "enter")
        assert "\x1b" not in driver.text()


async def test_nothing_is_drawn_before_the_dominators_are_there() -> None:
    """The key waits for the tree."""
    async with running(settle=False) as driver:
        await driver.until("[1 Overview]")
        await driver.pilot.press("4", "t")
        await driver.settle()
        assert driver.app.main_screen is not None

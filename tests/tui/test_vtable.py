"""The table: cost, sorting, columns."""

from __future__ import annotations

from textual.app import App, ComposeResult

from heapscope.tui.filters import FilterFacts, parse_filter
from heapscope.tui.tablemodel import Column, TableModel, place_columns
from heapscope.tui.vtable import VTable
from tests.tui.support.pilot import drain

ROWS = 1_000_000


class Counting:
    """Rows that count how often they are written."""

    def __init__(self) -> None:
        self.texts = 0

    def text(self, row: int) -> str:
        """Write a row."""
        self.texts += 1
        return f"row {row}"


def make_model(rows: range, counting: Counting, *, sort_key: str = "") -> TableModel[int]:
    """Build a table of numbers with a text column and two that may be dropped."""
    columns = [
        Column("name", "Name", counting.text, lambda row: row % 7, align="left", keep_end=True, ascending_first=True),
        Column("value", "Value", str, lambda row: row, 10),
        Column("half", "Half", lambda row: str(row // 2), lambda row: None if row % 2 else row, 10, rank=1),
        Column("extra", "Extra", str, None, 30, rank=2),
    ]
    return TableModel(rows, columns, lambda row: FilterFacts(str(row), numbers={"count": row}), sort_key=sort_key)


class TableApp(App[None]):
    """A table alone."""

    def compose(self) -> ComposeResult:
        """The table."""
        yield VTable()


async def test_a_million_rows_are_drawn_by_writing_only_those_in_sight() -> None:
    """The first paint, a jump to the end and a page up touch a screenful of rows each."""
    counting = Counting()
    app = TableApp()
    async with app.run_test(size=(80, 24)) as pilot:
        table = app.query_one(VTable)
        table.show(make_model(range(ROWS), counting))
        table.focus()
        await drain(pilot)
        assert 0 < counting.texts <= 4 * 24
        counting.texts = 0
        await pilot.press("end")
        await drain(pilot)
        assert table.cursor == ROWS - 1
        assert counting.texts <= 4 * 24
        counting.texts = 0
        await pilot.press("down", "up")
        await drain(pilot)
        assert table.cursor == ROWS - 2
        assert counting.texts <= 8, "moving the cursor redraws the two rows concerned"


async def test_a_click_on_a_head_sorts_and_again_reverses() -> None:
    """The mouse does what < > r do."""
    app = TableApp()
    async with app.run_test(size=(120, 24)) as pilot:
        table = app.query_one(VTable)
        table.show(make_model(range(100), Counting(), sort_key="value"))
        await drain(pilot)
        model = table.model
        assert model is not None
        assert model.row_at(0) == 99
        left = 1 + table.placed[0].width + 1
        await pilot.click(VTable, offset=(left + 5, 0))
        assert model.row_at(0) == 0
        await pilot.click(VTable, offset=(left + 5, 3))
        assert table.cursor == 2


def test_columns_are_dropped_by_rank_until_the_names_can_be_read() -> None:
    """The dearest column goes first."""
    model = make_model(range(3), Counting())
    keys = {width: [placed.column.key for placed in place_columns(model.columns, width)] for width in (40, 60, 120)}
    assert keys == {40: ["name", "value"], 60: ["name", "value", "half"], 120: ["name", "value", "half", "extra"]}


def test_rows_without_a_value_come_last_in_both_orders() -> None:
    """Sizes that are not known yet must not look like the smallest or largest."""
    model = make_model(range(10), Counting())
    model.sort_by("half", descending=True)
    assert [model.row_at(at) for at in range(5)] == [8, 6, 4, 2, 0]
    model.sort_by("half", descending=False)
    assert [model.row_at(at) for at in range(5)] == [0, 2, 4, 6, 8]


def test_filter_and_order_live_together() -> None:
    """Sorting keeps the filter, filtering keeps the order."""
    model = make_model(range(100), Counting(), sort_key="value")
    model.set_filter(parse_filter("count<10"))
    assert model.visible_rows() == list(range(9, -1, -1))
    model.sort_by("value")
    assert model.visible_rows() == list(range(10))
    assert model.find_position(lambda row: row == 7) == 7
    assert model.find_position(lambda row: row == 50) is None

"""Owns what a table shows: columns, the rows that pass the filter, their order, and the widths at a given size.

Pure: knows neither widgets nor processes. A table draws only the rows it asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from heapscope.tui.filters import Filter, FilterFacts

Row = TypeVar("Row")

MIN_FLEXIBLE_WIDTH = 26  # a type name cut to less cannot be told from its neighbours
MAX_FLEXIBLE_WIDTH = 60  # names end here, so that the eye finds the figures that belong to them
MAX_BAR_WIDTH = 32
COLUMN_GAP = 1


def _no_style(_row: object) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column. ``width`` 0 takes what is left; ``rank`` says how soon it goes when space is short (0: never)."""

    key: str
    title: str
    text: Callable[[Row], str]
    sort_value: Callable[[Row], Any] | None = None
    width: int = 0
    align: str = "right"
    rank: int = 0
    style: Callable[[Row], str] = _no_style
    keep_end: bool = False
    ascending_first: bool = False
    min_width: int = MIN_FLEXIBLE_WIDTH  # of a column that takes what is left
    max_width: int = MAX_FLEXIBLE_WIDTH  # of such a column where a bar can take the rest
    bar_share: Callable[[Row], float] | None = None  # drawn as a bar over the column's width; ``text`` is not used


@dataclass(frozen=True, slots=True)
class PlacedColumn(Generic[Row]):
    """A column that is shown, and its width in cells."""

    column: Column[Row]
    width: int


def place_columns(columns: Sequence[Column[Row]], width: int) -> list[PlacedColumn[Row]]:
    """Choose the columns that fit and give the flexible one the rest; order is kept."""
    shown = list(columns)
    while _needed(shown) > width and any(column.rank for column in shown):
        shown.remove(max(shown, key=lambda column: column.rank))
    fixed = sum(column.width for column in shown) + COLUMN_GAP * (len(shown) - 1)
    left = max(1, width - fixed)
    has_bar = any(column.bar_share for column in shown)
    widest = max((column.max_width for column in shown if not column.width), default=0)
    flexible = min(left, widest) if has_bar else left
    placed = []
    for column in shown:
        own = column.width or flexible
        if column.bar_share is not None:
            own = min(MAX_BAR_WIDTH, own + left - flexible)
        placed.append(PlacedColumn(column, own))
    return placed


def _needed(columns: Sequence[Column[Row]]) -> int:
    return sum(column.width or column.min_width for column in columns) + COLUMN_GAP * (len(columns) - 1)


class TableModel(Generic[Row]):
    """Rows with a filter and an order.

    Filtering and sorting are O(n) and O(n log n) in the rows; reading a visible row is O(1).
    """

    def __init__(
        self,
        rows: Sequence[Row],
        columns: Sequence[Column[Row]],
        facts: Callable[[Row], FilterFacts],
        *,
        sort_key: str = "",
        descending: bool = True,
    ) -> None:
        self.rows = rows
        self.columns = tuple(columns)
        self.sort_key = sort_key
        self.descending = descending
        self.filter = Filter()
        self._facts = facts
        self.order: Sequence[int] = range(len(rows))
        self._rebuild()

    @property
    def visible_count(self) -> int:
        """How many rows pass the filter."""
        return len(self.order)

    @property
    def is_sortable(self) -> bool:
        """Whether there is a column to sort by."""
        return any(column.sort_value is not None for column in self.columns)

    def row_at(self, position: int) -> Row:
        """Return the row shown at a position; raises IndexError outside."""
        return self.rows[self.order[position]]

    def find_position(self, wanted: Callable[[Row], bool]) -> int | None:
        """Return where the first row that satisfies the test is shown; None when it is not shown."""
        return next((position for position, index in enumerate(self.order) if wanted(self.rows[index])), None)

    def visible_rows(self) -> list[Row]:
        """Return all rows that pass the filter, in order."""
        return [self.rows[index] for index in self.order]

    def set_filter(self, row_filter: Filter) -> None:
        """Show only the rows that match."""
        self.filter = row_filter
        self._rebuild()

    def sort_by(self, key: str, *, descending: bool | None = None) -> None:
        """Sort by a column; the same column again reverses. Rows without a value come last."""
        column = self._column(key)
        if column is None or column.sort_value is None:
            return
        if descending is None:
            descending = not self.descending if key == self.sort_key else not column.ascending_first
        self.sort_key, self.descending = key, descending
        self._rebuild()

    def sort_neighbour(self, step: int, shown: Sequence[str]) -> None:
        """Sort by the next sortable column to the left (-1) or right (+1) among those shown."""
        keys = [column.key for column in self.columns if column.sort_value is not None and column.key in shown]
        if not keys:
            return
        at = keys.index(self.sort_key) if self.sort_key in keys else 0
        target = keys[max(0, min(len(keys) - 1, at + step))]
        if target != self.sort_key:
            self.sort_by(target)

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Change how rows are written, not which."""
        self.columns = tuple(columns)
        self._rebuild()

    def _column(self, key: str) -> Column[Row] | None:
        return next((column for column in self.columns if column.key == key), None)

    def _rebuild(self) -> None:
        rows, row_filter = self.rows, self.filter
        order: Sequence[int] = range(len(rows))
        if row_filter.predicates:
            order = [index for index in order if row_filter.matches(self._facts(rows[index]))]
        column = self._column(self.sort_key)
        if column is not None and column.sort_value is not None:
            value_of = column.sort_value
            known = [index for index in order if value_of(rows[index]) is not None]
            missing = [index for index in order if value_of(rows[index]) is None] if len(known) < len(order) else []
            known.sort(key=lambda index: value_of(rows[index]), reverse=self.descending)
            order = known + missing
        self.order = order

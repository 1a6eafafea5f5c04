"""Owns what a table of many objects shows: their order is an array that a worker thread has made, so that no key waits for a sort.

Pure; rows are positions, and are described only when they are in sight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from heapscope.tui.filters import FilterFacts
from heapscope.tui.tablemodel import Column, TableModel

if TYPE_CHECKING:
    from heapscope.snapshot.model import U32Array


class ArrayModel(TableModel[int]):
    """Positions 0 … count - 1 in one of several orders; ``orders`` are ascending, by the key of a column."""

    def __init__(
        self,
        count: int,
        columns: Sequence[Column[int]],
        orders: Mapping[str, U32Array],
        *,
        sort_key: str = "",
        descending: bool = True,
    ) -> None:
        self._orders = orders
        super().__init__(range(count), columns, _no_facts, sort_key=sort_key, descending=descending)

    def _rebuild(self) -> None:
        ascending = self._orders.get(self.sort_key)
        if ascending is None:
            self.order = range(len(self.rows))
        else:
            self.order = ascending[::-1] if self.descending else ascending  # type: ignore[assignment]  # an array of numbers

    def first_rows(self, limit: int) -> list[int]:
        """Return the first rows in the order shown."""
        return [self.rows[index] for index in self.order[:limit]]


def _no_facts(_row: int) -> FilterFacts:
    return FilterFacts("")

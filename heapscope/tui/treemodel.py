"""Owns what the dominator table shows: which rows are open, in which order, and what is not asked for yet.

Pure, and of the screens' thread alone; children arrive from outside and are put in place here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heapscope.tui.filters import FilterFacts
from heapscope.tui.holders import Descent, Level, Rest
from heapscope.tui.tablemodel import Column, TableModel

if TYPE_CHECKING:
    from heapscope.analysis.dominators import TreeRow


@dataclass(eq=False)
class TreeItem:
    """A line: a row of the tree; the rest of a level (``rest``); or, without either, what awaits collection.

    ``children`` is None until they are asked for. ``is_waiting`` says that they are on their way. Sizes in bytes.
    """

    depth: int
    parent: TreeItem | None
    count: int
    shallow_bytes: int | None
    retained_bytes: int | None
    row: TreeRow | None = None
    rest: Rest | None = None
    children: list[TreeItem] | None = None
    is_open: bool = False
    is_waiting: bool = False
    accumulates: bool = False

    @property
    def can_open(self) -> bool:
        """Whether there is something below, or behind."""
        return self.rest is not None or (self.row is not None and self.row.child_count > 0)


def item_of_row(row: TreeRow, parent: TreeItem | None) -> TreeItem:
    """Make a closed line."""
    depth = parent.depth + 1 if parent is not None else 0
    return TreeItem(depth, parent, row.count, row.shallow_bytes, row.retained_bytes, row=row)


def items_of_level(level: Level, parent: TreeItem) -> list[TreeItem]:
    """Make closed lines of a level, the last one for what is left of it."""
    items = [item_of_row(row, parent) for row in level.rows]
    rest = level.rest
    if rest is not None:
        items.append(TreeItem(parent.depth + 1, parent, rest.object_count, None, rest.retained_bytes, rest=rest))
    return items


class TreeModel(TableModel[TreeItem]):
    """The open lines in order. A filter keeps what matches, and what is above it; changing lines costs O(open lines)."""

    def __init__(
        self,
        root: TreeItem,
        garbage: TreeItem | None,
        columns: Sequence[Column[TreeItem]],
        facts: Callable[[TreeItem], FilterFacts],
    ) -> None:
        self.root = root
        self.garbage = garbage
        super().__init__((), columns, facts)

    def refresh(self) -> None:
        """Bring the lines in step with what is open."""
        self.rows = list(self._open_items())
        self._rebuild()

    def _open_items(self) -> Iterator[TreeItem]:
        waiting = [self.root]
        while waiting:
            item = waiting.pop()
            yield item
            if item.is_open and item.children is not None:
                waiting += reversed(item.children)
        if self.garbage is not None:
            yield self.garbage

    def _rebuild(self) -> None:
        super()._rebuild()
        if not self.filter.predicates:
            return
        kept: set[TreeItem] = set()
        for index in self.order:
            item: TreeItem | None = self.rows[index]
            while item is not None and item not in kept:
                kept.add(item)
                item = item.parent
        self.order = [index for index, item in enumerate(self.rows) if item in kept]

    def position_of(self, item: TreeItem | None) -> int | None:
        """Return where a line is shown; None when it is not."""
        return self.find_position(lambda one: one is item)

    def put_level(self, place: TreeItem, level: Level) -> None:
        """Put children below a line, or more lines in place of a rest. What is no longer there is left alone."""
        place.is_waiting = False
        if place.rest is None:
            place.children, place.is_open = items_of_level(level, place), True
        elif place.parent is not None and place.parent.children and place.parent.children[-1] is place:
            place.parent.children[-1:] = items_of_level(level, place.parent)
        self.refresh()

    def put_descent(self, descent: Descent) -> TreeItem:
        """Open what a descent opened; return its end, the root if it has none."""
        place = self.root
        for at, level in enumerate(descent.levels):
            place.children, place.is_open = items_of_level(level, place), True
            if at < len(descent.opened):
                place = place.children[descent.opened[at]]
        self.refresh()
        return place

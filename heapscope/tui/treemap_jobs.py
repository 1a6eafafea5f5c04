"""Owns the work on levels of a treemap that runs in threads beside the screens, and the message with its result.

Never touches a widget: a thread only posts messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from heapscope.errors import HeapscopeError
from heapscope.tui.holder_jobs import error_of
from heapscope.tui.holders import HolderIndex, PathQuestion
from heapscope.tui.jobs import Post

if TYPE_CHECKING:
    from heapscope.pictures.treemap import Cell

ALONE = 0.98  # of a level: a cell that takes so much of it says nothing but its name
MAX_PASSED = 64


@dataclass(frozen=True, slots=True, eq=False)
class CellsWish:
    """What the objects of a question retain, divided, without the first rows; the whole heap where the question names none."""

    holders: HolderIndex
    question: PathQuestion
    skip: int = 0


class CellsFound(Message):
    """What was wished for, or why it is not there. ``trail`` names what was passed on the way: what one object holds alone."""

    def __init__(
        self, wish: CellsWish, cells: tuple[Cell, ...], trail: tuple[str, ...], error: HeapscopeError | None = None
    ) -> None:
        super().__init__()
        self.wish = wish
        self.cells = cells
        self.trail = trail
        self.error = error


def run_cells(wish: CellsWish, post: Post) -> None:
    """Divide; ends with CellsFound whatever happens."""
    found: list[tuple[Cell, ...]] = []
    trail: list[str] = []

    def work() -> None:
        from heapscope.pictures.treemap import level_of  # noqa: PLC0415 - numpy, 100 ms

        tree, nodes = wish.holders.tree, wish.question.objects
        cells = level_of(tree, tree.root if nodes is None else nodes, skip=wish.skip)
        while len(trail) < MAX_PASSED and cells and cells[0].share >= ALONE and cells[0].nodes is not None:
            inside = level_of(tree, cells[0].nodes, skip=cells[0].skip) if cells[0].can_open else ()
            if not inside:
                break
            trail.append(cells[0].label)
            cells = inside
        found.append(cells)

    error = error_of(work)
    post(CellsFound(wish, found[0] if error is None else (), tuple(trail), error))

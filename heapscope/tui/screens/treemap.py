"""Owns the Treemap screen: what a row of the dominator tree retains, as an area divided among what it holds.

Never divides anything itself: it posts questions, and the application brings answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult

from heapscope.errors import HeapscopeError
from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.chrome import KeyBar
from heapscope.tui.holders import PathQuestion
from heapscope.tui.lines import Line, Lines
from heapscope.tui.presenters import treemap as words
from heapscope.tui.presenters.dominators import failed_lines, waiting_lines
from heapscope.tui.screens.pushed import PushedScreen
from heapscope.tui.views.treemap import Treemap

if TYPE_CHECKING:
    from heapscope.pictures.treemap import Cell


@dataclass(slots=True)
class _Level:
    """A level that was entered, and the cell that was chosen in it; ``cells`` is None while they are on their way."""

    question: PathQuestion
    cells: tuple[Cell, ...] | None = None
    chosen: int | None = None
    skip: int = 0
    trail: tuple[str, ...] = ()


class TreemapScreen(PushedScreen):
    """One level at a time; enter goes in, escape goes out."""

    BINDINGS = bindings_of(Scope.TREEMAP)
    DEFAULT_CSS = """
    TreemapScreen.-waiting Treemap { display: none; }
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._levels = [_Level(self.question)]

    def compose(self) -> ComposeResult:
        """From the top row to the bottom row."""
        yield Lines(id="header", ascii_only=self._ascii_only)
        yield Lines(id="treemap-head", classes="pushed-head", ascii_only=self._ascii_only)
        yield Lines(id="treemap-state", classes="pushed-state", ascii_only=self._ascii_only)
        yield Treemap(id="treemap", ascii_only=self._ascii_only)
        yield KeyBar(Scope.TREEMAP, ascii_only=self._ascii_only)
        yield self.size_notice()

    @property
    def map(self) -> Treemap:
        """The picture."""
        return self.query_one(Treemap)

    def forget(self) -> None:
        """Drop the cells of the level that is asked for."""
        self._levels[-1].cells = None

    @property
    def skip(self) -> int:
        """How many rows the level leaves out: they were shown in the one before."""
        return self._levels[-1].skip

    def take_cells(self, cells: tuple[Cell, ...], trail: tuple[str, ...], error: HeapscopeError | None) -> None:
        """Show a level that was asked for, or why there is none."""
        level = self._levels[-1]
        level.cells, level.trail, self.error = None if error is not None else cells, trail, error
        self._show_level()

    def _show_level(self) -> None:
        self.draw()
        if self.is_composed:
            self.map.show(self._levels[-1].cells or (), self._levels[-1].chosen)
            self._levels[-1].chosen = self.map.chosen
            self._draw_head()
            self.map.focus()

    def draw(self) -> None:
        """Draw what stands in place of the picture, if anything does."""
        if not self.is_composed:
            return
        cells, lines = self._levels[-1].cells, list[Line]()
        if self.error is not None:
            lines = [*failed_lines(self.error)]
        elif cells is None:
            lines = [*waiting_lines(self.share)]
        elif not cells:
            lines = words.nothing_lines()
        self.set_class(bool(lines), "-waiting")
        self.query_one("#treemap-state", Lines).show(lines)
        self._draw_head()

    def _draw_head(self) -> None:
        titles = [title for level in self._levels for title in (level.question.title, *level.trail)]
        cell = self.map.cell if self._levels[-1].cells else None
        self.query_one("#treemap-head", Lines).show([words.treemap_head(titles, cell, self.writing, self.size.width)])

    def on_treemap_moved(self) -> None:
        """Name the cell that is chosen."""
        self._levels[-1].chosen = self.map.chosen
        self._draw_head()

    def on_treemap_entered(self) -> None:
        """Divide the cell that was clicked."""
        self.action_enter()

    def subject(self) -> PathQuestion | None:
        """Ask about the objects of the cell."""
        cell = self.map.cell if self._levels[-1].cells else None
        return words.question_of(self.holders.tree, cell) if cell is not None and self.holders is not None else None

    def action_move(self, across: int, down: int) -> None:
        """Choose the cell beside."""
        self.map.move(across, down)

    def action_enter(self) -> None:
        """Divide the cell that is chosen."""
        cell = self.map.cell if self._levels[-1].cells else None
        if cell is None or not cell.can_open or cell.nodes is None or self.holders is None:
            return
        self._levels.append(_Level(PathQuestion(cell.label, objects=cell.nodes), skip=cell.skip))
        self._ask()

    def _ask(self) -> None:
        assert self.holders is not None
        self.question = self._levels[-1].question
        self.search(self.holders)

    def action_back(self) -> None:
        """Go out of the cell; from the first level, to the tree."""
        if len(self._levels) == 1 or self.holders is None:
            super().action_back()
            return
        self._levels.pop()
        self.question, self.error = self._levels[-1].question, None
        if self._levels[-1].cells is None:
            self._ask()
        else:
            self._show_level()

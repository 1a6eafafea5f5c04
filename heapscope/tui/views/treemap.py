"""Owns the widget that draws one level of a treemap and moves over it.

Never computes a level: it draws the cells that it is given, and says which one was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from heapscope.tui.presenters.treemap import Canvas, Tile, draw_tiles, neighbour, place_tiles
from heapscope.tui.theme import to_ascii

if TYPE_CHECKING:
    from heapscope.pictures.treemap import Cell


class Treemap(Widget, can_focus=True):
    """Cells as large as what they retain, framed with half blocks."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "treemap--frame", "treemap--rows", "treemap--other", "treemap--itself", "treemap--chosen",
    }  # fmt: skip
    DEFAULT_CSS = """
    Treemap { height: 1fr; width: 1fr; background: $background; }
    Treemap > .treemap--frame { color: $primary; }
    Treemap > .treemap--rows { background: $primary 12%; }
    Treemap > .treemap--other { color: $foreground-muted; }
    Treemap > .treemap--itself { color: $foreground-muted; text-style: italic; }
    Treemap > .treemap--chosen { background: $primary 45%; text-style: bold; }
    """

    class Moved(Message):
        """Another cell is chosen."""

    class Entered(Message):
        """The cell that is chosen should be divided."""

    def __init__(self, *, ascii_only: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._ascii_only = ascii_only
        self._canvas: Canvas | None = None
        self.cells: tuple[Cell, ...] = ()
        self.tiles: tuple[Tile, ...] = ()
        self.chosen = 0

    def show(self, cells: Sequence[Cell], chosen: int | None = None) -> None:
        """Show a level; at first, the largest cell that is a row of the tree is chosen."""
        if chosen is None:
            chosen = next((at for at, cell in enumerate(cells) if cell.nodes is not None and not cell.skip), 0)
        self.cells, self.chosen = tuple(cells), max(0, min(chosen, len(cells) - 1))
        self._place()

    @property
    def cell(self) -> Cell | None:
        """The cell that is chosen."""
        return self.cells[self.chosen] if self.cells else None

    def _place(self) -> None:
        self.tiles = place_tiles(self.cells, self.size.width, self.size.height)
        self._draw()

    def _draw(self) -> None:
        size = self.size
        self._canvas = draw_tiles(
            self.cells, self.tiles, self.chosen, size.width, size.height, ascii_only=self._ascii_only
        )
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        """Divide the new area."""
        self._place()

    def move(self, across: int, down: int) -> None:
        """Choose the cell beside."""
        if self.cells:
            self.choose(neighbour(self.tiles, self.chosen, across, down))

    def choose(self, position: int) -> None:
        """Choose a cell."""
        if 0 <= position < len(self.cells) and position != self.chosen:
            self.chosen = position
            self._draw()
            self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        """Choose the cell that was clicked; a second click divides it."""
        for at, tile in enumerate(self.tiles):
            if tile.left <= event.x < tile.right and tile.top <= 2 * event.y + 1 < tile.bottom + 1:
                if at == self.chosen and event.chain > 1:
                    self.post_message(self.Entered())
                self.choose(at)

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        canvas, base = self._canvas, self.rich_style
        if canvas is None or y >= canvas.rows:
            return Strip.blank(self.size.width, base)
        segments: list[Segment] = []
        start = 0
        characters, styles = canvas.characters[y], canvas.styles[y]
        for at in range(1, canvas.columns + 1):
            if at < canvas.columns and styles[at] == styles[start]:
                continue
            text = "".join(characters[start:at])
            name = styles[start]
            style = base + self.get_component_rich_style(f"treemap--{name}") if name else base
            segments.append(Segment(to_ascii(text) if self._ascii_only else text, style))
            start = at
        return Strip(segments).adjust_cell_length(self.size.width, base)

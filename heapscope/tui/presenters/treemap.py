"""Owns where the cells of a treemap lie on the screen, what is written in them, and which one lies beside which.

Pure; a level of cells is computed elsewhere. Rows of the screen are divided in halves: that is what half blocks can draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from heapscope.tui.holders import PathQuestion
from heapscope.tui.lines import Line, line
from heapscope.tui.state import Writing
from heapscope.tui.textfit import cut_start, percent, safe_text

if TYPE_CHECKING:
    from heapscope.analysis.dominators import DominatorTree
    from heapscope.pictures.treemap import Cell

STRETCH = 3.0  # cells are wider than high, for the names in them
MARK = "▶"  # of the cell that is chosen: not by colour alone
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Tile:
    """The place of a cell: columns, and half rows; right and bottom are beyond it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def middle(self) -> tuple[float, float]:
        """Its middle: column, half row."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def place_tiles(cells: Sequence[Cell], columns: int, rows: int) -> tuple[Tile, ...]:
    """Give every cell its place in so many columns and whole rows; none over another, no gaps."""
    from heapscope.pictures.treemap import Rect, squarify  # noqa: PLC0415 - numpy, 100 ms

    rects = squarify([cell.retained_bytes for cell in cells], Rect(0, 0, columns, 2 * rows), stretch=STRETCH)
    return tuple(
        Tile(round(rect.x), round(rect.y), round(rect.x + rect.width), round(rect.y + rect.height)) for rect in rects
    )


def neighbour(tiles: Sequence[Tile], chosen: int, across: int, down: int) -> int:
    """Give the tile beside another one: to the right for ``across`` 1, below for ``down`` 1; the same where there is none."""
    here = tiles[chosen]
    best = (float("inf"), 0.0, chosen)
    for at, tile in enumerate(tiles):
        if at == chosen or tile.right <= tile.left or tile.bottom <= tile.top:
            continue
        if across:
            gap = tile.left - here.right if across > 0 else here.left - tile.right
            overlap = min(tile.bottom, here.bottom) - max(tile.top, here.top)
            aside = abs(tile.middle[1] - here.middle[1])
        else:
            gap = tile.top - here.bottom if down > 0 else here.top - tile.bottom
            overlap = min(tile.right, here.right) - max(tile.left, here.left)
            aside = abs(tile.middle[0] - here.middle[0])
        if gap >= 0 and overlap > 0:
            best = min(best, (float(gap), aside, at))
    return best[2]


@dataclass(slots=True)
class Canvas:
    """A grid of characters and styles. A wide character is followed by an empty one."""

    columns: int
    rows: int
    characters: list[list[str]]
    styles: list[list[str]]

    @classmethod
    def blank(cls, columns: int, rows: int) -> Canvas:
        """Make an empty one."""
        return cls(columns, rows, [[" "] * columns for _ in range(rows)], [[""] * columns for _ in range(rows)])

    def put(self, row: int, column: int, character: str, style: str) -> None:
        """Set one character, if it is on the grid."""
        if 0 <= row < self.rows and 0 <= column < self.columns:
            self.characters[row][column] = character
            self.styles[row][column] = style

    def write(self, row: int, column: int, text: str, style: str) -> None:
        """Write a text that is known to fit."""
        for character in text:
            width = cell_len(character)
            if width:
                self.put(row, column, character, style)
            for further in range(1, width):
                self.put(row, column + further, "", style)
            column += width


def draw_tiles(
    cells: Sequence[Cell], tiles: Sequence[Tile], chosen: int, columns: int, rows: int, *, ascii_only: bool
) -> Canvas:
    """Draw frames of half blocks, names and sizes; the cell that is chosen has a mark and its own style."""
    canvas = Canvas.blank(columns, rows)
    for at, (cell, tile) in enumerate(zip(cells, tiles, strict=True)):
        if tile.right <= tile.left or tile.bottom <= tile.top:
            continue
        style = "chosen" if at == chosen else str(cell.kind)
        _draw_frame(canvas, tile, style, ascii_only=ascii_only)
        _write_cell(canvas, cell, tile, style, is_chosen=at == chosen)
    return canvas


def _draw_frame(canvas: Canvas, tile: Tile, style: str, *, ascii_only: bool) -> None:
    """Fill a tile, with a line above and a line on its left."""
    is_lower = tile.top % 2 == 1
    above, left, corner = ("-", "|", "+") if ascii_only else ("▄" if is_lower else "▀", "▌", "▄" if is_lower else "▛")
    first = tile.top // 2
    for row in range(first, (tile.bottom + 1) // 2):
        for column in range(tile.left, tile.right):
            # The upper half of a row may be the last of the tile above.
            if row == first:
                canvas.put(row, column, corner if column == tile.left else above, "frame")
            elif 2 * row < tile.bottom:
                canvas.put(row, column, left if column == tile.left else " ", "frame" if column == tile.left else style)


def _write_cell(canvas: Canvas, cell: Cell, tile: Tile, style: str, *, is_chosen: bool) -> None:
    width = tile.right - tile.left - 1
    first, last = tile.top // 2 + 1, tile.bottom // 2  # whole rows below the line above
    mark = MARK if is_chosen else ""
    if width < 3 or first >= last:
        canvas.put(
            tile.top // 2,
            tile.left,
            MARK if is_chosen else canvas.characters[tile.top // 2][tile.left],
            "chosen" if is_chosen else "frame",
        )
        return
    name = safe_text(cell.label, MAX_NAME)
    size = f"{Writing().size(cell.retained_bytes)} {percent(cell.share)}"
    whole = f"{mark}{name}  {size}"
    if last - first == 1 and cell_len(whole) <= width:
        canvas.write(first, tile.left + 1, whole, style)
        return
    canvas.write(first, tile.left + 1, mark + cut_start(name, width - len(mark)), style)
    if last - first > 1 and cell_len(size) <= width:
        canvas.write(first + 1, tile.left + 1, size, style)


def question_of(tree: DominatorTree, cell: Cell) -> PathQuestion | None:
    """Return the question about the objects of a cell; None where it stands for no objects."""
    if cell.nodes is None or cell.skip or int(cell.nodes[0]) >= tree.snapshot.object_count:
        return None
    return PathQuestion(safe_text(cell.label, MAX_NAME), objects=cell.nodes)


def treemap_head(titles: Sequence[str], cell: Cell | None, writing: Writing, width: int) -> Line:
    """Write the line above: where we are, in half of it, and the cell that is chosen."""
    place = cut_start(" ▸ ".join(safe_text(title, 60) for title in titles[-4:]), max(8, width // 2 - 4))
    if cell is None:
        return line((f" {place}", "strong"))
    chosen = (
        f"{safe_text(cell.label, MAX_NAME)}  {writing.retained(cell.retained_bytes)}, {percent(cell.share)} of this"
    )
    more = "  ⏎ divides it" if cell.can_open else ""
    return line((f" {place}", "strong"), ("   ▶ ", "key"), chosen, (more, "dim"))


def nothing_lines() -> list[Line]:
    """Write what stands in place of an empty treemap."""
    return [line("  Nothing lives here: there is nothing to divide.")]

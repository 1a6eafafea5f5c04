"""A treemap of retained size: rectangles in rectangles, each as large as what would be freed with it.

Deterministic, and never shows a part as the whole: what has no cell of its own is in one called "other", and what a node
takes itself in one called "itself", so that cells add up to what holds them. Pure.

The layout is the squarified one (Bruls, Huizing, van Wijk): a row of cells grows along the shorter side as long as that
makes the worst of them more like a square.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

from heapscope.analysis.dominators import DominatorTree, TreeRow
from heapscope.pictures.words import row_words
from heapscope.snapshot.model import U32Array
from heapscope.units import format_count

MAX_CELLS = 40  # below one node
MIN_SHARE = 0.004  # of what holds it; smaller cells cannot be seen, let alone read
LOOK_AHEAD = 200  # rows of one level that are looked at


class CellKind(enum.StrEnum):
    """What a cell stands for."""

    ROWS = "rows"
    ITSELF = "itself"
    OTHER = "other"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """What a rectangle stands for: one node, several of one type, or what has no cell of its own. Sizes in requested bytes.

    ``share`` is 0...1 of the level. ``level_of`` divides a cell that ``can_open``, given its ``nodes`` and ``skip``; for what has
    no cell of its own these are the nodes of the level, without the rows shown. ``label`` has foreign names in it.
    """

    kind: CellKind
    label: str
    retained_bytes: int
    share: float
    count: int
    nodes: U32Array | None = None
    can_open: bool = False
    skip: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle: left, top, width, height, in the units that were given."""

    x: float
    y: float
    width: float
    height: float


def level_of(tree: DominatorTree, nodes: int | U32Array, *, skip: int = 0, limit: int = MAX_CELLS) -> tuple[Cell, ...]:
    """Divide what a node, or several, retain: into rows of the tree, the rest, and the nodes themselves; largest first.

    With ``skip``, only what so many first rows and the nodes themselves leave. O(children log children), and O(children) of memory.
    """
    above = tree.row(nodes)
    found = tree.rows(above.nodes, limit=skip + LOOK_AHEAD) if above.retained_bytes else ()
    total = above.retained_bytes - sum(row.retained_bytes for row in found[:skip])
    total -= above.shallow_bytes if skip else 0
    if total <= 0:
        return ()
    # At least one, so that what is skipped grows from level to level.
    rows = [row for row in found[skip:] if row.retained_bytes >= MIN_SHARE * total][:limit] or [*found[skip : skip + 1]]
    cells = [_cell(tree, row, total) for row in rows if row.retained_bytes]
    left = total - sum(row.retained_bytes for row in rows) - (0 if skip else above.shallow_bytes)
    if left > 0:
        children = above.child_count - sum(row.count for row in (*found[:skip], *rows))
        words = f"{format_count(children)} smaller"
        skipped = skip + len(rows)
        cells.append(Cell(CellKind.OTHER, words, left, left / total, children, above.nodes, len(rows) > 0, skipped))
    if above.shallow_bytes and not skip:
        share = above.shallow_bytes / total
        cells.append(Cell(CellKind.ITSELF, "itself", above.shallow_bytes, share, above.count))
    return tuple(sorted(cells, key=lambda cell: -cell.retained_bytes))


def _cell(tree: DominatorTree, row: TreeRow, total: int) -> Cell:
    return Cell(
        CellKind.ROWS,
        row_words(tree, row),
        row.retained_bytes,
        row.retained_bytes / total,
        row.count,
        row.nodes,
        row.child_count > 0,
    )


def squarify(sizes: Sequence[float], area: Rect, *, stretch: float = 1.0) -> tuple[Rect, ...]:
    """Divide an area among sizes, which must be positive and descending; the rectangles come in the same order.

    ``stretch`` is how many times wider than high a rectangle should be: names are written across. O(n) rows of O(1) steps.
    """
    total = sum(sizes)
    if not sizes or total <= 0:
        return ()
    if area.width <= 0 or area.height <= 0:
        return (Rect(area.x, area.y, 0, 0),) * len(sizes)
    # Squares in an area that is as many times narrower are rectangles of that shape in the one asked for.
    left = Rect(area.x / stretch, area.y, area.width / stretch, area.height)
    scale = left.width * left.height / total
    areas = [size * scale for size in sizes]
    found: list[Rect] = []
    start = 0
    while start < len(areas):
        side = max(min(left.width, left.height), 1e-12)
        end, sum_ = start + 1, areas[start]
        while end < len(areas):
            longer = sum_ + areas[end]
            if _worst(areas[start], areas[end], longer, side) > _worst(areas[start], areas[end - 1], sum_, side):
                break
            end, sum_ = end + 1, longer
        cells, left = _lay_row(areas[start:end], sum_, left)
        found += cells
        start = end
    return tuple(Rect(cell.x * stretch, cell.y, cell.width * stretch, cell.height) for cell in found)


def _worst(largest: float, smallest: float, total: float, side: float) -> float:
    """How far the worst cell of a row is from a square, 1 being one."""
    thick = (total / side) ** 2
    return max(thick / max(smallest, 1e-12), largest / max(thick, 1e-12))


def _lay_row(areas: Sequence[float], total: float, left: Rect) -> tuple[list[Rect], Rect]:
    """Put a row along the shorter side; return its cells and what is left of the area."""
    is_column = left.width >= left.height
    side = left.height if is_column else left.width
    thick = total / side if side > 0 else 0.0
    cells, at = [], 0.0
    for area in areas:
        length = side * area / total
        if is_column:
            cells.append(Rect(left.x, left.y + at, thick, length))
        else:
            cells.append(Rect(left.x + at, left.y, length, thick))
        at += length
    if is_column:
        return cells, Rect(left.x + thick, left.y, max(0.0, left.width - thick), left.height)
    return cells, Rect(left.x, left.y + thick, left.width, max(0.0, left.height - thick))

"""A treemap of two levels as SVG. Sizes are in its text, not only in its areas; nothing is said by colour alone.

Never reads a heap after the blocks are made; escapes all text. Pure.
"""

from __future__ import annotations

import dataclasses

from heapscope.analysis.dominators import DominatorTree
from heapscope.pictures.text import cut_cells, escape_xml, shown
from heapscope.pictures.treemap import Cell, CellKind, Rect, level_of, squarify
from heapscope.snapshot.model import U32Array
from heapscope.units import format_bytes

MAX_INNER = 10  # cells inside a cell
_CELL = 6.7  # width of a column at 11 px
_LINE = 14.0
_HEAD = 17.0  # of a cell that has cells inside
_SMALLEST = 46.0  # a cell narrower or lower than this is not divided
STRETCH = 1.6


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """A cell, and the cells inside it."""

    cell: Cell
    inside: tuple[Block, ...] = ()


def blocks_of(tree: DominatorTree, nodes: int | U32Array | None = None) -> tuple[Block, ...]:
    """Divide what some nodes retain, by default everything that lives, in two levels."""
    found = []
    for cell in level_of(tree, tree.root if nodes is None else nodes):
        is_row = cell.kind is CellKind.ROWS and cell.can_open and cell.nodes is not None
        inside = level_of(tree, cell.nodes, limit=MAX_INNER) if is_row and cell.nodes is not None else ()
        found.append(Block(cell, tuple(Block(one) for one in inside) if len(inside) > 1 else ()))
    return tuple(found)


def write_treemap(blocks: tuple[Block, ...], width: int, height: int, title: str) -> str:
    """Draw blocks in so many pixels, without a style of its own: see STYLE."""
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [f'<svg {size} role="img" aria-label="{escape_xml(title)}">']
    total = sum(block.cell.retained_bytes for block in blocks)
    parts += _drawn(blocks, Rect(0, 0, width, height), total)
    return "".join([*parts, "</svg>"])


def _drawn(blocks: tuple[Block, ...], area: Rect, total: int, depth: int = 0) -> list[str]:
    parts = []
    rects = squarify([block.cell.retained_bytes for block in blocks], area, stretch=STRETCH)
    for block, rect in zip(blocks, rects, strict=True):
        if rect.width < 1.5 or rect.height < 1.5:
            continue  # less than the line around it
        is_divided = bool(block.inside) and rect.width >= _SMALLEST * STRETCH and rect.height >= _SMALLEST + _HEAD
        parts.append(_drawn_cell(block.cell, rect, total, depth, is_head=is_divided))
        if is_divided:
            inner = Rect(rect.x + 3, rect.y + _HEAD, rect.width - 6, rect.height - _HEAD - 3)
            parts += _drawn(block.inside, inner, total, depth + 1)
    return parts


def _drawn_cell(cell: Cell, rect: Rect, total: int, depth: int, *, is_head: bool) -> str:
    size = f"{format_bytes(cell.retained_bytes)} {cell.retained_bytes / total:.0%}"
    place = f'x="{rect.x:.1f}" y="{rect.y:.1f}" width="{rect.width:.1f}" height="{rect.height:.1f}"'
    full = f"{escape_xml(cell.label)}, {size}"
    parts = [f'<g class="{cell.kind} d{depth}"><rect {place}/><title>{full}</title>']
    columns = int((rect.width - 8) / _CELL)
    lines = [shown(cell.label), size]
    if is_head or rect.height < 2 * _LINE + 6:
        label = f"{shown(cell.label)}  {size}"
        lines = [label if len(label) <= columns else shown(cell.label)]
    if columns >= 4 and rect.height >= _LINE + 2:
        for at, line in enumerate(lines):
            y = rect.y + 12 + at * _LINE
            parts.append(f'<text x="{rect.x + 4:.1f}" y="{y:.1f}">{escape_xml(cut_cells(line, columns))}</text>')
    return "".join([*parts, "</g>"])


STYLE = (
    ".treemap text{font:11px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#111}"
    ".treemap rect{stroke:#4a5560;stroke-width:1;fill:#cfe3f3}.treemap .d1 rect{fill:#e9f2f9}"
    f".treemap .{CellKind.OTHER} rect{{fill:#e3e3e3;stroke-dasharray:3 2}}"
    f".treemap .{CellKind.ITSELF} rect{{fill:#fff}}"
)
DARK_STYLE = (
    ".treemap text{fill:#eee}.treemap rect{stroke:#8a97a3;fill:#1d3a52}.treemap .d1 rect{fill:#16293a}"
    f".treemap .{CellKind.OTHER} rect{{fill:#333}}.treemap .{CellKind.ITSELF} rect{{fill:#14181d}}"
)

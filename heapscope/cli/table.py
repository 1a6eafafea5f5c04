"""How a table for people fits the terminal: which columns stay, how wide each is, what is cut.

Pure; never writes anything, and never lets a cell take more than its column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heapscope.tui.textfit import cut_end, cut_start, pad

GAP = 2
MAX_FIXED = 32  # on a terminal; figures and short words need less, foreign names may not push the rest out


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. ``show`` makes text for people; machine formats get the plain value.

    A column with a ``min_width`` is cut down to that before others are left out, highest ``rank`` first (0: never).
    """

    key: str
    title: str
    show: Callable[[object], str] = str
    is_number: bool = False
    min_width: int = 0
    keep_end: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True)
class PlacedColumn:
    """A column that is shown: its place among all columns, and its width in cells."""

    index: int
    width: int


def place_columns(columns: Sequence[Column], naturals: Sequence[int], width: int | None) -> list[PlacedColumn]:
    """Choose the columns that fit and their widths; ``naturals`` are the widths of their contents, None is endless."""
    if width is None:
        return [PlacedColumn(index, natural) for index, natural in enumerate(naturals)]
    # A column is as wide as its content, or takes a share of what the others leave.
    needs = [min(natural, column.min_width or MAX_FIXED) for column, natural in zip(columns, naturals, strict=True)]
    shown = list(range(len(columns)))
    while _total(needs, shown) > width and any(columns[index].rank for index in shown):
        shown.remove(max(shown, key=lambda index: columns[index].rank))
    left = width - _total(needs, shown)
    flexible = [index for index in shown if columns[index].min_width]
    flexible.sort(key=lambda index: naturals[index] - needs[index])  # what the first do not need, the others get
    for number, index in enumerate(flexible):
        extra = min(naturals[index] - needs[index], left // (len(flexible) - number))
        extra = max(extra, 1 - needs[index])
        needs[index] += extra
        left -= extra
    return [PlacedColumn(index, needs[index]) for index in shown]


def _total(needs: Sequence[int], shown: Sequence[int]) -> int:
    return sum(needs[index] for index in shown) + GAP * (len(shown) - 1)


def table_line(columns: Sequence[Column], placed: Sequence[PlacedColumn], texts: Sequence[str]) -> str:
    """Write one line."""
    parts = []
    for place in placed:
        column, text = columns[place.index], texts[place.index]
        text = cut_start(text, place.width) if column.keep_end else cut_end(text, place.width)
        parts.append(pad(text, place.width, "right" if column.is_number else "left"))
    return (" " * GAP).join(parts).rstrip()

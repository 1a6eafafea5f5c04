"""Owns the words and figures of the Types view: columns, filter facts and the detail pane.

Pure; sizes come from analysis and are only written here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from heapscope.tui.filters import FilterFacts
from heapscope.tui.lines import EMPTY, Line, line
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import Column, TableModel
from heapscope.tui.textfit import percent, safe_text, shown_type
from heapscope.units import short_type_name

if TYPE_CHECKING:
    from heapscope.analysis.histogram import HistogramRow

BAR_WIDTH = 8


def module_of(type_name: str) -> str:
    """Return the module part of a type name."""
    return type_name.rpartition(".")[0]


def types_columns(view: HeapView, writing: Writing) -> list[Column[HistogramRow]]:
    """Return the columns; widths follow the way numbers are written."""
    wide = 5 if writing.exact else 0
    top_share = max((row.share for row in view.current.histogram.rows), default=0.0) or 1.0
    columns: list[Column[HistogramRow]] = [
        Column("type", "Type", lambda row: shown_type(row.type_name), lambda row: short_type_name(row.type_name), align="left",
               keep_end=True, ascending_first=True),
        Column("count", "Count", lambda row: writing.count(row.count), lambda row: row.count, 9 + wide // 2),
        Column("shallow", "Shallow", lambda row: writing.size(row.shallow_bytes), lambda row: row.shallow_bytes, 8 + wide),
        Column("allocated", "Allocated", lambda row: writing.size(row.allocated_bytes),
               lambda row: row.allocated_bytes, 10 + wide, rank=5),
        Column("recursive", "Recursive", lambda row: writing.size(row.recursive_bytes),
               lambda row: row.recursive_bytes, 10 + wide, rank=2, style=_pending),
        Column("retained", "Retained", lambda row: writing.retained(row.retained_bytes, is_exact=row.is_retained_exact),
               lambda row: row.retained_bytes, 9 + wide, rank=1),
        Column("share", "%heap", lambda row: percent(row.share), lambda row: row.share, 6, rank=3),
        Column("bar", "", lambda row: percent(row.share), None, BAR_WIDTH, align="left", rank=4,
               style=lambda row: "bar", bar_share=lambda row: row.share / top_share),
    ]  # fmt: skip
    if view.deltas is not None:
        columns += _delta_columns(view, writing, wide)
    return columns


def _pending(row: HistogramRow) -> str:
    return "dim" if row.recursive_bytes is None else ""


def _delta_columns(view: HeapView, writing: Writing, wide: int) -> list[Column[HistogramRow]]:
    def count(row: HistogramRow) -> int:
        return count_change(view, row.type_name)

    def shallow(row: HistogramRow) -> int:
        return shallow_change(view, row.type_name)

    return [
        Column("count_delta", "ΔCount", lambda row: writing.count_delta(count(row)), count, 9, rank=2,
               style=_change_style(count)),
        Column("shallow_delta", "ΔShallow", lambda row: writing.size_delta(shallow(row)), shallow, 9 + wide, rank=1,
               style=_change_style(shallow)),
    ]  # fmt: skip


def _change_style(change_of: Callable[[HistogramRow], int]) -> Callable[[HistogramRow], str]:
    def style(row: HistogramRow) -> str:
        change = change_of(row)
        return "warn" if change > 0 else "good" if change < 0 else "dim"

    return style


def count_change(view: HeapView, type_name: str) -> int:
    """Return how many more instances there are than in the baseline."""
    delta = view.deltas.get(type_name) if view.deltas is not None else None
    return delta.count_delta if delta is not None else 0


def shallow_change(view: HeapView, type_name: str) -> int:
    """Return how many more shallow bytes there are than in the baseline."""
    delta = view.deltas.get(type_name) if view.deltas is not None else None
    return delta.shallow_delta if delta is not None else 0


def types_rows(view: HeapView) -> tuple[HistogramRow, ...]:
    """Return all types, and behind them, as rows of zeros, those that have vanished since the baseline."""
    gone = [delta.base for delta in (view.deltas or {}).values() if delta.new is None and delta.base is not None]
    recursive = 0 if view.current.has_recursive else None
    retained = any(row.retained_bytes is not None for row in view.current.histogram.rows)
    return (*view.current.histogram.rows, *(_emptied(row, recursive, retained=retained) for row in gone))


def _emptied(row: HistogramRow, recursive: int | None, *, retained: bool) -> HistogramRow:
    return dataclasses.replace(
        row,
        type_index=-1,
        count=0,
        shallow_bytes=0,
        allocated_bytes=0,
        recursive_bytes=recursive,
        retained_bytes=0 if retained else None,
        share=0.0,
        type_count=0,
    )


def types_facts(view: HeapView) -> Callable[[HistogramRow], FilterFacts]:
    """Return what a filter may ask about a row."""
    verdicts = {row.type_name: row.verdict for row in view.current.slots}

    def facts(row: HistogramRow) -> FilterFacts:
        numbers = {
            "count": row.count,
            "shallow": row.shallow_bytes,
            "recursive": row.recursive_bytes,
            "retained": row.retained_bytes,
            "grew": shallow_change(view, row.type_name),
        }
        name, verdict = row.type_name, verdicts.get(row.type_name, "")
        return FilterFacts(short_type_name(name), module_of(name), verdict, numbers, full_text=name)

    return facts


def types_model(view: HeapView, writing: Writing, sort_key: str = "shallow") -> TableModel[HistogramRow]:
    """Build the table of all types."""
    rows = types_rows(view)
    return TableModel(rows, types_columns(view, writing), types_facts(view), sort_key=sort_key)


def types_detail(view: HeapView, row: HistogramRow | None, writing: Writing) -> list[Line]:
    """Write the pane beside the table."""
    if row is None:
        return [line(("no type is shown", "dim")), EMPTY, line(("esc", "key"), " clears the filter")]
    name = safe_text(row.type_name)
    module = module_of(name)
    lines = [
        line((name.removeprefix(module + "."), "title")),
        line((f"defined in {module or 'builtins'}", "dim")),
        EMPTY,
        _figure("count", writing.count(row.count)),
        _figure("shallow", writing.size(row.shallow_bytes)),
        _figure("  each, mean", writing.size(row.shallow_bytes // max(1, row.count))),
        _figure("allocated", writing.size(row.allocated_bytes)),
        _figure("recursive", writing.size(row.recursive_bytes)),
        _figure("retained", writing.retained(row.retained_bytes, is_exact=row.is_retained_exact)),
        _figure("of the heap", percent(row.share)),
    ]
    if row.type_count > 1:
        lines.append(_figure("type objects", str(row.type_count)))
    if view.deltas is not None:
        lines += [
            EMPTY,
            line(("since the baseline", "strong")),
            _figure("Δ count", writing.count_delta(count_change(view, row.type_name))),
            _figure("Δ shallow", writing.size_delta(shallow_change(view, row.type_name))),
        ]
    return [*lines, *_slots_note(view, row, writing), EMPTY, line(("p", "key"), (" shows who holds them", "dim"))]


def _figure(name: str, value: str) -> Line:
    return line((f"{name:<13}", "dim"), f"{value:>13}")


def _slots_note(view: HeapView, row: HistogramRow, writing: Writing) -> list[Line]:
    found = next((slots for slots in view.current.slots if slots.type_name == row.type_name), None)
    if found is None:
        return []
    note = f"{found.verdict}, saves {writing.size(found.saves_bytes)}" if found.saves_bytes > 0 else found.verdict
    return [EMPTY, line(("__slots__ ", "strong"), note), line(("6", "key"), (" shows why and how", "dim"))]

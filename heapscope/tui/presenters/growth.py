"""Owns the words and figures of the Growth view: what changed from the baseline to the snapshot on the screen, by holder and by type.

Pure. Never calls growth a leak.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from heapscope.analysis.trend import count_rising
from heapscope.tui.filters import FilterFacts
from heapscope.tui.lines import Line, line
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.types import count_change, shallow_change, types_columns, types_facts, types_rows
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import Column, TableModel
from heapscope.tui.textfit import cut_start, safe_text, shown_type, sparkline, time_of_day
from heapscope.units import counted, format_duration_ns

if TYPE_CHECKING:
    from heapscope.analysis.histogram import HistogramRow
    from heapscope.analysis.holder_growth import HolderGrowth
    from heapscope.errors import HeapscopeError

TREND_WIDTH = 8
_KEYS = ("type", "count", "count_delta", "shallow", "shallow_delta")


@dataclass(frozen=True, slots=True)
class GrowthWork:
    """How far the comparison by holders is, 0…1, or what went wrong."""

    share: float | None = None
    error: HeapscopeError | None = None


def minutes_between(view: HeapView) -> float:
    """Return the minutes from the baseline to the snapshot on the screen; 0 without a baseline."""
    if view.baseline is None:
        return 0.0
    return (view.current.snapshot.meta.captured_at - view.baseline.snapshot.meta.captured_at) / 60


def _changed_types(view: HeapView) -> list[HistogramRow]:
    growth = view.growth

    def is_changed(name: str) -> bool:
        series = growth.shallow.get(name, ()) if growth is not None else ()
        return bool(shallow_change(view, name) or count_change(view, name)) or len(set(series)) > 1

    return [row for row in types_rows(view) if is_changed(row.type_name)]


def growth_model(view: HeapView, writing: Writing) -> TableModel[HistogramRow]:
    """Build the table of types that changed."""
    rows = _changed_types(view)
    columns = [column for column in types_columns(view, writing) if column.key in _KEYS]
    minutes = minutes_between(view)
    if minutes > 0:

        def per_minute(row: HistogramRow) -> int:
            return round(shallow_change(view, row.type_name) / minutes)

        columns.append(Column("per_minute", "Per min", lambda row: writing.size_delta(per_minute(row)), per_minute, 9))
    growth = view.growth
    if growth is not None:
        columns += _trend_columns(lambda row: growth.shallow.get(row.type_name, ()))
    return TableModel(rows, columns, types_facts(view), sort_key="shallow_delta")


def holders_model(view: HeapView, writing: Writing) -> TableModel[HolderGrowth]:
    """Build the table of holders that changed, in the order in which they rank."""
    rows = view.growth.holders if view.growth is not None else ()
    wide = 5 if writing.exact else 0

    def per_minute(row: HolderGrowth) -> int:
        return round(row.per_minute or 0)

    columns: list[Column[HolderGrowth]] = [
        Column("holder", "Held by", lambda row: safe_text(row.holder), lambda row: row.holder, align="left", keep_end=True,
               ascending_first=True, max_width=90),
        Column("type", "Type", lambda row: cut_start(shown_type(row.type_name), 20), lambda row: shown_type(row.type_name), 20,
               align="left", rank=6, ascending_first=True),
        Column("count", "Entries", lambda row: writing.count(row.count_after), lambda row: row.count_after, 9 + wide // 2, rank=5),
        Column("count_delta", "ΔEntries", lambda row: writing.count_delta(row.count_delta), lambda row: row.count_delta, 9, rank=3),
        Column("held", "Holds", lambda row: writing.size(row.held_after), lambda row: row.held_after, 8 + wide, rank=4),
        Column("held_delta", "ΔHolds", lambda row: writing.size_delta(row.delta), lambda row: row.delta, 9 + wide,
               style=lambda row: "warn" if row.delta > 0 else "good"),
        Column("per_minute", "Per min", lambda row: writing.size_delta(per_minute(row)) if row.per_minute is not None else "-",
               per_minute, 9 + wide, rank=1),
        *_trend_columns(lambda row: row.series, lambda row: row.rising),
    ]  # fmt: skip
    return TableModel(rows, columns, _holder_facts)


def _holder_facts(row: HolderGrowth) -> FilterFacts:
    numbers = {"count": row.count_after, "shallow": row.held_after, "retained": row.retained_after, "grew": row.delta}
    return FilterFacts(row.holder, row.path[0].name if row.path else "", "", numbers)


def _trend_columns(
    series_of: Callable[[Any], Sequence[int]], rising_of: Callable[[Any], int] | None = None
) -> list[Column[Any]]:
    """Say at how many steps between snapshots a row grew, and draw it."""

    def rising(row: Any) -> int:
        return rising_of(row) if rising_of is not None else count_rising(series_of(row))

    def grew(row: Any) -> str:
        return f"{rising(row)}/{len(series_of(row)) - 1}" if series_of(row) else ""

    def trend(row: Any) -> str:
        series = series_of(row)
        return sparkline(series, TREND_WIDTH) if len(series) > 2 else ""  # two points are no trend

    return [
        Column("rising", "Grew", grew, rising, 6, rank=2),
        Column("trend", "Trend", trend, None, TREND_WIDTH, align="left", rank=3),
    ]


def growth_head(view: HeapView, writing: Writing, work: GrowthWork, *, by_holder: bool) -> list[Line]:
    """Say what is compared, or what has to be done first."""
    if view.deltas is None or view.baseline is None:
        return [line((" Growth needs two snapshots of the process.", "strong")), *_ways_to_another(view)]
    base, new = view.baseline.snapshot, view.current.snapshot
    elapsed = format_duration_ns(round(minutes_between(view) * 60e9))
    count = f" · {counted(view.growth.snapshot_count, 'snapshot')}" if view.growth is not None else ""
    first = line(
        (" baseline ", "dim"), time_of_day(base.meta.captured_at), (" → ", "dim"), time_of_day(new.meta.captured_at),
        (f"  {elapsed}{count}   heap ", "dim"), (writing.size_delta(new.heap_bytes - base.heap_bytes), "strong"),
        ("   objects ", "dim"), (writing.count_delta(new.object_count - base.object_count), "strong"),
    )  # fmt: skip
    return [first, _second_line(view, work, by_holder=by_holder)]


def _ways_to_another(view: HeapView) -> list[Line]:
    if view.path:
        words = " lists the snapshot files of this folder; b there compares"
        return [line(" ", ("7", "key"), (words, "dim"))]
    return [
        line(" ", ("n", "key"), (" captures again and compares with this snapshot", "dim")),
        line(" ", ("b", "key"), (" makes this snapshot the baseline", "dim")),
    ]


def _second_line(view: HeapView, work: GrowthWork, *, by_holder: bool) -> Line:
    if by_holder and view.growth is None:
        if work.error is not None:
            return line((" ! ", "warn"), safe_text(work.error.message), ("  o", "key"), (" shows types", "dim"))
        share = "" if work.share is None else f" {work.share:.0%}"
        return line((f" finding out who holds what grew{share} …", "dim"), ("  o", "key"), (" shows types", "dim"))
    if by_holder and view.growth is not None and not view.growth.holders:
        return line((" nothing that any holder holds has changed", "strong"))
    if view.growth is not None and view.growth.snapshot_count == 2:
        words = " two snapshots cannot tell what grows from what comes and goes: "
        return line((words, "dim"), ("n", "key"), (" takes a third", "dim"))
    words = " steady growth first; each object counts for one holder   " if by_holder else " shallow bytes of types   "
    return line((words, "dim"), ("o", "key"), (" shows types" if by_holder else " shows who holds them", "dim"))


def export_growth(view: HeapView, rows: Sequence[HistogramRow]) -> ExportTable:
    """Return the rows of types in the order shown."""
    out = [
        {
            "type": row.type_name,
            "count": row.count,
            "count_change": count_change(view, row.type_name),
            "shallow_bytes": row.shallow_bytes,
            "shallow_bytes_change": shallow_change(view, row.type_name),
        }
        for row in rows
    ]
    return ExportTable("growth", out, len(_changed_types(view)))


def export_holders(view: HeapView, rows: Sequence[HolderGrowth]) -> ExportTable:
    """Return the rows of holders in the order shown."""
    out = [
        {
            "holder": row.holder,
            "type": row.type_name,
            "entries": row.count_after,
            "entries_change": row.count_delta,
            "held_bytes": row.held_after,
            "held_bytes_change": row.delta,
            "retained_bytes": row.retained_after,
            "rising": row.rising,
            "steps": row.steps,
        }
        for row in rows
    ]
    return ExportTable("growth", out, len(view.growth.holders) if view.growth is not None else 0)

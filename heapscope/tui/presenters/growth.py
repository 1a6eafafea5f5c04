"""Owns the words and figures of the Growth view: what changed between the baseline and the snapshot on the screen.

Pure. Never calls growth a leak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heapscope.tui.lines import Line, line
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.types import count_change, shallow_change, types_columns, types_facts, types_rows
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import Column, TableModel
from heapscope.tui.textfit import time_of_day
from heapscope.units import format_duration_ns

if TYPE_CHECKING:
    from heapscope.analysis.histogram import HistogramRow

_KEYS = ("type", "count", "count_delta", "shallow", "shallow_delta")


def minutes_between(view: HeapView) -> float:
    """Return the minutes from the baseline to the snapshot on the screen; 0 without a baseline."""
    if view.baseline is None:
        return 0.0
    return (view.current.snapshot.meta.captured_at - view.baseline.snapshot.meta.captured_at) / 60


def growth_model(view: HeapView, writing: Writing) -> TableModel[HistogramRow]:
    """Build the table of types that changed."""
    rows = [row for row in types_rows(view) if view.deltas is not None and row.type_name in view.deltas]
    columns = [column for column in types_columns(view, writing) if column.key in _KEYS]
    minutes = minutes_between(view)
    if minutes > 0:

        def per_minute(row: HistogramRow) -> int:
            return round(shallow_change(view, row.type_name) / minutes)

        columns.append(Column("per_minute", "Per min", lambda row: writing.size_delta(per_minute(row)), per_minute, 9))
    return TableModel(rows, columns, types_facts(view), sort_key="shallow_delta")


def growth_head(view: HeapView, writing: Writing) -> list[Line]:
    """Say what is compared, or what has to be done first."""
    if view.deltas is None or view.baseline is None:
        return [
            line((" Growth needs two snapshots of the process.", "strong")),
            line(" ", ("n", "key"), (" captures again and compares with the snapshot on the screen", "dim")),
            line(" ", ("b", "key"), (" makes the snapshot on the screen the baseline", "dim")),
        ]
    base, new = view.baseline.snapshot, view.current.snapshot
    elapsed = format_duration_ns(round(minutes_between(view) * 60e9))
    return [
        line(
            (" baseline ", "dim"), time_of_day(base.meta.captured_at), (" → ", "dim"), time_of_day(new.meta.captured_at),
            (f"  {elapsed}   heap ", "dim"), (writing.size_delta(new.heap_bytes - base.heap_bytes), "strong"),
            ("   objects ", "dim"), (writing.count_delta(new.object_count - base.object_count), "strong"),
        )
    ]  # fmt: skip


def export_growth(view: HeapView, rows: list[HistogramRow]) -> ExportTable:
    """Return the rows in the order shown."""
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
    return ExportTable("growth", out, len(view.deltas or ()))

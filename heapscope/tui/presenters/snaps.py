"""Owns the words and figures of the Snaps view: the snapshots of this session.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heapscope.tui.filters import FilterFacts
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.state import HeapView, Taken, Writing
from heapscope.tui.tablemodel import Column, TableModel
from heapscope.tui.textfit import safe_text, time_of_day
from heapscope.units import format_duration_ns

if TYPE_CHECKING:
    from collections.abc import Sequence


def marks_of(view: HeapView, taken: Taken) -> str:
    """Say what a snapshot is here: on the screen, the baseline."""
    marks = []
    if taken.meta is view.current.snapshot.meta:
        marks.append("on the screen")
    if view.baseline is not None and taken.meta is view.baseline.snapshot.meta:
        marks.append("baseline")
    return ", ".join(marks)


def snaps_model(view: HeapView, writing: Writing) -> TableModel[Taken]:
    """Build the table, the newest first."""
    wide = 5 if writing.exact else 0
    columns: list[Column[Taken]] = [
        Column("number", "#", lambda row: str(row.number) if row.number else "", lambda row: row.number, 4),
        Column("time", "Time", lambda row: time_of_day(row.meta.captured_at), lambda row: row.meta.captured_at, 8),
        Column("pid", "Pid", lambda row: str(row.meta.pid), lambda row: row.meta.pid, 8, rank=3),
        Column("objects", "Objects", lambda row: writing.count(row.object_count), lambda row: row.object_count, 10),
        Column("heap", "Heap", lambda row: writing.size(row.heap_bytes), lambda row: row.heap_bytes, 8 + wide),
        Column("rss", "RSS", lambda row: writing.size(row.meta.rss_after_bytes), lambda row: row.meta.rss_after_bytes, 8 + wide, rank=2),
        Column("pause", "Pause", lambda row: format_duration_ns(row.meta.pause_ns), lambda row: row.meta.pause_ns, 8, rank=1),
        Column("marks", "", lambda row: " ".join(filter(None, (marks_of(view, row), safe_text(row.path, 60)))), align="left", min_width=13),
    ]  # fmt: skip
    return TableModel(view.taken, columns, lambda row: FilterFacts(row.path, "", "", {}), sort_key="time")


def export_snaps(rows: Sequence[Taken]) -> ExportTable:
    """Return the snapshots in the order shown."""
    out = [
        {
            "number": row.number,
            "path": row.path,
            "pid": row.meta.pid,
            "captured_at": row.meta.captured_at,
            "objects": row.object_count,
            "heap_bytes": row.heap_bytes,
            "rss_bytes": row.meta.rss_after_bytes,
            "pause_ns": row.meta.pause_ns,
        }
        for row in rows
    ]
    return ExportTable("snaps", out, len(rows))

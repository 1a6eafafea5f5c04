"""Owns the words and figures of the Snaps view: the snapshots of this session.

Pure.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from heapscope.tui.filters import FilterFacts
from heapscope.tui.lines import Line, line
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.state import HeapView, Taken, Writing
from heapscope.tui.tablemodel import Column, TableModel
from heapscope.tui.textfit import cut_start, safe_text
from heapscope.units import format_duration_ns

if TYPE_CHECKING:
    from collections.abc import Sequence


def moment(row: Taken, view: HeapView) -> str:
    """Write when a snapshot was taken: with the day, if it was another day than that of the one on the screen."""
    here, there = (
        datetime.fromtimestamp(meta.captured_at).astimezone() for meta in (view.current.snapshot.meta, row.meta)
    )
    return there.strftime("%H:%M:%S" if here.date() == there.date() else "%m-%d %H:%M:%S")


def marks_of(view: HeapView, taken: Taken) -> str:
    """Say what a snapshot is here: shown, the baseline."""
    marks = []
    if taken.meta is view.current.snapshot.meta:
        marks.append("shown")
    if view.baseline is not None and taken.meta is view.baseline.snapshot.meta:
        marks.append("baseline")
    return ", ".join(marks)


def snaps_rows(view: HeapView) -> list[Taken]:
    """Return the snapshots of this session with the files that hold them, and the other files."""
    files = {(one.meta.captured_at, one.meta.pid, one.meta.host_name): one for one in view.stored}
    rows = []
    for taken in view.taken:
        file = files.pop((taken.meta.captured_at, taken.meta.pid, taken.meta.host_name), None)
        rows.append(taken if taken.path or file is None else replace(taken, path=file.path))
    return [*rows, *files.values()]


def snaps_model(view: HeapView, writing: Writing) -> TableModel[Taken]:
    """Build the table, the newest first."""
    wide = 5 if writing.exact else 0
    rows = snaps_rows(view)
    moments = max((len(moment(row, view)) for row in rows), default=0)
    columns: list[Column[Taken]] = [
        Column("number", "#", lambda row: str(row.number) if row.number else "", lambda row: row.number, 4),
        Column("time", "Time", lambda row: moment(row, view), lambda row: row.meta.captured_at, moments + 1),
        Column("pid", "Pid", lambda row: str(row.meta.pid), lambda row: row.meta.pid, 8, rank=3),
        Column("objects", "Objects", lambda row: writing.count(row.object_count), lambda row: row.object_count, 10),
        Column("heap", "Heap", lambda row: writing.size(row.heap_bytes), lambda row: row.heap_bytes, 8 + wide),
        Column("rss", "RSS", lambda row: writing.size(row.meta.rss_after_bytes), lambda row: row.meta.rss_after_bytes, 8 + wide, rank=2),
        Column("pause", "Pause", lambda row: format_duration_ns(row.meta.pause_ns), lambda row: row.meta.pause_ns, 8, rank=1),
        Column("marks", "", lambda row: _what(view, row), align="left", min_width=24),
    ]  # fmt: skip
    return TableModel(rows, columns, lambda row: FilterFacts(row.path, "", "", {}), sort_key="time")


def _what(view: HeapView, row: Taken) -> str:
    file = cut_start(safe_text(row.path), 40)
    return "  ".join(part for part in (marks_of(view, row), file) if part)


def snaps_tail(view: HeapView) -> list[Line]:
    """Write what can be done with the rows, and what is no longer there."""
    held = {id(one.snapshot.meta) for one in view.series}
    gone = sum(1 for one in view.taken if id(one.meta) not in held)
    lines = [
        line(
            (" ⏎", "key"), (" shows  ", "dim"), ("b", "key"), (" baseline  ", "dim"), (", .", "key"),
            (" pair before, after  ", "dim"), ("w", "key"), (" writes", "dim"),
        )
    ]  # fmt: skip
    if gone:
        lines.insert(0, line((f" {gone} of this session are no longer in memory; their figures are", "dim")))
    return lines


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

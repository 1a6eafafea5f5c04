"""Owns the words and figures of the RSS view: where the resident memory is.

Pure. Until the split is known it says what the capture measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from heapscope.tui.filters import FilterFacts
from heapscope.tui.lines import EMPTY, Line, line
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import Column, TableModel
from heapscope.tui.textfit import percent


@dataclass(frozen=True, slots=True)
class RssRow:
    """A part of the resident memory, in bytes. ``share`` is of RSS."""

    name: str
    bytes: int
    share: float
    note: str


def rss_rows(view: HeapView) -> list[RssRow]:
    """Return what is known of the resident memory."""
    snapshot = view.current.snapshot
    rss = max(1, snapshot.meta.rss_after_bytes)
    live = snapshot.allocated_bytes
    return [
        RssRow("Python objects", live, min(1.0, live / rss), "what the walk found, as the allocators round it"),
        RssRow("everything else", max(0, rss - live), max(0.0, 1 - live / rss), "not split further yet"),
    ]


def rss_model(view: HeapView, writing: Writing) -> TableModel[RssRow]:
    """Build the table."""
    columns: list[Column[RssRow]] = [
        Column("name", "Component", lambda row: row.name, align="left", min_width=18),
        Column(
            "bytes", "Bytes", lambda row: writing.size(row.bytes), lambda row: row.bytes, 13 if writing.exact else 8
        ),
        Column("share", "%RSS", lambda row: percent(row.share), lambda row: row.share, 6),
        Column("note", "", lambda row: row.note, align="left", rank=1),
    ]
    return TableModel(rss_rows(view), columns, lambda row: FilterFacts(row.name, "", "", {}))


def rss_head(view: HeapView, writing: Writing) -> list[Line]:
    """Write what stands above the table."""
    meta = view.current.snapshot.meta
    change = meta.rss_after_bytes - meta.rss_before_bytes
    across = f"{writing.size_delta(change)} across the capture" if change else "unchanged by the capture"
    return [line((" RSS ", "dim"), (writing.size(meta.rss_after_bytes), "strong"), (f"   {across}", "dim")), EMPTY]


def export_rss(view: HeapView) -> ExportTable:
    """Return the parts."""
    rows = rss_rows(view)
    return ExportTable(
        "rss", [{"component": row.name, "bytes": row.bytes, "share": row.share} for row in rows], len(rows)
    )

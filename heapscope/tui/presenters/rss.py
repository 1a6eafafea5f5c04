"""Owns the words and figures of the RSS view: where the resident memory is, and who holds it: objects or the allocator.

Pure. Where a snapshot does not say it (files of an older heapscope) it shows what the capture measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heapscope.tui.filters import FilterFacts
from heapscope.tui.lines import EMPTY, Line, Span, line
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.state import HeapView, Writing, trend_sign
from heapscope.tui.tablemodel import Column, TableModel
from heapscope.tui.textfit import percent, safe_text

if TYPE_CHECKING:
    from heapscope.analysis.memory import MemorySplit

BAR_WIDTH = 76
FIRST_PARTS = 6  # shown while a capture runs
WARN_UNEXPLAINED = 0.03

# part: sign in the bar and the table, name, next step where the split has nothing to say
PARTS = {
    "python_objects": ("█", "Python objects", "2 Types, 4 Dominators"),
    "pymalloc_partly_free": ("░", "pymalloc, partly free", "pools that hold objects"),
    "pymalloc_empty": ("░", "pymalloc, empty", "returned when an arena is empty"),
    "malloc_used": ("▒", "malloc, not Python's", "C libraries"),
    "malloc_free": ("·", "malloc free", ""),
    "private": ("▓", "private mappings", ""),
    "file": ("─", "file-backed", ""),
    "shared": ("─", "shared", "not this process's alone"),
    "stacks": ("─", "thread stacks", ""),
    "unexplained": ("?", "unexplained", ""),
}


@dataclass(frozen=True, slots=True)
class RssRow:
    """A part of the resident memory, in bytes. ``share`` is of RSS; ``change`` is None without a baseline."""

    sign: str
    name: str
    bytes: int
    share: float
    note: str
    change: int | None = None


def rss_rows(view: HeapView) -> list[RssRow]:
    """Return the parts, in the order of the split."""
    split = view.current.memory
    if split is None:
        return _unsplit(view)
    before = view.baseline.memory if view.baseline is not None and view.baseline is not view.current else None
    return split_rows(split, before)


def split_rows(split: MemorySplit, before: MemorySplit | None = None) -> list[RssRow]:
    """Return the parts of a split, with what changed since another one."""
    old = {component.part: component.bytes for component in before.components} if before is not None else None
    rows = []
    for component in split.components:
        sign, name, step = PARTS[component.part.value]
        share = component.bytes / split.rss_bytes if split.rss_bytes else 0.0
        note = safe_text("; ".join(component.notes) or step)
        change = component.bytes - old.get(component.part, 0) if old is not None else None
        rows.append(RssRow(sign, name, component.bytes, share, note, change))
    return rows


def _unsplit(view: HeapView) -> list[RssRow]:
    snapshot = view.current.snapshot
    rss = max(1, snapshot.meta.rss_after_bytes)
    live = snapshot.allocated_bytes
    return [
        RssRow("█", "Python objects", live, min(1.0, live / rss), "what the walk found, as the allocators round it"),
        RssRow("?", "everything else", max(0, rss - live), max(0.0, 1 - live / rss), "this snapshot does not say more"),
    ]


def rss_model(view: HeapView, writing: Writing) -> TableModel[RssRow]:
    """Build the table."""
    rows = rss_rows(view)
    size_width = 13 if writing.exact else 8
    columns: list[Column[RssRow]] = [
        Column("sign", "", lambda row: row.sign, width=1),
        Column("name", "Component", lambda row: row.name, align="left", width=21),
        Column("bytes", "Bytes", lambda row: writing.size(row.bytes), lambda row: row.bytes, size_width),
        Column("share", "%RSS", lambda row: percent(row.share), lambda row: row.share, 6),
    ]
    if any(row.change is not None for row in rows):
        columns.append(
            Column("change", "Δ", lambda row: _change(row, writing), lambda row: row.change, size_width + 2, rank=2)
        )
    columns.append(Column("note", "What it is", lambda row: row.note, align="left", min_width=20))
    return TableModel(rows, columns, lambda row: FilterFacts(row.name, "", "", {}))


def _change(row: RssRow, writing: Writing) -> str:
    if row.change is None:
        return ""
    return f"{trend_sign(row.change)} {writing.size(abs(row.change))}" if row.change else "·"


def rss_head(view: HeapView, writing: Writing) -> list[Line]:
    """Write what stands above the table: figures, bar, verdict."""
    split = view.current.memory
    if split is not None:
        return [*split_head(split, writing), EMPTY]
    meta = view.current.snapshot.meta
    change = meta.rss_after_bytes - meta.rss_before_bytes
    across = f"{writing.size_delta(change)} across the capture" if change else "unchanged by the capture"
    return [line((" RSS ", "dim"), (writing.size(meta.rss_after_bytes), "strong"), (f"   {across}", "dim")), EMPTY]


def split_head(split: MemorySplit, writing: Writing) -> list[Line]:
    """Write figures, bar and verdict of a split."""
    spans = [Span(" RSS ", "dim"), Span(writing.size(split.rss_bytes), "strong")]
    if split.limit_bytes:
        spans += [Span(" of ", "dim"), Span(writing.size(split.limit_bytes), "strong"), Span(" (cgroup)", "dim")]
    for name, size in (("PSS", split.pss_bytes), ("USS", split.uss_bytes), ("swap", split.swap_bytes)):
        spans += [Span(f"  {name} ", "dim"), Span(writing.size(size))]
    if split.python_known:
        share = split.unexplained_share
        spans += [Span("  unexplained ", "dim"), Span(percent(share), "warn" if share >= WARN_UNEXPLAINED else "")]
    verdict = safe_text(split.verdict[:1].upper() + split.verdict[1:], 300)
    shown = _sentence(verdict) if split.python_known else [line((f" {verdict}", "title"))]
    return [tuple(spans), line(f" {stacked_bar(split_rows(split))}"), *shown]


def _sentence(text: str) -> list[Line]:
    """Write a verdict in at most two lines: its first half is the answer, the rest the figures."""
    answer, colon, rest = text.partition(": ")
    if not colon:
        return [line(f" {text}")]
    return [line((f" {answer}", "title")), line(f" {rest}")]


def stacked_bar(rows: Sequence[RssRow], width: int = BAR_WIDTH) -> str:
    """Draw the shares side by side, each with its sign; the cells add up to the width."""
    total = sum(max(0, row.bytes) for row in rows) or 1
    exact = [max(0, row.bytes) / total * width for row in rows]
    cells = [int(share) for share in exact]
    missing = width - sum(cells) if any(exact) else 0
    for index in sorted(range(len(rows)), key=lambda at: cells[at] - exact[at])[:missing]:
        cells[index] += 1
    return "".join(row.sign * count for row, count in zip(rows, cells, strict=True))


def first_figures(split: MemorySplit, writing: Writing) -> list[Line]:
    """Write what is known before the heap is walked: for the attach screen."""
    rows = sorted(split_rows(split), key=lambda row: -row.bytes)[:FIRST_PARTS]
    shown = [
        line((f" {row.sign} {row.name:<22}", "dim"), f"{writing.size(row.bytes):>7} {percent(row.share):>6}", (f"  {row.note}", "dim"))
        for row in rows
        if row.bytes > 0
    ]  # fmt: skip
    return [*split_head(split, writing), *shown]


def export_rss(view: HeapView) -> ExportTable:
    """Return the parts."""
    rows = [
        {"component": row.name, "bytes": row.bytes, "share": row.share, "note": row.note, "change_bytes": row.change}
        for row in rss_rows(view)
    ]
    return ExportTable("rss", rows, len(rows))

"""Owns the words and figures of the list of other remedies: columns, filter facts, the detail, the export.

Pure; what is waste, and what would save how much, is analysis's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heapscope.errors import HeapscopeError
from heapscope.tui.filters import FilterFacts
from heapscope.tui.lines import EMPTY, Line, line
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.types import module_of
from heapscope.tui.state import Writing
from heapscope.tui.tablemodel import Column, TableModel
from heapscope.tui.textfit import percent, safe_text, wrap

if TYPE_CHECKING:
    from heapscope.analysis.waste.model import WasteReport, WasteRow

SIGNS = {"exact": "", "estimate": "~", "at most": "≤"}
MEANINGS = {
    "exact": "exact to the allocator's byte",
    "estimate": "an estimate: it depends on how the change is made",
    "at most": "at most: contents decide, and are not recorded",
}
MAX_TEXT = 1_000


def saves_words(row: WasteRow, writing: Writing) -> str:
    """Write a saving with the sign that says how sure it is."""
    return SIGNS.get(row.precision, "") + writing.size(row.saves_bytes)


def _owner_words(row: WasteRow) -> str:
    """Write who holds it. Rows come from a thread that has imported all of this: no screen waits for it."""
    from heapscope.analysis.waste.owners import owner_text  # noqa: PLC0415 - numpy, 100 ms

    return owner_text(row.owner)


def waste_columns(writing: Writing) -> list[Column[WasteRow]]:
    """Return the columns."""
    wide = 5 if writing.exact else 0
    return [
        Column("subject", "Other remedies: what", lambda row: safe_text(row.subject), lambda row: row.subject.lower(), align="left",
               ascending_first=True, min_width=32),
        Column("count", "Objects", lambda row: writing.count(row.count), lambda row: row.count, 9 + wide // 2, rank=2),
        Column("now", "Now", lambda row: writing.size(row.bytes_now), lambda row: row.bytes_now, 7 + wide, rank=3),
        Column("saves", "Saves", lambda row: saves_words(row, writing), lambda row: row.saves_bytes, 8 + wide),
        Column("share", "%heap", lambda row: percent(row.share), lambda row: row.share, 6, rank=4),
        Column("owner", "Held by", lambda row: safe_text(_owner_words(row)), None, 44, align="left", rank=5,
               style=lambda row: "dim"),
    ]  # fmt: skip


def waste_facts(row: WasteRow) -> FilterFacts:
    """Return what a filter may ask about a row; words find the pattern too."""
    numbers = {"count": row.count, "shallow": row.bytes_now, "saves": row.saves_bytes}
    return FilterFacts(row.subject, module_of(row.type_name), row.pattern, numbers, f"{row.pattern} {row.type_name}")


def waste_model(report: WasteReport | None, writing: Writing) -> TableModel[WasteRow]:
    """Build the table; without a report it is empty."""
    rows = report.rows if report is not None else ()
    return TableModel(rows, waste_columns(writing), waste_facts, sort_key="saves")


def waste_detail(row: WasteRow | None, report: WasteReport, writing: Writing, width: int) -> list[Line]:
    """Write the pane under the table: what to do comes first."""
    if row is None:
        return _notes(report, writing, width) if not report.rows else [line(("no row is shown", "dim"))]
    share = f" · {percent(row.owner.share)} of them" if row.owner is not None else ""
    lines = [line((safe_text(row.subject, MAX_TEXT), "title"), (f"  {row.pattern}", "dim"))]
    lines += _paragraph("fix", row.fix, width)
    lines += _paragraph("held", _owner_words(row) + share, width)
    cost = f"{writing.count(row.count)} × {row.each_bytes:,}B = {writing.size(row.bytes_now)}, saves {saves_words(row, writing)}"
    lines += _paragraph("cost", f"{cost}; {MEANINGS.get(row.precision, '')}", width)
    for detail in row.details:
        lines += _paragraph("", detail, width)
    if len(row.names) > 1:
        lines += _paragraph("names", ", ".join(row.names), width)
    return lines + _notes(report, writing, width)


def _notes(report: WasteReport, writing: Writing, width: int) -> list[Line]:
    lines: list[Line] = []
    if not report.rows:
        lines += [line(f"Nothing else would save {writing.size(report.least_bytes)} or more."), EMPTY]
    for note in report.not_recorded:
        lines += _paragraph("note", note, width)
    return lines


def _paragraph(name: str, text: str, width: int) -> list[Line]:
    lines = wrap(safe_text(text, MAX_TEXT).split(), width - 8)
    return [line((f"  {name if at == 0 else '':<6}", "dim"), one) for at, one in enumerate(lines)]


def waiting_words(share: float | None) -> list[Line]:
    """Say that the search runs, or waits for the dominators."""
    if share is None:
        return [line(("Finding out who holds what; the search for other remedies follows.", "dim"))]
    return [line((f"Searching for other remedies: {share:.0%}.", "dim"), ("  ctrl+c", "key"), (" gives it up", "dim"))]


def failed_words(error: HeapscopeError) -> list[Line]:
    """Say why there is no list."""
    return [
        line((" ! ", "bad"), safe_text(error.message, MAX_TEXT)),
        line(("   ", ""), ("R", "key"), (" tries again", "dim")),
    ]


def export_waste(report: WasteReport | None, rows: list[WasteRow]) -> ExportTable:
    """Return the rows of the list, in the order shown."""
    out = [
        {
            "subject": row.subject,
            "pattern": row.pattern.value,
            "type": row.type_name,
            "count": row.count,
            "bytes_now": row.bytes_now,
            "saves_bytes": row.saves_bytes,
            "precision": row.precision.value,
            "owner": _owner_words(row),
            "fix": row.fix,
            "names": list(row.names),
            "details": list(row.details),
        }
        for row in rows
    ]
    return ExportTable("waste", out, len(report.rows) if report is not None else 0)

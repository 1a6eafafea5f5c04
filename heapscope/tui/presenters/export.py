"""Owns what an exported view contains: plain values in csv, json or markdown.

Pure; machine formats carry whole numbers and untouched names, never the short forms of the screen.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from heapscope.tui.presenters.types import count_change, shallow_change, types_rows
from heapscope.tui.state import HeapView
from heapscope.tui.textfit import safe_text

if TYPE_CHECKING:
    from heapscope.analysis.histogram import HistogramRow
    from heapscope.analysis.slots.model import SlotsRow

FORMATS = ("csv", "json", "md")
Value = Any  # None, bool, int, float, str, or lists and dicts of them


@dataclass(frozen=True, slots=True)
class ExportTable:
    """Rows to write. ``total`` is how many there are without the filter."""

    name: str
    rows: Sequence[Mapping[str, Value]]
    total: int


def export_types(view: HeapView, rows: Sequence[HistogramRow]) -> ExportTable:
    """Return the rows of the Types view, in the order shown."""
    out: list[dict[str, Value]] = []
    for row in rows:
        values: dict[str, Value] = {
            "type": row.type_name,
            "count": row.count,
            "shallow_bytes": row.shallow_bytes,
            "allocated_bytes": row.allocated_bytes,
            "recursive_bytes": row.recursive_bytes,
            "retained_bytes": row.retained_bytes,
            "is_retained_exact": row.is_retained_exact,
        }
        if view.deltas is not None:
            values["count_change"] = count_change(view, row.type_name)
            values["shallow_bytes_change"] = shallow_change(view, row.type_name)
        out.append(values)
    return ExportTable("types", out, len(types_rows(view)))


def export_slots(view: HeapView, rows: Sequence[SlotsRow]) -> ExportTable:
    """Return the rows of the Slots view, in the order shown."""
    out = [
        {
            "type": row.type_name,
            "instances": row.instances,
            "bytes_now": row.bytes_now,
            "bytes_slots": row.bytes_slots,
            "saves_bytes": row.saves_bytes,
            "verdict": row.verdict,
            "attributes": list(row.attributes),
            "blockers": list(row.blockers),
            "slots_line": row.slots_line,
        }
        for row in rows
    ]
    return ExportTable("slots", out, len(view.current.slots))


def export_overview(view: HeapView) -> ExportTable:
    """Return the figures of the Overview, one a row."""
    snapshot = view.current.snapshot
    meta = snapshot.meta
    figures: dict[str, Value] = {
        "pid": meta.pid,
        "command": meta.command,
        "host_name": meta.host_name,
        "captured_at": meta.captured_at,
        "python_version": meta.python_version,
        "objects": snapshot.object_count,
        "references": snapshot.reference_count,
        "heap_bytes": snapshot.heap_bytes,
        "allocated_bytes": snapshot.allocated_bytes,
        "rss_before_bytes": meta.rss_before_bytes,
        "rss_after_bytes": meta.rss_after_bytes,
        "pause_ns": meta.pause_ns,
        "capture_ns": meta.capture_ns,
        "coverage": meta.coverage,
        "collector": meta.collector,
        "injector": meta.injector,
        "warnings": list(meta.warnings),
    }
    if view.report is not None:
        verdict = view.report.verdict
        figures |= {"verdict": str(verdict.kind), "headline": verdict.headline, "confidence": verdict.confidence.label}
        for number, suspect in enumerate(view.report.suspects, 1):
            figures |= {
                f"suspect_{number}": suspect.holder,
                f"suspect_{number}_kind": str(suspect.kind),
                f"suspect_{number}_place": suspect.place,
                f"suspect_{number}_retained_bytes": suspect.retained_bytes,
                f"suspect_{number}_growth_bytes": suspect.growth_bytes,
                f"suspect_{number}_confidence": suspect.confidence.label,
            }
    return ExportTable("overview", [{"figure": name, "value": value} for name, value in figures.items()], len(figures))


def write_export(table: ExportTable, file_format: str) -> str:
    """Write a table in one of FORMATS."""
    if file_format == "json":
        return json.dumps([dict(row) for row in table.rows], indent=1, ensure_ascii=True) + "\n"
    if file_format == "csv":
        return _csv(table)
    return _markdown(table)


def _csv(table: ExportTable) -> str:
    out = io.StringIO()
    headers = list(table.rows[0]) if table.rows else []
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(headers)
    for row in table.rows:
        writer.writerow([_csv_cell(row[name]) for name in headers])
    return out.getvalue()


def _csv_cell(value: Value) -> Value:
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    if isinstance(value, str):
        value = safe_text(value, 4_000)
        # Spreadsheets run cells that begin so as formulas, and names come from the target.
        return f"'{value}" if value[:1] in ("=", "+", "-", "@") else value
    return "" if value is None else value


def _markdown(table: ExportTable) -> str:
    headers = list(table.rows[0]) if table.rows else []
    lines = [f"{len(table.rows):,} of {table.total:,} {table.name}", ""]
    if headers:
        lines += ["| " + " | ".join(headers) + " |", "|" + " --- |" * len(headers)]
    lines += ["| " + " | ".join(_markdown_cell(row[name]) for name in headers) + " |" for row in table.rows]
    return "\n".join(lines) + "\n"


def _markdown_cell(value: Value) -> str:
    if value is None:
        return ""
    text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(f"\\{char}" if char in "\\`|<>*_[]" else char for char in safe_text(text, 4_000))

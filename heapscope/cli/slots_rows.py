"""The rows of ``heapscope slots`` in machine formats: one class each, with reasons, layout and change. The keys are a contract.

Pure; everything that comes from the target is cleaned here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heapscope.analysis.slots.names import change_line
from heapscope.cli.analysing import MAX_NAME
from heapscope.units import clean_text

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.analysis.slots.model import ClassChange, Finding, Part, SlotsRow

MAX_LINE = 10_000


def row_of(row: SlotsRow) -> dict[str, Any]:
    """Return one row; its keys are a contract (docs/cli.md)."""
    return {
        "type": clean_text(row.type_name, MAX_NAME),
        "instances": int(row.instances),
        "bytes_now": int(row.bytes_now),
        "bytes_slots": int(row.bytes_slots),
        "saves_bytes": int(row.saves_bytes),
        "verdict": row.verdict,
        "attributes": _names(row.attributes),
        "blockers": _names(row.blockers),
        "notes": _names(row.notes),
        "states": {str(name): int(count) for name, count in row.states.items()},
        "slots_line": clean_text(row.slots_line, MAX_LINE),
        "file": clean_text(row.file, MAX_NAME),
        "line": int(row.line),
        "saves_low_bytes": int(row.saves_low_bytes),
        "requested_now_bytes": int(row.requested_now),
        "requested_slots_bytes": int(row.requested_slots),
        "share": round(float(row.share), 6),
        "is_exact": row.is_exact,
        "inexact": clean_text(row.inexact, MAX_NAME),
        "alone_bytes": None if row.alone_bytes is None else int(row.alone_bytes),
        "subclass_instances": int(row.subclass_instances),
        "subclass_saves_bytes": int(row.subclass_saves_bytes),
        "class_bytes": int(row.fixed_bytes),
        "break_even": int(row.break_even),
        "attribute_counts": {clean_text(name, MAX_NAME): int(count) for name, count in row.attribute_counts},
        "reasons": [_reason(finding) for finding in row.findings],
        "changes": [change_of(change) for change in row.changes],
        "layout_now": _layout(row.parts_now),
        "layout_slots": _layout(row.parts_slots),
        "speed": row.speed,
    }


def _names(texts: Sequence[str]) -> list[str]:
    return [clean_text(text, MAX_NAME) for text in texts]


def _reason(finding: Finding) -> dict[str, Any]:
    return {
        "verdict": finding.verdict,
        "hazard": finding.hazard,
        "text": clean_text(finding.text, MAX_NAME),
        "where": _names(finding.where),
    }


def change_of(change: ClassChange) -> dict[str, Any]:
    """Write the change of one class statement."""
    return {
        "type": clean_text(change.type_name, MAX_NAME),
        "kind": change.kind,
        "text": clean_text(change_line(change), MAX_LINE),
        "names": _names(change.names),
        "keeps_weakref": change.keeps_weakref,
        "keeps_dict": change.keeps_dict,
        "file": clean_text(change.file, MAX_NAME),
        "line": int(change.line),
        "moved_defaults": _names(change.moved_defaults),
        "cached_properties": _names(change.cached_properties),
        "dict_readers": _names(change.dict_readers),
    }


def _layout(parts: Sequence[Part]) -> list[dict[str, Any]]:
    return [{"part": part.name, "bytes": int(part.requested)} for part in parts]

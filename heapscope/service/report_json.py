"""A report as one JSON object; its keys are a contract (docs/cli.md). Bytes are integers, shares 0...1, unknown figures null.

Never shows foreign text uncleaned.
"""

from __future__ import annotations

from typing import Any

from heapscope.analysis.memory import MemorySplit
from heapscope.analysis.suspects.model import PathStep, Report, Suspect
from heapscope.snapshot.model import Snapshot
from heapscope.units import clean_text

SCHEMA_VERSION = 1
MAX_TEXT = 512


def report_object(report: Report, snapshot: Snapshot | None = None) -> dict[str, Any]:
    """Give the whole report. ``snapshot``, the newest one, adds the addresses of objects."""
    figures = report.figures
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": {
            "kind": report.verdict.kind.value,
            "headline": _clean(report.verdict.headline),
            "confidence": report.verdict.confidence.label,
            "is_alarm": report.verdict.kind.is_alarm,
            "next": [_clean(command) for command in report.verdict.next],
        },
        "memory": None if report.memory is None else memory_object(report.memory),
        "suspects": [suspect_object(suspect, snapshot) for suspect in report.suspects],
        "heap": {
            "pid": figures.pid,
            "python_version": _clean(figures.python_version),
            "captured_at": figures.captured_at,
            "objects": figures.object_count,
            "heap_bytes": figures.heap_bytes,
            "garbage_count": figures.garbage_count,
            "garbage_bytes": figures.garbage_bytes,
            "rss_bytes": figures.rss_bytes,
            "pause_ns": figures.pause_ns,
            "coverage": figures.coverage,
            "collector": _clean(figures.collector),
            "growth_bytes": figures.growth_bytes,
            "growth_count": figures.growth_count,
        },
        "interval_s": round(report.interval_s, 3),
        "snapshots": report.snapshot_count,
        "warnings": [_clean(warning) for warning in report.warnings],
    }


def memory_object(memory: MemorySplit) -> dict[str, Any]:
    """Give the memory split, with the keys of ``heapscope rss``."""
    return {
        "verdict": _clean(memory.verdict),
        "kind": memory.kind.value,
        "rss_bytes": memory.rss_bytes,
        "pss_bytes": memory.pss_bytes,
        "uss_bytes": memory.uss_bytes,
        "swap_bytes": memory.swap_bytes,
        "limit_bytes": memory.limit_bytes,
        "limit_source": _clean(memory.limit_source),
        "trim_bytes": memory.trim_bytes,
        "unexplained_share": round(memory.unexplained_share, 6),
        "components": [
            {
                "part": one.part.value,
                "bytes": one.bytes,
                "share": round(one.bytes / memory.rss_bytes, 6) if memory.rss_bytes else 0.0,
                "notes": [_clean(note) for note in one.notes],
            }
            for one in memory.components
        ],
    }


def suspect_object(suspect: Suspect, snapshot: Snapshot | None = None) -> dict[str, Any]:
    """Give one suspect."""
    return {
        "kind": suspect.kind.value,
        "kinds": [kind.value for kind in suspect.kinds or (suspect.kind,)],
        "holder": _clean(suspect.holder),
        "type": _clean(suspect.type_name),
        "path": [step_object(step, snapshot) for step in suspect.path],
        "place": _clean(suspect.place) or None,
        "address": _address(suspect.object_index, snapshot),
        "entries": suspect.entries,
        "retained_bytes": suspect.retained_bytes,
        "share": round(suspect.share, 6),
        "growth_bytes": suspect.growth_bytes,
        "per_minute_bytes": None if suspect.per_minute_bytes is None else round(suspect.per_minute_bytes),
        "rising": suspect.rising if suspect.steps else None,
        "steps": suspect.steps or None,
        "confidence": suspect.confidence.label,
        "evidence": [_clean(line) for line in suspect.evidence],
        "doubts": [_clean(line) for line in suspect.doubts],
        "next": [_clean(command) for command in suspect.next],
    }


def step_object(step: PathStep, snapshot: Snapshot | None = None) -> dict[str, Any]:
    """Give one step of a way."""
    return {
        "name": _clean(step.name),
        "type": _clean(step.type_name),
        "place": _clean(step.place) or None,
        "address": _address(step.object_index, snapshot),
    }


def _address(index: int, snapshot: Snapshot | None) -> str | None:
    if snapshot is None or not 0 <= index < snapshot.object_count:
        return None
    return f"{int(snapshot.address[index]):#x}"


def _clean(text: str) -> str:
    return clean_text(text, MAX_TEXT)

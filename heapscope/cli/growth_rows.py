"""The rows of ``heapscope growth``: of holders and of types, for machines and for people.

Never computes growth: analysis does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from heapscope.cli.analysing import MAX_NAME, address_text, show_bytes, show_count, show_type
from heapscope.cli.table import Column
from heapscope.tui.textfit import sparkline
from heapscope.units import clean_text, format_delta

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.analysis.growth import GrowthRow
    from heapscope.analysis.holder_growth import HolderGrowth
    from heapscope.analysis.holder_tree import Step
    from heapscope.snapshot.model import SnapshotMeta

TREND_WIDTH = 8


def holder_row(row: HolderGrowth) -> dict[str, Any]:
    """Return one holder; its keys are a contract (docs/cli.md)."""
    return {
        "holder": clean_text(row.holder, 2 * MAX_NAME),
        "type": clean_text(row.type_name, MAX_NAME),
        "held_before_bytes": row.held_before,
        "held_after_bytes": row.held_after,
        "held_delta_bytes": row.delta,
        "per_minute_bytes": None if row.per_minute is None else round(row.per_minute),
        "rising": row.rising,
        "steps": row.steps,
        "held_series_bytes": list(row.series),
        "count_before": row.count_before,
        "count_after": row.count_after,
        "count_delta": row.count_delta,
        "retained_before_bytes": row.retained_before,
        "retained_after_bytes": row.retained_after,
        "objects": row.objects,
        "address": address_text(row.address) if row.objects == 1 and row.address else None,
        "path": [_step(step) for step in row.path],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": clean_text(step.name, MAX_NAME),
        "type": clean_text(step.type_name, MAX_NAME),
        "root_kind": step.root_kind or None,
    }


def type_row(row: GrowthRow) -> dict[str, Any]:
    """Return one type; its keys are a contract (docs/cli.md)."""
    return {
        "type": clean_text(row.type_name, MAX_NAME),
        "count_before": row.count_before,
        "count_after": row.count_after,
        "count_delta": row.count_delta,
        "new": row.new,
        "gone": row.gone,
        "shallow_before_bytes": row.shallow_before,
        "shallow_after_bytes": row.shallow_after,
        "shallow_delta_bytes": row.shallow_delta,
        "per_minute_bytes": None if row.per_minute is None else round(row.per_minute),
        "instance_before_bytes": _each(row.instance_before),
        "instance_after_bytes": _each(row.instance_after),
        "rising": row.rising,
        "steps": row.steps,
        "count_series": list(row.count_series),
        "shallow_series_bytes": list(row.shallow_series),
    }


def snapshot_row(meta: SnapshotMeta) -> dict[str, Any]:
    """Return which snapshot was compared; its keys are a contract (docs/cli.md)."""
    return {
        "pid": meta.pid,
        "host_name": clean_text(meta.host_name),
        "command": clean_text(meta.command, 1000),
        "process_start_time": meta.process_start_time,
        "captured_at": meta.captured_at,
        "pause_ns": meta.pause_ns,
    }


def holder_for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    """Join what belongs together, with signs."""
    return {
        **row,
        **_common(row, row["held_series_bytes"]),
        "held_delta_bytes": format_delta(row["held_delta_bytes"]),
    }


def type_for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    """Join what belongs together, with signs."""
    before, after = row["instance_before_bytes"], row["instance_after_bytes"]
    return {
        **row,
        **_common(row, row["shallow_series_bytes"]),
        "shallow_delta_bytes": format_delta(row["shallow_delta_bytes"]),
        "instance_after_bytes": "" if before is None and after is None else f"{_dash(before)} -> {_dash(after)}",
    }


def _common(row: Mapping[str, Any], series: Sequence[int]) -> dict[str, Any]:
    return {
        "count_delta": f"{row['count_delta']:+,}" if row["count_delta"] else "0",
        "per_minute_bytes": "-" if row["per_minute_bytes"] is None else format_delta(row["per_minute_bytes"]),
        "rising": f"{row['rising']}/{row['steps']}",
        "trend": _trend(series),
    }


def _trend(series: Sequence[int]) -> str:
    """Two snapshots have no trend; of many, some are drawn, the oldest and the newest among them."""
    if len(series) < 3:
        return ""
    width = min(TREND_WIDTH, len(series))
    return sparkline([series[at * (len(series) - 1) // (width - 1)] for at in range(width)], width)


def _each(mean: float | None) -> int | None:
    return None if mean is None else round(mean)


def _dash(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


_TREND = (
    Column("rising", "GREW", str, is_number=True, rank=1),
    Column("trend", "TREND", str, rank=4),
)
HOLDER_COLUMNS = (
    Column("holder", "HOLDER", show_type, min_width=30, keep_end=True),
    Column("type", "TYPE", show_type, min_width=8, keep_end=True, rank=3),
    Column("count_after", "ENTRIES", show_count, is_number=True, rank=6),
    Column("count_delta", "MORE", str, is_number=True, rank=2),
    Column("held_after_bytes", "HOLDS", show_bytes, is_number=True, rank=5),
    Column("held_delta_bytes", "GROWTH", str, is_number=True),
    Column("per_minute_bytes", "PER MIN", str, is_number=True, rank=1),
    *_TREND,
)
TYPE_COLUMNS = (
    Column("type", "TYPE", show_type, min_width=26, keep_end=True),
    Column("count_after", "NOW", show_count, is_number=True, rank=5),
    Column("count_delta", "COUNT", str, is_number=True),
    Column("new", "NEW", show_count, is_number=True, rank=6),
    Column("gone", "GONE", show_count, is_number=True, rank=6),
    Column("shallow_after_bytes", "SHALLOW", show_bytes, is_number=True, rank=5),
    Column("shallow_delta_bytes", "GROWTH", str, is_number=True),
    Column("per_minute_bytes", "PER MIN", str, is_number=True, rank=1),
    Column("instance_after_bytes", "EACH, BYTES", str, is_number=True, rank=2),
    *_TREND,
)

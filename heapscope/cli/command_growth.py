"""``heapscope growth``: what changed between two snapshots, type by type.

Never computes anything itself: analysis does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.analysing import MAX_NAME, show_bytes, show_count, show_type
from heapscope.cli.capturing import capture_options_of, open_with_progress
from heapscope.cli.listing import write_chosen
from heapscope.cli.options import (
    CaptureChoice,
    OutputChoice,
    RowChoice,
    capture_options,
    choice_options,
    output_options,
)
from heapscope.cli.output import check_output_path
from heapscope.cli.table import Column
from heapscope.cli.talk import Talk
from heapscope.units import clean_text, format_delta

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.analysis.growth import GrowthRow
    from heapscope.snapshot.model import Snapshot


@click.command("growth", short_help="Show what changed between two snapshots.")
@click.argument("old")
@click.argument("new")
@choice_options
@output_options
@capture_options
@click.pass_obj
def command(talk: Talk, *, old: str, new: str, choice: RowChoice, out: OutputChoice, capture: CaptureChoice) -> None:
    """Compare OLD with NEW, each a snapshot file or a pid, type by type: largest growth first.

    COUNT is how many objects more there are. EACH is what an instance costs with all it keeps its attributes in, before and
    after: there a class that got __slots__ shows what it saves.
    """
    if out.output is not None:
        check_output_path(out.output, force=out.force)
    options = capture_options_of(capture)
    rows = growth_rows(open_with_progress(old, options, talk), open_with_progress(new, options, talk))
    write_chosen(rows, COLUMNS, noun="types", choice=choice, out=out, talk=talk, show_row=for_people)


def growth_rows(old: Snapshot, new: Snapshot) -> list[dict[str, Any]]:
    """Return the rows of all types, largest growth first."""
    from heapscope.analysis.growth import measure_growth  # noqa: PLC0415 - numpy, 100 ms

    return [row_of(row) for row in measure_growth(old, new)]


def row_of(row: GrowthRow) -> dict[str, Any]:
    """Return one row; its keys are a contract (docs/cli.md)."""
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
    }


def _each(mean: float | None) -> int | None:
    return None if mean is None else round(mean)


def for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    """Join what belongs together, with signs."""
    before, after = row["instance_before_bytes"], row["instance_after_bytes"]
    each = "" if before is None and after is None else f"{_dash(before)} -> {_dash(after)}"
    return {
        **row,
        "count_delta": f"{row['count_delta']:+,}" if row["count_delta"] else "0",
        "shallow_delta_bytes": format_delta(row["shallow_delta_bytes"]),
        "per_minute_bytes": "-" if row["per_minute_bytes"] is None else format_delta(row["per_minute_bytes"]),
        "instance_after_bytes": each,
    }


def _dash(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


COLUMNS = (
    Column("type", "TYPE", show_type, min_width=26, keep_end=True),
    Column("count_after", "NOW", show_count, is_number=True, rank=2),
    Column("count_delta", "COUNT", str, is_number=True),
    Column("new", "NEW", show_count, is_number=True, rank=3),
    Column("gone", "GONE", show_count, is_number=True, rank=3),
    Column("shallow_after_bytes", "SHALLOW", show_bytes, is_number=True, rank=2),
    Column("shallow_delta_bytes", "GROWTH", str, is_number=True),
    Column("per_minute_bytes", "PER MIN", str, is_number=True, rank=1),
    Column("instance_after_bytes", "EACH, BYTES", str, is_number=True, rank=1),
)

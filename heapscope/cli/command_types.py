"""``heapscope types``: the types of a heap by count and size.

Never computes sizes itself: analysis does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.capturing import capture_options_of, open_with_progress
from heapscope.cli.options import capture_options, choice_options, output_of, output_options, row_limit
from heapscope.cli.output import check_output_path, write_rows
from heapscope.cli.rows import choose_rows
from heapscope.cli.table import Column
from heapscope.cli.talk import Talk
from heapscope.units import clean_text, format_bytes, format_count, short_type_name

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.analysis.histogram import HistogramRow
    from heapscope.snapshot.model import Snapshot

MAX_NAME = 512


@click.command("types", short_help="List types by count and size.")
@click.argument("source")
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Compute recursive sizes.")
@choice_options
@output_options
@capture_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    source: str,
    recursive: bool,
    limit: int | None,
    sort: str,
    expression: str,
    format_: str,
    output: str | None,
    force: bool,
    no_header: bool,
    via: str,
    timeout: float,
    ignore_head_room: bool,
) -> None:
    """List the types of SOURCE, a pid or a snapshot file, largest first."""
    if output is not None:
        check_output_path(output, force=force)
    options = capture_options_of(via=via, timeout=timeout, ignore_head_room=ignore_head_room)
    snapshot = open_with_progress(source, options, talk)
    rows = type_rows(snapshot, recursive=recursive)
    maximum = row_limit(limit, format_)
    chosen = choose_rows(rows, expression=expression, sort=sort, limit=maximum, text_key="type")
    write_rows(chosen, COLUMNS, output_of(format_, output, force=force, no_header=no_header), talk)
    if len(chosen) < len(rows):
        talk.say(f"{len(chosen)} of {len(rows)} types; -n 0 shows all")


def type_rows(snapshot: Snapshot, *, recursive: bool) -> list[dict[str, Any]]:
    """Return the rows of all types, largest shallow size first."""
    from heapscope.analysis.histogram import build_histogram  # noqa: PLC0415 - numpy, 100 ms

    histogram = build_histogram(snapshot, recursive=recursive)
    rows = [row_of(row) for row in histogram.rows]
    return sorted(rows, key=lambda row: (-row["shallow_bytes"], -row["count"], row["type"]))


def row_of(row: HistogramRow) -> dict[str, Any]:
    """Return one row; its keys are a contract (docs/cli.md)."""
    return {
        "type": clean_text(row.type_name, MAX_NAME),
        "count": int(row.count),
        "shallow_bytes": int(row.shallow_bytes),
        "recursive_bytes": _int(row.recursive_bytes),
        "retained_bytes": _int(row.retained_bytes),
        "allocated_bytes": int(row.allocated_bytes),
        "share": round(float(row.share), 6),
        "type_count": int(row.type_count),
    }


def _int(value: int | None) -> int | None:
    return None if value is None else int(value)


def show_type(value: object) -> str:
    """Write a type's name as people know it."""
    return short_type_name(str(value))


def show_bytes(value: object) -> str:
    """Write a size, or a dash for an unknown one."""
    return format_bytes(value) if isinstance(value, int) else "-"


def show_count(value: object) -> str:
    """Write a count."""
    return format_count(value) if isinstance(value, int) else "-"


def _show_share(value: object) -> str:
    return f"{value:.1%}" if isinstance(value, float) else "-"


COLUMNS = (
    Column("type", "TYPE", show_type, min_width=26, keep_end=True),
    Column("count", "COUNT", show_count, is_number=True),
    Column("shallow_bytes", "SHALLOW", show_bytes, is_number=True),
    Column("share", "SHARE", _show_share, is_number=True, rank=2),
    Column("recursive_bytes", "RECURSIVE", show_bytes, is_number=True, rank=1),
)

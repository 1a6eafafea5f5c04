"""``heapscope sql``: one question in SQL over the tables of a heap.

Never lets the question write anything, or reach a file.
"""

from __future__ import annotations

import decimal
from typing import Any

import click

from heapscope.cli.analysing import asking
from heapscope.cli.capturing import open_checked
from heapscope.cli.options import CaptureChoice, OutputChoice, capture_options, output_options, parse_size
from heapscope.cli.output import write_rows
from heapscope.cli.table import Column
from heapscope.cli.talk import Talk
from heapscope.units import clean_text, format_count

DEFAULT_ROWS = {"table": 100}
MAX_ROWS = 1_000_000  # rows are Python objects here; more is for export --to parquet
DEFAULT_MEMORY = "1G"


@click.command("sql", short_help="Ask a question in SQL over the objects of a heap.")
@click.argument("source")
@click.argument("query")
@click.option(
    "-n", "--limit", type=click.IntRange(1, MAX_ROWS), metavar="N", help="At most N rows. Tables: 100; else a million."
)
@click.option(
    "--memory",
    type=parse_size,
    default=DEFAULT_MEMORY,
    show_default=True,
    metavar="SIZE",
    help="What the query may use besides the heap itself.",
)
@output_options
@capture_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    source: str,
    query: str,
    limit: int | None,
    memory: int,
    out: OutputChoice,
    capture: CaptureChoice,
) -> None:
    """Ask QUERY, one SELECT in DuckDB's SQL, over SOURCE, a pid or a snapshot file.

    Tables: objects, types, references (or refs), roots, instances; sizes are in bytes. Needs the extra heapscope[sql].
    """
    from heapscope.exports.sql import duckdb_module  # noqa: PLC0415 - numpy, 100 ms
    from heapscope.service.exporting import query_tables  # noqa: PLC0415 - as above

    duckdb_module()
    maximum = limit or DEFAULT_ROWS.get(out.format_, MAX_ROWS)
    snapshot = open_checked(source, capture, out, talk)
    with asking(snapshot, talk) as heap, query_tables(heap, query, memory_bytes=memory) as (names, parts):
        keys = _unique([clean_text(name, 100) for name in names])
        rows: list[dict[str, Any]] = []
        for part in parts:
            rows += [dict(zip(keys, map(_plain, row), strict=True)) for row in part[: maximum + 1 - len(rows)]]
            if len(rows) > maximum:
                break
    columns = [Column(key, key, _show, is_number=_is_number(rows, key)) for key in keys]
    write_rows(rows[:maximum], columns, out.options, talk)
    if len(rows) > maximum:
        talk.say(f"the first {format_count(maximum)} rows; -n shows more")


def _unique(names: list[str]) -> list[str]:
    """A question may call two columns alike."""
    return [name if name not in names[:at] else f"{name}_{at}" for at, name in enumerate(names)]


def _plain(value: object) -> object:
    if isinstance(value, decimal.Decimal):  # sums of 64-bit numbers are wider
        return int(value) if value == value.to_integral_value() else float(value)
    return value if value is None or isinstance(value, (bool, int, float)) else clean_text(str(value), 1000)


def _show(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _is_number(rows: list[dict[str, Any]], key: str) -> bool:
    return bool(rows) and all(isinstance(row[key], (int, float, type(None))) for row in rows[:100])

"""``heapscope waste``: remedies other than slots, ranked by the bytes that they would save, with holder and fix.

Never judges or computes: analysis does.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.analysing import MAX_NAME, address_text, asking, show_bytes, show_count, show_share
from heapscope.cli.capturing import open_checked
from heapscope.cli.listing import write_chosen
from heapscope.cli.options import CaptureChoice, OutputChoice, RowChoice, list_options, parse_size
from heapscope.cli.output import format_table
from heapscope.cli.table import Column
from heapscope.cli.talk import Talk
from heapscope.units import clean_text

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.analysis.waste.model import WasteRow
    from heapscope.service.queries import HeapQueries
    from heapscope.snapshot.model import Snapshot

EXPLAINED_ROWS = 5  # more would hide the table
WIDTH = 100
_MAX_FIX = 1000
_SIGNS = {"exact": "", "estimate": "~", "at most": "<="}


def _parse_least(text: str) -> int:
    return 0 if text.strip("0") == "" else parse_size(text)


@click.command("waste", short_help="List other remedies than __slots__.")
@click.argument("source")
@click.option(
    "--min-bytes",
    type=_parse_least,
    metavar="SIZE",
    help="Leave out what saves less, such as 1M; 0 shows all. Default: 64K, or 0.1% of the heap if that is more.",
)
@list_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    source: str,
    min_bytes: int | None,
    choice: RowChoice,
    out: OutputChoice,
    capture: CaptureChoice,
) -> None:
    """List what would save memory in SOURCE, a pid or a snapshot file, other than __slots__; largest saving first.

    Rows of different patterns may speak of the same bytes: do not add them up.
    """
    snapshot = open_checked(source, capture, out, talk)
    rows, notes = waste_rows(snapshot, least_bytes=min_bytes, talk=talk)
    write_chosen(
        *(rows, COLUMNS),
        noun="rows",
        choice=choice,
        out=out,
        talk=talk,
        as_table=lambda chosen: text_of(chosen, out, talk),
    )
    for note in notes:
        talk.say(note)


def waste_rows(
    snapshot: Snapshot, *, least_bytes: int | None = None, talk: Talk | None = None
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return all rows, largest saving first, and what a person must know about them. ``talk`` gets the progress."""
    with asking(snapshot, talk or Talk(quiet=True)) as heap:
        report = heap.waste(least_bytes)
        rows = [row_of(heap, row) for row in report.rows]
    left_out = f"what saves less than {show_bytes(report.least_bytes)} is left out; --min-bytes 0 shows all"
    return rows, (*report.not_recorded, *([left_out] if report.least_bytes else []))


def row_of(heap: HeapQueries, row: WasteRow) -> dict[str, Any]:
    """Return one row; its keys are a contract (docs/cli.md)."""
    from heapscope.analysis.waste.owners import owner_text  # noqa: PLC0415 - numpy, 100 ms

    return {
        "subject": clean_text(row.subject, MAX_NAME),
        "pattern": row.pattern.value,
        "type": clean_text(row.type_name, MAX_NAME),
        "count": int(row.count),
        "bytes_now": int(row.bytes_now),
        "saves_bytes": int(row.saves_bytes),
        "precision": row.precision.value,
        "share": round(float(row.share), 6),
        "owner": clean_text(owner_text(row.owner), 2 * MAX_NAME),
        "owner_share": round(float(row.owner.share), 6) if row.owner is not None else None,
        "fix": clean_text(row.fix, _MAX_FIX),
        "names": [clean_text(name, MAX_NAME) for name in row.names],
        "details": [clean_text(text, MAX_NAME) for text in row.details],
        "example": address_text(heap.address_of(row.example)),
    }


def text_of(rows: Sequence[Mapping[str, Any]], out: OutputChoice, talk: Talk) -> str:
    """Write the table, and below it what to do about the first rows."""
    shown = [for_people(row) for row in rows]
    parts = [format_table(shown, COLUMNS, out.options, talk)]
    parts += ["\n" + _explain(row) for row in shown[:EXPLAINED_ROWS]]
    return "".join(parts)


def _explain(row: Mapping[str, Any]) -> str:
    saves = f"saves {row['saves_bytes']} of {show_bytes(row['bytes_now'])} in {show_count(row['count'])}"
    share = f" ({row['owner_share']:.0%} of them)" if row["owner_share"] is not None else ""
    facts = [("held by", row["owner"] + share), ("fix", row["fix"]), *(("", detail) for detail in row["details"])]
    lines = [f"{row['subject']}: {saves}, {row['pattern']}"]
    for name, text in facts:
        wrapped = textwrap.wrap(text, WIDTH - 10, break_long_words=True) or [""]
        lines += [f"  {name if at == 0 else '':<8}{line}" for at, line in enumerate(wrapped)]
    return "\n".join(lines) + "\n"


def for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    """Mark a figure that is none to rely on to the byte."""
    return {**row, "saves_bytes": _SIGNS[row["precision"]] + show_bytes(row["saves_bytes"])}


COLUMNS = (
    Column("subject", "WHAT", min_width=30),
    Column("count", "COUNT", show_count, is_number=True, rank=2),
    Column("bytes_now", "NOW", show_bytes, is_number=True, rank=3),
    Column("saves_bytes", "SAVES", str, is_number=True),
    Column("share", "SHARE", show_share, is_number=True, rank=4),
    Column("owner", "HELD BY", min_width=30, rank=1),
)

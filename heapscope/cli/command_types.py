"""``heapscope types``: how many objects of each type there are, and what they cost.

Never computes anything itself: service and analysis do. A file is not loaded where its table of types is enough.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.analysing import MAX_NAME, asking, show_bytes, show_count, show_share, show_type
from heapscope.cli.capturing import count_with_progress
from heapscope.cli.fail_if import Condition, fail_if_option, judge
from heapscope.cli.fail_if_facts import TYPES, facts_of_types
from heapscope.cli.listing import list_source, write_chosen
from heapscope.cli.options import CaptureChoice, OutputChoice, RowChoice, list_options
from heapscope.cli.table import Column
from heapscope.cli.talk import Talk
from heapscope.units import clean_text

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.service.type_table import TypeFigures
    from heapscope.snapshot.model import Snapshot


@click.command("types", short_help="List types by count and size.")
@click.argument("source")
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Compute recursive sizes.")
@click.option("--retained/--no-retained", default=True, show_default=True, help="Compute retained sizes.")
@click.option("--quick", is_flag=True, help="Neither of them; a file is not even loaded, and a process only counted.")
@fail_if_option(TYPES)
@list_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    source: str,
    recursive: bool,
    retained: bool,
    quick: bool,
    checks: tuple[Condition, ...],
    choice: RowChoice,
    out: OutputChoice,
    capture: CaptureChoice,
) -> int:
    """List the types of SOURCE, a pid or a snapshot file, largest first."""
    recursive, retained = recursive and not quick, retained and not quick
    columns = COLUMNS if out.format_ == "csv" else columns_for(recursive=recursive, retained=retained)
    if not recursive and not retained and not _is_of_daemon(source):
        rows: Sequence[Mapping[str, Any]] = _list_quickly(source, columns, capture, choice=choice, out=out, talk=talk)
        return judge(checks, facts_of_types(rows), talk)
    rows = list_source(
        source,
        lambda snapshot: type_rows(snapshot, recursive=recursive, retained=retained, talk=talk),
        columns,
        noun="types",
        capture=capture,
        choice=choice,
        out=out,
        talk=talk,
        show_row=for_people,
    )
    return judge(checks, facts_of_types(rows), talk)


def _is_of_daemon(source: str) -> bool:
    from heapscope.service.daemon_source import is_daemon_source  # noqa: PLC0415 - only when the command runs

    return is_daemon_source(source) and not os.path.exists(source)


def _list_quickly(
    source: str,
    columns: tuple[Column, ...],
    capture: CaptureChoice,
    *,
    choice: RowChoice,
    out: OutputChoice,
    talk: Talk,
) -> Sequence[Mapping[str, Any]]:
    """List the types of a file from its table of types, those of a process from a census."""
    from heapscope.service.sources import find_pid  # noqa: PLC0415 - only when the command runs
    from heapscope.service.type_table import figures_of_census, type_table_of_file  # noqa: PLC0415 - numpy, 100 ms

    out.check()
    pid = find_pid(source)
    figures = figures_of_census(count_with_progress(pid, capture, talk)) if pid else type_table_of_file(source)
    rows = [row_of(row) for row in figures]
    write_chosen(rows, columns, noun="types", choice=choice, out=out, talk=talk)
    return rows


def type_rows(
    snapshot: Snapshot, *, recursive: bool, retained: bool = False, talk: Talk | None = None
) -> list[dict[str, Any]]:
    """Return the rows of all types, largest shallow size first. ``talk`` gets the progress."""
    with asking(snapshot, talk or Talk(quiet=True)) as heap:
        return [row_of(row) for row in heap.types(recursive=recursive, retained=retained)]


def row_of(row: TypeFigures) -> dict[str, Any]:
    """Return one row; its keys are a contract (docs/cli.md)."""
    return {
        "type": clean_text(row.type_name, MAX_NAME),
        "count": int(row.count),
        "shallow_bytes": int(row.shallow_bytes),
        "recursive_bytes": _int(row.recursive_bytes),
        "retained_bytes": _int(row.retained_bytes),
        "retained_is_minimum": bool(row.retained_is_minimum),
        "allocated_bytes": int(row.allocated_bytes),
        "share": round(float(row.share), 6),
        "type_count": int(row.type_count),
    }


def _int(value: int | None) -> int | None:
    return None if value is None else int(value)


def for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    """Mark a lower bound as one."""
    retained = show_bytes(row["retained_bytes"])
    return {**row, "retained_bytes": f">={retained}" if row["retained_is_minimum"] else retained}


def columns_for(*, recursive: bool, retained: bool) -> tuple[Column, ...]:
    """Give the columns of the table: what was not computed is left out."""
    absent = {"recursive_bytes"} if not recursive else set()
    absent |= {"retained_bytes"} if not retained else set()
    return tuple(column for column in COLUMNS if column.key not in absent)


COLUMNS = (
    Column("type", "TYPE", show_type, min_width=26, keep_end=True),
    Column("count", "COUNT", show_count, is_number=True),
    Column("shallow_bytes", "SHALLOW", show_bytes, is_number=True),
    Column("share", "SHARE", show_share, is_number=True, rank=3),
    Column("recursive_bytes", "RECURSIVE", show_bytes, is_number=True, rank=2),
    Column("retained_bytes", "RETAINED", str, is_number=True, rank=1),
)

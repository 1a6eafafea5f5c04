"""``heapscope paths``: why the objects of a type, or one object, are alive: the ways that lead there from the roots.

Never computes anything itself: analysis does, and path_rows.py makes the rows. Weak references are no part of a way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.analysing import asking, parse_address, show_bytes, show_count, show_share, show_type
from heapscope.cli.capturing import open_checked
from heapscope.cli.fail_if import Condition, Facts, fail_if_option, judge
from heapscope.cli.fail_if_facts import PATHS
from heapscope.cli.listing import chosen_of
from heapscope.cli.options import CaptureChoice, OutputChoice, RowChoice, list_options
from heapscope.cli.output import format_table, write_rows, write_text
from heapscope.cli.table import Column
from heapscope.cli.talk import Talk
from heapscope.errors import UsageError
from heapscope.units import format_count

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.cli.path_rows import Found


@click.command("paths", short_help="Show the ways from the roots to objects.")
@click.argument("source")
@click.option("--type", "type_name", metavar="NAME", help="The ways to all instances of a type, merged.")
@click.option("--address", metavar="ADDRESS", help="The shortest ways to one object.")
@click.option("-k", "--ways", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many ways to find.")
@click.option(
    "--exclude",
    multiple=True,
    metavar="WHAT",
    help="No way may lead through this type, this address, or this reference, as HOLDER:HELD; may be given again.",
)
@click.option(
    "--to",
    "picture",
    type=click.Choice(["dot", "svg", "mermaid"]),
    help="Draw the ways: for Graphviz, as an SVG file, for Markdown.",
)
@fail_if_option(PATHS)
@list_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    source: str,
    type_name: str | None,
    address: str | None,
    ways: int,
    exclude: tuple[str, ...],
    picture: str | None,
    checks: tuple[Condition, ...],
    choice: RowChoice,
    out: OutputChoice,
    capture: CaptureChoice,
) -> int:
    """Show why objects of SOURCE, a pid or a snapshot file, are alive: the shortest ways to them from the roots."""
    if (type_name is None) == (address is None):
        raise UsageError("name a type or an object", hint="--type NAME, or --address 0x...")
    if picture is not None and out.format_ != "table":
        raise UsageError(f"--to {picture} and --format {out.format_} exclude each other", hint=f"--to {picture}")
    wanted = None if address is None else parse_address(address)
    snapshot = open_checked(source, capture, out, talk)
    with asking(snapshot, talk) as heap:
        from heapscope.cli.path_rows import rows_of_object, rows_of_type  # noqa: PLC0415 - numpy, 100 ms

        if wanted is not None:
            found = rows_of_object(heap, wanted, ways, exclude)
        else:
            found = rows_of_type(heap, type_name or "", ways, exclude)
    _write(found, choice, out, talk, picture)
    figures = {
        "paths.count": len(found.rows),
        "objects.count": found.count,
        "unreached.count": found.unreached,
        "garbage.count": found.garbage,
    }
    return judge(checks, Facts(figures), talk)


def _write(found: Found, choice: RowChoice, out: OutputChoice, talk: Talk, picture: str | None) -> None:
    chosen = chosen_of(found.rows, choice, out, text_key="path")
    if picture is not None:
        from heapscope.cli.path_pictures import picture_of  # noqa: PLC0415 - only pictures need it

        write_text(picture_of(chosen, found.type_name, found.count, picture), out.options)
    elif out.format_ == "table":
        write_text(_text(chosen, out, talk), out.options)
    else:
        rows = chosen if out.format_ == "json" else [_flat(row) for row in chosen]
        write_rows(rows, COLUMNS, out.options, talk)
    for count, reason in (
        (found.garbage, "are garbage that awaits collection"),
        (max(0, found.unreached - found.garbage), "are reached only through what is excluded"),
    ):
        if count:
            talk.say(f"{format_count(count)} of {format_count(found.count)} objects {reason}")
    if found.other_count:
        talk.say(
            f"{format_count(found.other_count)} objects have other ways; -k {2 * max(1, len(found.rows))} shows more"
        )


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """CSV has one line per way: the steps are written out in ``path``, the addresses beside it."""
    addresses = [step["address"] for step in row["steps"]]
    root = row["root"]
    kept = {key: value for key, value in row.items() if key not in ("steps", "root")}
    return {**kept, "root_kind": root["kind"], "root_label": root["label"], "addresses": addresses}


def _text(rows: Sequence[Mapping[str, Any]], out: OutputChoice, talk: Talk) -> str:
    """Write the ways, and below them every step of the first one."""
    text = format_table(rows, COLUMNS, out.options, talk)
    if not rows:
        return text
    steps = [{**step, "step": number} for number, step in enumerate(rows[0]["steps"], 1)]
    return text + "\n" + format_table(steps, STEP_COLUMNS, out.options, talk)


def show_name(value: object) -> str:
    """Write the name of a reference, or a dash."""
    return str(value) if value else "-"


COLUMNS = (
    Column("share", "SHARE", show_share, is_number=True),
    Column("count", "COUNT", show_count, is_number=True),
    Column("path", "PATH", min_width=40),
)
STEP_COLUMNS = (
    Column("step", "STEP", is_number=True),
    Column("name", "NAME", show_name, min_width=8),
    Column("type", "TYPE", show_type, min_width=26, keep_end=True),
    Column("address", "ADDRESS"),
    Column("shallow_bytes", "SHALLOW", show_bytes, is_number=True, rank=2),
    Column("is_shared", "ALL", lambda value: "yes" if value else "one of several", rank=1),
)

"""``heapscope dominators``: who holds the memory, as a tree of objects that hold others alone.

Never computes anything itself: analysis does, and dominator_rows.py makes the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.analysing import asking, parse_address, show_bytes, show_count, show_optional, show_share
from heapscope.cli.capturing import open_checked
from heapscope.cli.fail_if import Condition, Facts, fail_if_option, judge
from heapscope.cli.fail_if_facts import DOMINATORS, facts_of_dominators
from heapscope.cli.listing import write_chosen
from heapscope.cli.options import CaptureChoice, OutputChoice, RowChoice, list_options
from heapscope.cli.table import Column
from heapscope.cli.talk import Talk
from heapscope.errors import UsageError
from heapscope.units import format_count

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.cli.dominator_rows import Found
    from heapscope.service.queries import HeapQueries


@click.command("dominators", short_help="Show who holds the memory.")
@click.argument("source")
@click.option(
    "--by",
    type=click.Choice(["type", "object"]),
    default="type",
    show_default=True,
    help="Show objects of one type below the same holder as one row, or each for itself.",
)
@click.option(
    "--depth", type=click.IntRange(1, 1000), default=3, show_default=True, metavar="N", help="How many levels to show."
)
@click.option("--under", metavar="ADDRESS", help="Start below this object instead of at the roots.")
@click.option("--modules", is_flag=True, help="What each module retains, with its namespace, instead of the tree.")
@click.option("--threads", is_flag=True, help="What the frames of each thread retain, instead of the tree.")
@click.option("--tasks", is_flag=True, help="What each task of asyncio retains, instead of the tree.")
@fail_if_option(DOMINATORS)
@list_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    source: str,
    by: str,
    depth: int,
    under: str | None,
    modules: bool,
    threads: bool,
    tasks: bool,
    checks: tuple[Condition, ...],
    choice: RowChoice,
    out: OutputChoice,
    capture: CaptureChoice,
) -> int:
    """Show who holds the memory of SOURCE, a pid or a snapshot file.

    Freeing an object frees all that stands below it. Every level is sorted by retained size, largest first.
    """
    address = None if under is None else parse_address(under)
    if modules + threads + tasks + (address is not None) > 1:
        raise UsageError("only one of --under, --modules, --threads and --tasks makes sense")
    owners = "modules" if modules else "threads" if threads else "tasks" if tasks else ""
    snapshot = open_checked(source, capture, out, talk)
    with asking(snapshot, talk) as heap:
        found = _find(heap, address, by=by, depth=depth, owners=owners, limit=_limit(choice, out))
        audit = heap.roots.audit
        facts = facts_of_dominators(heap, found.rows) if checks else Facts({})
    talk.detail(
        f"held by C code: {format_count(int(audit.held.size))} objects, fewer counts than references: "
        f"{format_count(int(audit.negative.size))}, immortal: {format_count(int(audit.immortal.size))}"
    )
    is_tree = not choice.expression and not choice.sort  # else parents may be missing, or stand elsewhere
    show = indented if is_tree else None
    write_chosen(found.rows, COLUMNS, noun="rows", choice=choice, out=out, talk=talk, show_row=show)
    if found.left_out:
        talk.say(f"the {len(found.rows)} rows that retain most; -n 0 shows all")
    return judge(checks, facts, talk)


def _limit(choice: RowChoice, out: OutputChoice) -> int:
    """A filter, or another order, needs all rows to choose from."""
    return 0 if choice.expression or choice.sort else choice.maximum(out.format_)


def _find(heap: HeapQueries, address: int | None, *, by: str, depth: int, owners: str, limit: int) -> Found:
    from heapscope.cli.dominator_rows import owner_rows, task_rows, tree_rows  # noqa: PLC0415 - numpy, 100 ms

    if owners == "tasks":
        return task_rows(heap)
    if owners:
        return owner_rows(heap, heap.tree.modules() if owners == "modules" else heap.tree.threads())
    top = None if address is None else heap.index_of(address)
    return tree_rows(heap, top, merge=by == "type", depth=depth, limit=limit)


def indented(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of any values
    """Draw the tree."""
    return {**row, "label": "  " * (row["depth"] - 1) + row["label"]}


COLUMNS = (
    Column("label", "DOMINATOR TREE", min_width=34),
    Column("count", "COUNT", show_count, is_number=True, rank=2),
    Column("shallow_bytes", "SHALLOW", show_bytes, is_number=True, rank=3),
    Column("retained_bytes", "RETAINED", show_bytes, is_number=True),
    Column("share", "SHARE", show_share, is_number=True, rank=1),
    Column("address", "ADDRESS", show_optional, rank=4),
)

"""``heapscope slots``: the classes that ``__slots__`` would make smaller, and what stands in the way of each.

Never judges a class itself: analysis does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.analysing import show_bytes, show_count
from heapscope.cli.fail_if import Condition, fail_if_option, judge
from heapscope.cli.fail_if_facts import SLOTS, facts_of_slots
from heapscope.cli.listing import list_source
from heapscope.cli.options import CaptureChoice, OutputChoice, RowChoice, list_options
from heapscope.cli.table import Column
from heapscope.cli.talk import Talk
from heapscope.errors import ExitCode

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.snapshot.model import Snapshot


@click.command("slots", short_help="List classes that __slots__ would make smaller.")
@click.argument("source")
@click.option(
    "--min-instances", type=click.IntRange(min=0), default=1, show_default=True, help="Leave out rarer classes."
)
@click.option("--patch", is_flag=True, help="Write a unified diff of the change instead of the list.")
@click.option("--type", "type_names", multiple=True, metavar="NAME", help="With --patch: only this class; repeatable.")
@click.option("--old-pickles", is_flag=True, help="With --patch: have pickles written before the change load after it.")
@click.option("--verify", "verified", metavar="TYPE", help="Build that class and its slotted twin, and measure both.")
@click.option(
    "--verify-python",
    type=click.Path(),
    default="",
    metavar="PATH",
    help="Measure in that interpreter; else one is found.",
)
@fail_if_option(SLOTS)
@list_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    source: str,
    min_instances: int,
    patch: bool,
    type_names: tuple[str, ...],
    old_pickles: bool,
    verified: str | None,
    verify_python: str,
    checks: tuple[Condition, ...],
    choice: RowChoice,
    out: OutputChoice,
    capture: CaptureChoice,
) -> int:
    """List the classes of SOURCE, a pid or a snapshot file, that would save memory with __slots__."""
    if checks and (patch or verified is not None):
        raise click.UsageError("--fail-if is about the list: it goes with neither --patch nor --verify")
    if patch:
        from heapscope.cli.slots_patch import PatchChoice, write_patch  # noqa: PLC0415 - only for patches

        write_patch(source, PatchChoice(type_names, old_pickles, min_instances), capture=capture, out=out, talk=talk)
        return ExitCode.OK
    if type_names or old_pickles:
        raise click.UsageError("--type and --old-pickles belong to --patch")
    if verified is not None:
        from heapscope.cli.slots_verify import verify_source  # noqa: PLC0415 - only for this option

        verify_source(source, verified, verify_python, capture=capture, out=out, talk=talk)
        return ExitCode.OK
    rows = list_source(
        source,
        lambda snapshot: slots_rows(snapshot, min_instances=min_instances),
        COLUMNS,
        noun="classes",
        capture=capture,
        choice=choice,
        out=out,
        talk=talk,
    )
    return judge(checks, facts_of_slots(rows), talk)


def slots_rows(snapshot: Snapshot, *, min_instances: int) -> list[dict[str, Any]]:
    """Return the rows of all classes, largest saving first."""
    from heapscope.cli.slots_rows import row_of  # noqa: PLC0415 - numpy, 100 ms
    from heapscope.service.slots import advise  # noqa: PLC0415 - as above

    return [row_of(row) for row in advise(snapshot, min_instances=min_instances)]


def _join(value: object) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, list) else ""


COLUMNS = (
    Column("type", "CLASS", min_width=22, keep_end=True),
    Column("instances", "COUNT", show_count, is_number=True),
    Column("bytes_now", "NOW", show_bytes, is_number=True, rank=1),
    Column("bytes_slots", "SLOTS", show_bytes, is_number=True, rank=2),
    Column("saves_bytes", "SAVES", show_bytes, is_number=True),
    Column("verdict", "VERDICT"),
    Column("blockers", "BLOCKERS", _join, min_width=31),
)

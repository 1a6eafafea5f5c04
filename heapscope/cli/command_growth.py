"""``heapscope growth``: what grew between snapshots, by what holds it and by type; of files, or of a process that is watched.

Never computes anything itself: analysis does, and service keeps the series.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.capturing import cancel_on_signals, capture_options_of, open_with_progress
from heapscope.cli.fail_if import Condition, Facts, fail_if_option, judge
from heapscope.cli.fail_if_facts import GROWTH, facts_of_growth
from heapscope.cli.growth_rows import (
    HOLDER_COLUMNS,
    TYPE_COLUMNS,
    holder_for_people,
    holder_row,
    snapshot_row,
    type_for_people,
    type_row,
)
from heapscope.cli.listing import chosen_of, write_chosen
from heapscope.cli.options import (
    CaptureChoice,
    OutputChoice,
    RowChoice,
    list_options,
    parse_duration,
)
from heapscope.cli.output import check_output_path, format_table, write_object, write_text
from heapscope.cli.table import Column
from heapscope.cli.talk import ProgressLine, Talk
from heapscope.errors import HeapscopeError, SnapshotFileError, UsageError
from heapscope.units import clean_text

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.service.capture import CaptureOptions
    from heapscope.service.series import Plan, Series
    from heapscope.snapshot.model import Snapshot

Row = Mapping[str, Any]

SCHEMA_VERSION = 1
HOLDERS, TYPES = "holder", "type"
DEFAULT_EVERY_S = 60.0


@click.command("growth", short_help="Show what grew between snapshots: who holds it, and its types.")
@click.argument("sources", nargs=-1, required=True, metavar="OLD NEW [MORE...] | TARGET")
@click.option(
    "--for",
    "for_s",
    type=parse_duration,
    metavar="TIME",
    help="Watch the process TARGET for this long, such as 10m; Ctrl-C ends early, with what there is.",
)
@click.option("--every", "every_s", type=parse_duration, metavar="TIME", help="Capture it this often. Default: 1m.")
@click.option("--keep", type=click.Path(), metavar="DIR", help="Write each of these snapshots into a file in DIR.")
@click.option("--by", type=click.Choice([HOLDERS, TYPES]), help="Only who holds it, or only its types. Default: both.")
@fail_if_option(GROWTH)
@list_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    sources: tuple[str, ...],
    for_s: float | None,
    every_s: float | None,
    keep: str | None,
    by: str | None,
    checks: tuple[Condition, ...],
    choice: RowChoice,
    out: OutputChoice,
    capture: CaptureChoice,
) -> int:
    """Compare two or more snapshot files or pids, oldest first; or, with --for, watch one process. What grows steadily comes first.

    HOLDER is the named way from a module to what piles up; GROWTH is what it holds more, each object counted for one holder.
    GREW says at how many steps between snapshots it did. EACH is what an instance of a type costs with all it keeps its attributes
    in, before and after: there a class that got __slots__ shows what it saves.
    """
    from heapscope.service.series import Series  # noqa: PLC0415 - only when the command runs

    if out.format_ == "csv" and by is None:
        by = HOLDERS  # two lists are no table
    plan = _plan_of(sources, for_s, every_s, keep)
    out.check()
    series = Series(with_holders=by != TYPES, with_types=by != HOLDERS)
    options = capture_options_of(capture)
    ended = None
    if plan is None:
        for source in sources:
            add_to_series(series, open_with_progress(source, options, talk), talk)
        _warn_of_order(series, talk)
    else:
        ended = _watch(sources[0], plan, series, options, keep, talk)
        if series.size < 2:
            raise ended or HeapscopeError("there is only one snapshot: nothing to compare", hint="a longer --for")
    facts = _write(series, by, choice, out, talk)
    if ended is None:
        return judge(checks, facts, talk)
    talk.error(ended.message, ended.hint)
    return ended.exit_code


def _plan_of(sources: Sequence[str], for_s: float | None, every_s: float | None, keep: str | None) -> Plan | None:
    from heapscope.service.series import Plan  # noqa: PLC0415 - only when the command runs

    if for_s is None:
        if every_s is not None or keep is not None:
            raise UsageError("--every and --keep go with --for", hint="heapscope growth PID --for 10m")
        if len(sources) < 2:
            raise UsageError("growth needs two snapshots, or a time", hint=f"heapscope growth {sources[0]} --for 10m")
        return None
    if len(sources) != 1:
        raise UsageError("--for watches one process", hint="heapscope growth PID --for 10m")
    return Plan(for_s, min(DEFAULT_EVERY_S, for_s) if every_s is None else every_s)


def add_to_series(series: Series, snapshot: Snapshot, talk: Talk) -> None:
    """Sum a snapshot up, with progress; a signal cancels."""
    from heapscope.oversight import Oversight  # noqa: PLC0415 - only when the command runs
    from heapscope.service.capture import CaptureProgress  # noqa: PLC0415 - as above

    with cancel_on_signals() as cancel, ProgressLine(talk) as progress:

        def report(share: float) -> None:
            progress.report(CaptureProgress("analyse", message=f"snapshot {series.size + 1}, {share:.0%}"))

        series.add(snapshot, Oversight(cancel.is_set, report))


def _warn_of_order(series: Series, talk: Talk) -> None:
    times = [meta.captured_at for meta in series.metas]
    if times != sorted(times):
        talk.warn("the snapshots are not in the order of their times")


def _watch(
    source: str, plan: Plan, series: Series, options: CaptureOptions, keep: str | None, talk: Talk
) -> HeapscopeError | None:
    """Capture until the time is over; give the reason if it ended before."""
    from heapscope.service.series import watch  # noqa: PLC0415 - only when the command runs
    from heapscope.service.sources import parse_pid  # noqa: PLC0415 - as above

    pid = parse_pid(source)
    keeper = _keeper(keep, pid)
    with cancel_on_signals() as cancel, ProgressLine(talk) as progress:
        ended = watch(pid, plan, series, options, keep=keeper, report=progress.report, cancel=cancel)
    for reason in dict.fromkeys(ended.skipped):
        talk.warn(f"{ended.skipped.count(reason)} of the captures failed: {reason}")
    if ended.error is None and series.size + len(ended.skipped) <= plan.last:
        talk.say(f"{series.size} of {plan.last + 1} snapshots: a capture took longer than --every")
    for warning in dict.fromkeys(warning for meta in series.metas for warning in meta.warnings):
        talk.warn(warning)
    return ended.error


def _keeper(folder: str | None, pid: int) -> Callable[[Snapshot], None]:
    if folder is None:
        return lambda _: None
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise SnapshotFileError(f"cannot write into {clean_text(folder)}: {error.strerror}") from error
    check_output_path(os.path.join(folder, _kept_name(pid, 0.0)), force=True)

    def save(snapshot: Snapshot) -> None:
        from heapscope.snapshot.file import save_snapshot  # noqa: PLC0415 - numpy, 100 ms

        save_snapshot(snapshot, os.path.join(folder, _kept_name(pid, snapshot.meta.captured_at)))

    return save


def _kept_name(pid: int, seconds: float) -> str:
    """Names in the order of time, for ``growth DIR/*``."""
    import time  # noqa: PLC0415 - only for names

    moment = time.strftime("%Y%m%d-%H%M%S", time.localtime(seconds))
    return f"{pid}-{moment}.{int(seconds * 1000) % 1000:03}.heapscope"


def _write(series: Series, by: str | None, choice: RowChoice, out: OutputChoice, talk: Talk) -> Facts:
    holders = [holder_row(row) for row in series.holders()]
    types = [type_row(row) for row in series.types()]
    if by == HOLDERS:
        write_chosen(
            holders, HOLDER_COLUMNS, noun="holders", choice=choice, out=out, talk=talk, show_row=holder_for_people
        )
    elif by == TYPES:
        write_chosen(types, TYPE_COLUMNS, noun="types", choice=choice, out=out, talk=talk, show_row=type_for_people)
    else:
        _write_both(series, holders, types, choice, out, talk)
    return facts_of_growth(holders, types)


def _write_both(
    series: Series, holders: Sequence[Row], types: Sequence[Row], choice: RowChoice, out: OutputChoice, talk: Talk
) -> None:
    chosen_holders, chosen_types = (
        chosen_of(rows, choice, out, text_key=key) for rows, key in ((holders, "holder"), (types, "type"))
    )
    if out.format_ == "json":
        value = {
            "schema_version": SCHEMA_VERSION,
            "snapshots": [snapshot_row(meta) for meta in series.metas],
            "seconds": round(series.seconds, 3),
            "holder_count": len(holders),
            "type_count": len(types),
            "truncated": len(chosen_holders) < len(holders) or len(chosen_types) < len(types),
            "holders": chosen_holders,
            "types": chosen_types,
        }
        write_object(value, "", out.options)
        return
    parts = [
        _table(chosen_holders, HOLDER_COLUMNS, holder_for_people, out, talk),
        _table(chosen_types, TYPE_COLUMNS, type_for_people, out, talk),
    ]
    write_text("\n".join(parts), out.options)
    for chosen, rows, noun in ((chosen_holders, holders, "holders"), (chosen_types, types, "types")):
        if len(chosen) < len(rows):
            talk.say(f"{len(chosen)} of {len(rows)} {noun}; -n 0 shows all")


def _table(
    rows: Sequence[Row], columns: tuple[Column, ...], show: Callable[[Row], Row], out: OutputChoice, talk: Talk
) -> str:
    return format_table([show(row) for row in rows], columns, out.options, talk)

"""``heapscope report``: one verdict, where the memory is, and who may be holding too much of it, with evidence.

Never computes anything itself: service/report.py does, and report_text.py writes.
"""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from heapscope.cli.capturing import cancel_on_signals, capture_options_of, open_with_progress
from heapscope.cli.fail_if import Condition, Facts, Vocabulary, fail_if_option, judge
from heapscope.cli.options import (
    CaptureChoice,
    OutputChoice,
    capture_options,
    file_options,
    format_option,
    parse_duration,
    written_by,
)
from heapscope.cli.output import write_text
from heapscope.cli.talk import ProgressLine, Talk
from heapscope.cli.talk import talk as talk_of_run
from heapscope.errors import HeapscopeError, UsageError

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.analysis.suspects.model import Report
    from heapscope.oversight import Oversight
    from heapscope.service.capture import CaptureOptions
    from heapscope.service.queries import HeapQueries
    from heapscope.service.report import ReportSeries
    from heapscope.service.series import Plan
    from heapscope.snapshot.model import Snapshot

DEFAULT_EVERY_S = 60.0
CONFIDENCES = ("low", "medium", "high")
VOCABULARY = Vocabulary(
    names=frozenset(
        {
            *("heap.bytes", "heap.count", "garbage.bytes", "garbage.count", "garbage.share", "rss.bytes"),
            *("growth.bytes", "growth.count", "verdict.alarm"),
            *("suspects.count", *(f"suspects.{one}" for one in CONFIDENCES)),
            *("suspect.retained_bytes", "suspect.share", "suspect.growth_bytes"),
        }
    )
)


def _as_text(report: Report, _heap: HeapQueries) -> str:
    from heapscope.cli.report_text import report_text  # noqa: PLC0415 - only for this format

    return report_text(report)


def _as_markdown(report: Report, _heap: HeapQueries) -> str:
    from heapscope.cli.report_text import report_markdown  # noqa: PLC0415 - only for this format

    return report_markdown(report)


def _as_json(report: Report, heap: HeapQueries) -> str:
    from heapscope.service.report_json import report_object  # noqa: PLC0415 - only for this format

    return json.dumps(report_object(report, heap.snapshot), indent=1) + "\n"


def _as_html(report: Report, heap: HeapQueries) -> str:
    from heapscope.service.report_page import report_page  # noqa: PLC0415 - only for this format

    with _watched(talk_of_run(), "page") as oversight:
        heap.oversight = oversight
        return report_page(report, heap.snapshot, heap=heap)


# format: how it is written. Each is given the report and the heap that it is about.
WRITERS: Mapping[str, Callable[[Report, HeapQueries], str]] = {
    "text": _as_text,
    "md": _as_markdown,
    "json": _as_json,
    "html": _as_html,
}


@click.command("report", short_help="Say in one sentence what holds the memory, and who may hold too much of it.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE [MORE...]")
@click.option("--baseline", metavar="SOURCE", help="An older snapshot of the same process, to tell what grew.")
@click.option(
    "--for", "for_s", type=parse_duration, metavar="TIME", help="Watch the process for this long, such as 10m."
)
@click.option("--every", "every_s", type=parse_duration, metavar="TIME", help="Capture it this often. Default: 1m.")
@written_by(
    format_option(
        tuple(WRITERS),
        "Text for a terminal, Markdown for a ticket, JSON for a program, HTML as one page for a browser.",
    ),
    *file_options(),
)
@fail_if_option(VOCABULARY)
@capture_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    sources: tuple[str, ...],
    baseline: str | None,
    for_s: float | None,
    every_s: float | None,
    out: OutputChoice,
    checks: tuple[Condition, ...],
    capture: CaptureChoice,
) -> int:
    """Report on SOURCE, a pid or a snapshot file: a verdict, the memory split, and suspects with evidence and a next step.

    Several files of one process, or --for, also tell what grew: from three snapshots on with some confidence, from five with
    more. The newest one is reported on.
    """
    from heapscope.service.report import ReportSeries  # noqa: PLC0415 - numpy, 100 ms

    plan = _plan_of(sources, for_s, every_s)
    out.check()
    options = capture_options_of(capture)
    series = ReportSeries()
    words = [*([baseline] if baseline is not None else []), *(sources if plan is None else ())]
    word = _add_all(series, [(one, open_with_progress(one, options, talk)) for one in words], talk)
    ended = None if plan is None else _watch(sources[0], plan, series, options, talk)
    report = _report(series, sources[0] if plan is not None else word, talk)
    write_text(WRITERS[out.format_](report, series.newest), out.options)
    code = judge(checks, facts_of(report), talk)
    if ended is None:
        return code
    talk.error(ended.message, ended.hint)
    return ended.exit_code


def _plan_of(sources: Sequence[str], for_s: float | None, every_s: float | None) -> Plan | None:
    from heapscope.service.series import Plan  # noqa: PLC0415 - only when the command runs
    from heapscope.service.sources import find_pid  # noqa: PLC0415 - as above

    if for_s is None:
        if every_s is not None:
            raise UsageError("--every goes with --for", hint=f"heapscope report {sources[0]} --for 10m")
        return None
    if len(sources) != 1 or find_pid(sources[0]) is None:
        raise UsageError("--for watches one process", hint="heapscope report PID --for 10m")
    return Plan(for_s, min(DEFAULT_EVERY_S, for_s) if every_s is None else every_s)


def _add_all(series: ReportSeries, opened: list[tuple[str, Snapshot]], talk: Talk) -> str:
    """Add snapshots by their age, and give the word for the newest; each is let go when it has been summed up."""
    opened.sort(key=lambda one: one[1].meta.captured_at)
    pids = {snapshot.meta.pid for _, snapshot in opened}
    if len(pids) > 1:
        talk.warn("these snapshots are of several processes: what differs between them counts as growth")
    word = ""
    while opened:
        word, snapshot = opened.pop(0)
        with _watched(talk, f"snapshot {series.size + 1}") as oversight:
            series.add(snapshot, oversight)
    return word


def _watch(source: str, plan: Plan, series: ReportSeries, options: CaptureOptions, talk: Talk) -> HeapscopeError | None:
    from heapscope.service.series import watch  # noqa: PLC0415 - only when the command runs
    from heapscope.service.sources import parse_pid  # noqa: PLC0415 - as above

    with cancel_on_signals() as cancel, ProgressLine(talk) as progress:
        ended = watch(parse_pid(source), plan, series, options, report=progress.report, cancel=cancel)
    for message in ended.skipped:
        talk.warn(f"a capture was left out: {message}")
    return ended.error


def _report(series: ReportSeries, word: str, talk: Talk) -> Report:
    with _watched(talk, "suspects") as oversight:
        return series.report(shlex.quote(word), oversight)


@contextlib.contextmanager
def _watched(talk: Talk, what: str) -> Iterator[Oversight]:
    from heapscope.oversight import Oversight  # noqa: PLC0415 - only when the command runs
    from heapscope.service.capture import CaptureProgress  # noqa: PLC0415 - as above

    with cancel_on_signals() as cancel, ProgressLine(talk) as progress:

        def report(share: float) -> None:
            progress.report(CaptureProgress("analyse", message=f"{what}, {share:.0%}"))

        yield Oversight(cancel.is_set, report)


def facts_of(report: Report) -> Facts:
    """Give what --fail-if compares."""
    figures, suspects = report.figures, report.suspects
    first = suspects[0] if suspects else None
    counts = {f"suspects.{one}": sum(1 for each in suspects if each.confidence.label == one) for one in CONFIDENCES}
    return Facts(
        {
            "heap.bytes": figures.heap_bytes,
            "heap.count": figures.object_count,
            "garbage.bytes": figures.garbage_bytes,
            "garbage.count": figures.garbage_count,
            "garbage.share": figures.garbage_bytes / max(1, figures.heap_bytes),
            "rss.bytes": report.memory.rss_bytes if report.memory is not None else figures.rss_bytes,
            "growth.bytes": figures.growth_bytes,
            "growth.count": figures.growth_count,
            "verdict.alarm": int(report.verdict.kind.is_alarm),
            "suspects.count": len(suspects),
            **counts,
            "suspect.retained_bytes": first.retained_bytes if first is not None else 0,
            "suspect.share": first.share if first is not None else 0.0,
            "suspect.growth_bytes": (first.growth_bytes or 0) if first is not None else 0,
        }
    )

"""A report in a few lines, for an incident channel. Pure; safe to show: foreign text is cleaned.

Never longer than a screen: it says what holds the memory, since when, and which command shows more.
"""

from __future__ import annotations

import datetime as dt

from heapscope.analysis.suspects.growing import minutes_text
from heapscope.analysis.suspects.model import Confidence, PathStep, Report, Suspect
from heapscope.units import clean_text, format_bytes, format_count, format_delta, short_type_name

MAX_LINE = 300
MAX_STEP = 80
MAX_SUSPECTS = 3


def incident_summary(report: Report, limit: int = MAX_SUSPECTS) -> str:
    """Write verdict, figures and the first suspects as plain lines."""
    lines = [f"{verdict_label(report)} (confidence {report.verdict.confidence.label}): {report.verdict.headline}"]
    lines.append(figures_line(report))
    shown = report.suspects if report.verdict.kind.is_alarm else report.suspects[:1]
    for number, suspect in enumerate(shown[:limit], 1):
        lines.append(f"{number}. {suspect_line(suspect)}")
        lines += [f"   path: {path_text(suspect)}"] if suspect.path else []
        lines += [f"   code: {suspect.place}"] if suspect.place else []
        lines += [f"   because: {suspect.evidence[0]}"] if suspect.evidence else []
    lines += [f"next: {command}" for command in report.verdict.next[:2]]
    return "".join(clean_text(line, MAX_LINE) + "\n" for line in lines)


def verdict_label(report: Report) -> str:
    """Write the kind of a verdict in capitals, as words."""
    return report.verdict.kind.value.replace("_", " ").upper()


def figures_line(report: Report) -> str:
    """Write which process this is, how large it is, and how many snapshots there were."""
    figures = report.figures
    parts = [f"pid {figures.pid}, CPython {figures.python_version}"]
    if figures.captured_at:
        at = dt.datetime.fromtimestamp(figures.captured_at, tz=dt.UTC)
        parts.append(f"{at:%Y-%m-%d %H:%M:%S} UTC")
    parts.append(f"heap {format_bytes(figures.heap_bytes)} in {format_count(figures.object_count)} objects")
    if figures.growth_bytes is not None:
        parts.append(f"{format_delta(figures.growth_bytes)} in {minutes_text(report.interval_s)}")
    if figures.rss_bytes:
        parts.append(f"RSS {format_bytes(figures.rss_bytes)}")
    many = "1 snapshot" if report.snapshot_count == 1 else f"{report.snapshot_count} snapshots"
    return clean_text("; ".join([*parts, many]), MAX_LINE)


def suspect_line(suspect: Suspect) -> str:
    """Write who it is, how much, and how sure."""
    grew = f", {format_delta(suspect.growth_bytes)}" if suspect.growth_bytes is not None else ""
    kind = short_type_name(suspect.type_name)
    what = f" ({clean_text(kind, MAX_STEP)})" if kind and kind not in suspect.holder else ""
    size = f"{format_bytes(suspect.retained_bytes)}, {suspect.share:.0%}{grew}"
    return (
        f"{clean_text(suspect.holder, 200)}{what}: {size}; {kind_words(suspect)}, confidence {suspect.confidence.label}"
    )


def kind_words(suspect: Suspect) -> str:
    """Write the kinds of a suspect as words."""
    return ", ".join(kind.value.replace("_", " ") for kind in suspect.kinds or (suspect.kind,))


def path_text(suspect: Suspect) -> str:
    """Write the way on one line: ``module app ▸ .REGISTRY Registry ▸ .sessions dict``."""
    return " ▸ ".join(step_text(step, is_first=number == 0) for number, step in enumerate(suspect.path))


def step_text(step: PathStep, *, is_first: bool = False) -> str:
    """Write one step: its name and its type; a root is its name."""
    kind = clean_text(short_type_name(step.type_name), MAX_STEP)
    name = clean_text(step.name, MAX_STEP)
    if is_first and name:
        return name
    return f"{name} {kind}".strip()


def is_sure(suspect: Suspect) -> bool:
    """Whether a suspect is more than a large holder to know of."""
    return suspect.confidence >= Confidence.MEDIUM

"""Owns the words of a report on the screen: the verdict with its sign, who holds the memory, the suspects, the incident summary.

Pure. Never says more than the report: it cuts and orders. All texts of a report are foreign and made safe here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heapscope.tui.filters import FilterFacts
from heapscope.tui.lines import Line, line
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import Column, TableModel
from heapscope.tui.textfit import cut_end, cut_start, pad, percent, safe_text, shown_type, time_of_day, wrap
from heapscope.units import counted, format_duration_ns

if TYPE_CHECKING:
    from heapscope.analysis.suspects.model import Report, Suspect

MAX_HOLDER = 120
MAX_HEADLINE_LINES = 2


def kind_words(kind: str) -> str:
    """Write a kind of a report as words."""
    return str(kind).replace("_", " ")


def verdict_lines(report: Report, width: int) -> list[Line]:
    """Write the answer: sign, verdict, how sure; then the headline, in two lines at most."""
    verdict = report.verdict
    sign, label = ("▲" if verdict.kind.is_alarm else "·"), kind_words(verdict.kind)
    head, sure = f" {sign} {label.upper()}", _sureness(report, width)
    gap = " " * max(2, width - len(head) - len(sure) - 1)
    headline = safe_text(verdict.headline, 300)
    if headline.startswith(label):
        headline = headline[len(label) :].lstrip(" :,") or headline  # the line above says it
    lines = wrap(headline.split(" "), width - 2, "   ")
    if len(lines) > MAX_HEADLINE_LINES:
        lines[MAX_HEADLINE_LINES - 1 :] = [cut_end(" ".join(part.strip() for part in lines[1:]), width - 5)]
        lines[-1] = f"   {lines[-1]}"
    style = "warn" if verdict.kind.is_alarm else "good"
    return [line((head, style), gap, (sure, "dim")), *(line((text, "strong")) for text in lines)]


def _sureness(report: Report, width: int) -> str:
    word = report.verdict.confidence.label
    if width < 100:
        return f"confidence {word}"
    count = report.snapshot_count
    minutes = format_duration_ns(round(report.interval_s * 1e9)) if report.interval_s else ""
    snaps = counted(count, "snapshot") + (f" in {minutes}" if minutes else "")
    return f"confidence {word} · {snaps}"


def holder_lines(report: Report, writing: Writing, width: int, evidence_lines: int) -> list[Line]:
    """Write who holds it: what, by which way, where in the sources, why it is listed."""
    if not report.suspects:
        return []
    top = main_suspect(report)
    figures = size_words(top, writing)
    name = cut_start(safe_text(top.holder, MAX_HOLDER), max(20, width - len(figures) - 6))
    lines = [line("   ", (name, "title"), f"  {cut_end(figures, max(10, width - len(name) - 6))}")]
    place = cut_start(safe_text(top.place, 120), max(12, width // 3)) if top.place else ""
    way = way_words(top)
    if way:
        room = max(20, width - len(place) - 9)
        lines.append(line(("   via ", "dim"), pad(cut_start(way, room), room), (f" {place}", "dim")))
    evidence = top.evidence[:evidence_lines]
    return [*lines, *(line((f"   {cut_end(safe_text(text, 300), width - 4)}", "dim")) for text in evidence)]


def main_suspect(report: Report) -> Suspect:
    """Return the suspect that the headline is about, else the first; there has to be one."""
    named = [suspect for suspect in report.suspects if suspect.holder and suspect.holder in report.verdict.headline]
    return max(named, key=lambda suspect: len(suspect.holder)) if named else report.suspects[0]


def size_words(suspect: Suspect, writing: Writing) -> str:
    """Write retained size, growth, entries, type: what matters most first."""
    parts = [f"retains {writing.size(suspect.retained_bytes)} ({percent(suspect.share)})"]
    if suspect.growth_bytes:
        parts.append(f"{growth_words(suspect, writing)}, grew {suspect.rising} of {suspect.steps}")
    if suspect.entries is not None:
        parts.append(writing.counted(suspect.entries, "entry"))
    if suspect.type_name:
        parts.append(shown_type(suspect.type_name, 40))
    return " · ".join(parts)


def growth_words(suspect: Suspect, writing: Writing) -> str:
    """Write a change with its sign; ``·`` for none or not known."""
    if not suspect.growth_bytes:
        return "·"
    sign = "▲" if suspect.growth_bytes > 0 else "▼"
    return f"{sign}{writing.size(abs(suspect.growth_bytes))}"


def way_words(suspect: Suspect) -> str:
    """Write the way from the root by names; steps without one by type."""
    return " ▸ ".join(safe_text(step.name, 60) or shown_type(step.type_name, 40) for step in suspect.path)


def next_line() -> Line:
    """Write what to press."""
    keys = (("⏎", "paths"), ("i", "inspect"), ("3", "what grew"), ("Y", "copy as text"))
    return line("  ", *(part for key, what in keys for part in ((f" {key}", "key"), (f" {what} ", "dim"))))


def suspects_model(report: Report, writing: Writing) -> TableModel[Suspect]:
    """Build the table, in the order of the report."""
    wide = 5 if writing.exact else 0
    place = {id(suspect): at for at, suspect in enumerate(report.suspects, 1)}
    columns: list[Column[Suspect]] = [
        Column("number", "#", lambda row: str(place[id(row)]), lambda row: place[id(row)], 3, ascending_first=True),
        Column("holder", "Who holds it", lambda row: safe_text(row.holder, MAX_HOLDER), lambda row: row.holder, align="left",
               keep_end=True, ascending_first=True),
        Column("kind", "Why listed", lambda row: kind_words(row.kind), lambda row: str(row.kind), 16, align="left", rank=2,
               ascending_first=True),
        Column("retained", "Retained", lambda row: writing.size(row.retained_bytes), lambda row: row.retained_bytes, 9 + wide),
        Column("share", "%heap", lambda row: percent(row.share), lambda row: row.share, 6),
        Column("growth", "Δ", lambda row: growth_words(row, writing), lambda row: row.growth_bytes, 9 + wide, rank=1,
               style=lambda row: "warn" if (row.growth_bytes or 0) > 0 else "dim"),
        Column("sure", "Sure", lambda row: row.confidence.label, lambda row: int(row.confidence), 6, rank=3),
    ]  # fmt: skip
    return TableModel(report.suspects, columns, suspect_facts, sort_key="number", descending=False)


def suspect_facts(row: Suspect) -> FilterFacts:
    """Return what a filter may ask about a suspect."""
    return FilterFacts(row.holder, numbers={"retained": row.retained_bytes, "grew": row.growth_bytes})


def incident_summary(view: HeapView, command: str) -> str:
    """Write what goes into an incident channel: who, the verdict, the first suspects with evidence, how to see it."""
    snapshot = view.current.snapshot
    meta = snapshot.meta
    writing = Writing()
    sizes = f"RSS {writing.size(meta.rss_after_bytes)}, Python heap {writing.size(snapshot.heap_bytes)}"
    lines = [
        f"heapscope: {safe_text(meta.command, 100)} (pid {meta.pid} on {safe_text(meta.host_name, 60)}) at {time_of_day(meta.captured_at)}",
        f"{sizes} in {writing.counted(snapshot.object_count, 'object')}, paused for {format_duration_ns(meta.pause_ns)}",
    ]
    if view.report is not None:
        from heapscope.analysis.suspects.summary import incident_summary as summarise  # noqa: PLC0415 - numpy, 100 ms

        lines += summarise(view.report).splitlines()
    if view.memory is not None:
        lines.append(f"memory: {safe_text(view.memory.verdict, 300)}")
    return "\n".join([*lines, f"see it: {command}"] if command else lines)

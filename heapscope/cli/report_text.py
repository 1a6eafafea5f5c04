"""A report for people: plain text for a terminal, Markdown for a ticket.

Never computes a figure; foreign text is cleaned, and in Markdown it cannot become markup.
"""

from __future__ import annotations

import re
import textwrap

from heapscope.analysis.memory import MemorySplit
from heapscope.analysis.suspects.model import Report, Suspect
from heapscope.analysis.suspects.summary import (
    figures_line,
    kind_words,
    path_text,
    step_text,
    suspect_line,
    verdict_label,
)
from heapscope.units import clean_text, format_bytes

WIDTH = 100
_MARK = 12
_BAR = 24
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def report_text(report: Report) -> str:
    """Write a report for a terminal."""
    verdict = report.verdict
    lines = [
        f"{verdict_label(report)}  confidence {verdict.confidence.label}",
        *_wrapped(verdict.headline, ""),
        "",
        figures_line(report),
    ]
    if report.memory is not None:
        lines += ["", f"Where the {format_bytes(report.memory.rss_bytes)} is", *_memory_lines(report.memory)]
    if report.suspects:
        lines += ["", "Suspects" if verdict.kind.is_alarm else "Largest holders, and what speaks for and against them"]
    for number, suspect in enumerate(report.suspects, 1):
        lines += ["", *_suspect_lines(number, suspect)]
    if verdict.next and not any(verdict.next == suspect.next for suspect in report.suspects):
        lines += ["", "Next", *(f"  {clean_text(command, WIDTH * 2)}" for command in verdict.next)]
    lines += [f"warning: {clean_text(warning, 300)}" for warning in report.warnings]
    return "".join(line + "\n" for line in lines)


def _memory_lines(memory: MemorySplit) -> list[str]:
    lines = []
    for one in memory.components:
        share = one.bytes / max(1, memory.rss_bytes)
        bar = "#" * round(_BAR * max(0.0, share))
        notes = clean_text("; ".join(one.notes), 60)
        name = str(one.part).replace("_", " ")
        lines.append(f"  {name:<22} {format_bytes(one.bytes):>7} {share:>4.0%}  {bar:<{_BAR}} {notes}".rstrip())
    return [*lines, *_wrapped(memory.verdict, "  ")]


def _suspect_lines(number: int, suspect: Suspect) -> list[str]:
    lines = _wrapped(f"{number}. {suspect_line(suspect)}", "   ", first="")
    fields = [("path", [path_text(suspect)]), ("code", [suspect.place] if suspect.place else [])]
    fields += [("because", list(suspect.evidence)), ("but", list(suspect.doubts)), ("next", list(suspect.next))]
    for name, texts in fields:
        for at, text in enumerate(texts):
            mark = f"   {name if not at else '':<{_MARK - 3}}"
            wide = name in {"next", "code"}  # to be copied: never broken
            lines += [mark + clean_text(text, 500)] if wide else _wrapped(text, " " * _MARK, first=mark)
    return lines


def _wrapped(text: str, indent: str, *, first: str | None = None) -> list[str]:
    return textwrap.wrap(
        clean_text(text, 2000),
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def report_markdown(report: Report) -> str:
    """Write a report for a ticket."""
    verdict = report.verdict
    lines = [
        f"## {verdict_label(report)}",
        "",
        f"**{_escaped(verdict.headline)}** (confidence {verdict.confidence.label})",
        "",
        _escaped(figures_line(report)),
    ]
    if report.memory is not None:
        lines += ["", "| Memory | Bytes | Share | |", "|---|---:|---:|---|"]
        for one in report.memory.components:
            share = one.bytes / max(1, report.memory.rss_bytes)
            name = str(one.part).replace("_", " ")
            lines.append(f"| {name} | {format_bytes(one.bytes)} | {share:.0%} | {_escaped('; '.join(one.notes))} |")
        lines += ["", _escaped(report.memory.verdict)]
    lines += ["", "### Suspects" if verdict.kind.is_alarm else "### Largest holders"] if report.suspects else []
    for number, suspect in enumerate(report.suspects, 1):
        lines += ["", *_suspect_markdown(number, suspect)]
    if verdict.next:
        lines += ["", "### Next", "", *(f"- {_code(command)}" for command in verdict.next)]
    return "".join(line + "\n" for line in lines)


def _suspect_markdown(number: int, suspect: Suspect) -> list[str]:
    lines = [f"{number}. **{_escaped(suspect.holder)}**: {format_bytes(suspect.retained_bytes)}, {suspect.share:.0%}; "]
    lines[0] += f"{kind_words(suspect)}, confidence {suspect.confidence.label}"
    steps = [step_text(step, is_first=not at) for at, step in enumerate(suspect.path)]
    lines += [f"   - path: {' ▸ '.join(_code(step) for step in steps)}"] if steps else []
    lines += [f"   - code: {_code(suspect.place)}"] if suspect.place else []
    lines += [f"   - {_escaped(line)}" for line in suspect.evidence]
    lines += [f"   - but: {_escaped(line)}" for line in suspect.doubts]
    return [*lines, *(f"   - next: {_code(command)}" for command in suspect.next)]


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", clean_text(text, 2000))


def _code(text: str) -> str:
    """Write as code; a fence longer than any run of backticks inside cannot be closed by the text."""
    shown = clean_text(text, 500)
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", shown)), default=0))
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"

"""Owns the one-row header: who is looked at, how large it is, and what looking cost it.

Pure; drops the least important parts first when the row is narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from heapscope.tui.lines import Line, Span
from heapscope.tui.textfit import cut_end, safe_text, sparkline
from heapscope.units import format_bytes, format_duration_ns

MAX_NAME_WIDTH = 28
MIN_NAME_WIDTH = 12
MIN_PARTS = 4


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What the header tells. ``captured`` is a time of day; ``source`` a file name, "" for a live target.

    ``work`` says what is being computed.
    """

    name: str
    pid: int
    python_version: str = ""
    rss_bytes: int | None = None
    rss_history: Sequence[int] = ()
    pause_ns: int | None = None
    captured: str = ""
    number: int = 0
    source: str = ""
    has_ended: bool = False
    work: str = ""


def header_line(facts: HeaderFacts, width: int) -> Line:
    """Write the header in at most ``width`` cells."""
    optional = _optional_parts(facts)
    name = safe_text(facts.name) or "?"
    heads = [
        [Span(f" {cut_end(name, name_width)}", "title"), Span(f" {facts.pid}", "strong")]
        for name_width in (MAX_NAME_WIDTH, MIN_NAME_WIDTH)
    ]
    whole, cut = (_fitting(optional, width - _width(head)) for head in heads)
    # A name is cut only where that makes room for what matters more than its end.
    is_cut = len(cut) > len(whole) and len(whole) < MIN_PARTS
    chosen = sorted(cut if is_cut else whole, key=lambda part: part[0])
    return (*heads[is_cut], *(span for _place, part in chosen for span in part))


def _width(spans: Sequence[Span]) -> int:
    return sum(cell_len(span.text) for span in spans)


def _fitting(parts: Sequence[tuple[int, list[Span]]], width: int) -> list[tuple[int, list[Span]]]:
    """Choose what fits, the most important first."""
    chosen = []
    for part in parts:
        if _width(part[1]) <= width:
            chosen.append(part)
            width -= _width(part[1])
    return chosen


def _optional_parts(facts: HeaderFacts) -> list[tuple[int, list[Span]]]:
    """Return (place in the row, spans), the most important first."""
    parts: list[tuple[int, list[Span]]] = []
    if facts.source:
        parts.append((7, [Span(f"  {cut_end(safe_text(facts.source), 30)}", "dim")]))
    if facts.has_ended:
        parts.append((1, [Span("  ended", "warn")]))
    elif facts.rss_bytes is not None:
        parts.append((1, [Span("  RSS ", "dim"), Span(format_bytes(facts.rss_bytes), "strong")]))
    if facts.work:
        parts.append((8, [Span(f"  … {facts.work}", "title")]))
    if facts.pause_ns is not None:
        parts.append((6, [Span("  pause ", "dim"), Span(format_duration_ns(facts.pause_ns))]))
    if facts.captured:
        number = f"  #{facts.number} " if facts.number else "  "
        parts.append((5, [Span(number, "dim"), Span(facts.captured)]))
    if facts.python_version:
        parts.append((0, [Span(f"  py{safe_text(facts.python_version, 16)}", "dim")]))
    if len(facts.rss_history) > 1 and not facts.has_ended:
        parts += [(2, [Span(" " + sparkline(facts.rss_history, 8), "bar")])]
        change = facts.rss_history[-1] - facts.rss_history[0]
        if change:
            sign = "▲" if change > 0 else "▼"
            parts.append((3, [Span(f" {sign}{format_bytes(abs(change))}", "warn" if change > 0 else "good")]))
    return parts

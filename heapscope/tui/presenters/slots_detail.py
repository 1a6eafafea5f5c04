"""Owns the words and pictures about one class that slots could make smaller: layout, reasons, the change, what it costs.

Pure; the advice itself (verdicts, findings, sizes, changes) is analysis's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heapscope.tui.lines import EMPTY, Line, Span, line
from heapscope.tui.presenters.slots import (
    STATE_WORDS,
    VERDICT_MEANINGS,
    VERDICT_STYLES,
    VERDICT_WORDS,
    attribute_words,
    per_instance,
)
from heapscope.tui.state import Writing
from heapscope.tui.textfit import bar, cut_end, pad, safe_text, wrap

if TYPE_CHECKING:
    from heapscope.analysis.slots.model import ClassChange, Finding, Part, SlotsRow

LABEL = 8  # cells of the words at the left
MAX_WHERE = 5  # places in code shown per reason
_GLYPHS = "█▓▒░"  # neighbours differ without colour


def picture(name: str, parts: Sequence[Part], largest: int, width: int) -> list[Line]:
    """Draw what an instance consists of, to a scale on which ``largest`` bytes fill the width, and say what the parts are."""
    total = sum(part.requested for part in parts)
    room = max(10, width - LABEL - 8)
    drawn: list[Span] = []
    begun = 0
    for number, part in enumerate(parts):
        # Ends are rounded, not widths: the whole bar is as long as the sum.
        start, end = (round(room * at / largest) for at in (begun, begun + part.requested))
        drawn.append(Span(_GLYPHS[number % len(_GLYPHS)] * (end - start), "bar" if number % 2 else "good"))
        begun += part.requested
    words = [f"{_GLYPHS[number % len(_GLYPHS)]} {part.name} {part.requested}," for number, part in enumerate(parts)]
    legend = wrap([*words[:-1], *(word.rstrip(",") for word in words[-1:])], width - LABEL - 1)
    head = line((pad(f"  {name}", LABEL), "dim"), (pad(f"{total:,}B", 7, "right") + " ", "strong"), *drawn)
    return [head, *(line(" " * LABEL, (text, "dim")) for text in legend)]


def layout_lines(row: SlotsRow, width: int) -> list[Line]:
    """Draw an instance now and with slots, to one scale."""
    if not row.parts_now:
        return []
    largest = max(sum(part.requested for part in parts) for parts in (row.parts_now, row.parts_slots))
    lines = picture("now", row.parts_now, largest, width)
    return lines + (picture("slots", row.parts_slots, largest, width) if row.parts_slots else [])


def position_line(at: int, count: int) -> Line:
    """Say which class of how many is on the screen."""
    return line((" Slots", "title"), (f"  class {at + 1:,} of {count:,}", "dim"))


def head_lines(row: SlotsRow) -> list[Line]:
    """Name the class, its place and the verdict."""
    where = f"  {safe_text(row.file)}:{row.line}" if row.file else ""
    verdict = Span(VERDICT_WORDS.get(row.verdict, row.verdict), VERDICT_STYLES.get(row.verdict, ""))
    return [
        line(" ", (safe_text(row.type_name), "title"), (where, "dim")),
        line(" ", verdict, (": " + VERDICT_MEANINGS.get(row.verdict, ""), "dim")),
    ]


def saving_lines(row: SlotsRow, writing: Writing, width: int) -> list[Line]:
    """Say what is saved, in bytes a class and an instance, and when that does not hold."""
    now, then = per_instance(row.bytes_now, row.instances), per_instance(row.bytes_slots, row.instances)
    sums = f"{writing.count(row.instances)} × {now:,}B = {writing.size(row.bytes_now)}"
    if row.bytes_slots:
        sums += f", with slots {then:,}B = {writing.size(row.bytes_slots)}"
    texts = [sums]
    if row.saves_bytes > 0:
        share = f", {row.share:.1%} of the heap" if row.share >= 0.0005 else ""
        texts.append(f"saves {writing.size(row.saves_bytes)}{share}")
        if row.saves_low_bytes < row.saves_bytes:
            texts.append(f"{writing.size(row.saves_low_bytes)} if weak references must stay possible")
    if row.subclass_instances:
        more = f"{writing.counted(row.subclass_instances, 'instance')} of subclasses"
        texts.append(f"{more} would save {writing.size(row.subclass_saves_bytes)} more, if these are converted too")
    if row.alone_bytes is not None:
        alone = per_instance(row.alone_bytes, row.instances)
        word = "more than now" if row.alone_bytes > row.bytes_now else "no less than now" if alone >= now else "each"
        texts.append(f"this class alone, its bases left as they are: {alone:,}B, {word}")
    if row.fixed_bytes > 0:
        texts.append(
            f"the class itself costs {row.fixed_bytes:,}B more, once: it pays from {row.break_even:,} instances on"
        )
    if not row.is_exact:
        texts.append(f"not exact: {safe_text(row.inexact, 200)}")
    if row.speed:
        texts.append(safe_text(row.speed, 200))
    return _items(texts, width)


def reason_lines(findings: Sequence[Finding], width: int) -> list[Line]:
    """Write every reason with its sign, and the places that show it."""
    lines: list[Line] = []
    for finding in findings:
        sign = VERDICT_WORDS.get(finding.verdict, "·")[0]
        texts = wrap(safe_text(finding.text, 600).split(), width - 6)
        style = VERDICT_STYLES.get(finding.verdict, "")
        lines += [line("   ", (sign if at == 0 else " ", style), " ", text) for at, text in enumerate(texts)]
        lines += [
            line("       ", (cut_end(safe_text(place, 200), width - 8), "dim")) for place in finding.where[:MAX_WHERE]
        ]
        if len(finding.where) > MAX_WHERE:
            lines.append(line("       ", (f"and {len(finding.where) - MAX_WHERE} places more", "dim")))
    return lines


def change_lines(row: SlotsRow, width: int) -> list[Line]:
    """Write the change of every class statement that must change."""
    if not row.changes:
        return [line("   ", (safe_text(row.slots_line, width - 4), "strong"))] if row.slots_line else []
    from heapscope.analysis.slots.names import change_line  # noqa: PLC0415 - numpy, 100 ms

    lines: list[Line] = []
    for change in row.changes:
        where = f"  {safe_text(change.file)}:{change.line}" if change.file else ""
        lines.append(line("   ", safe_text(change.type_name, 120), (where, "dim")))
        texts = wrap(safe_text(change_line(change), 4_000).split(), width - 6)
        lines += [line("     ", (text, "strong")) for text in texts]
        lines += [line("     ", (text, "dim")) for fix in change_fixes(change) for text in wrap(fix.split(), width - 6)]
    return lines


def change_fixes(change: ClassChange) -> list[str]:
    """Say what else must change in the class."""
    fixes = []
    if change.moved_defaults:
        fixes.append(f"set in __init__ instead of in the class: {_names(change.moved_defaults)}")
    if change.cached_properties:
        fixes.append(f"cached_property needs a slot of its own: {_names(change.cached_properties)}")
    if change.dict_readers:
        fixes.append(f"no longer read __dict__ in: {_names(change.dict_readers)}")
    return fixes


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(safe_text(name, 60) for name in names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


def detail_lines(row: SlotsRow, writing: Writing, width: int) -> list[Line]:
    """Write everything about one class."""
    sections = [
        ("", head_lines(row)),
        ("One instance", layout_lines(row, width)),
        ("What it saves", saving_lines(row, writing, width)),
        ("The change", change_lines(row, width)),
        ("What would break", reason_lines(row.findings, width)),
        ("Notes", [item for note in row.notes for item in _items([safe_text(note, 600)], width)]),
        ("Instances", _population(row, writing, width)),
    ]
    lines: list[Line] = []
    for title, content in sections:
        if content:
            lines += [*([line((f" {title}", "strong"))] if title else []), *content, EMPTY]
    return lines


def _population(row: SlotsRow, writing: Writing, width: int) -> list[Line]:
    total = max(row.instances, 1)
    lines = [
        line(
            "   ", (pad(bar(count / total, 10), 10), "bar"), f" {writing.count(count)} {STATE_WORDS.get(state, state)}"
        )
        for state, count in row.states.items()
        if count
    ]
    return lines + [line("   ", text) for text in wrap(attribute_words(row), width - 4)]


def _items(texts: Sequence[str], width: int) -> list[Line]:
    lines: list[Line] = []
    for text in texts:
        wrapped = wrap(text.split(), width - 6)
        lines += [line("   · " if at == 0 else "     ", part) for at, part in enumerate(wrapped)]
    return lines


def copy_change(row: SlotsRow) -> str:
    """Write what the copy key gives: the change, ready for a class body or a ticket."""
    if len(row.changes) <= 1:
        return row.slots_line
    from heapscope.analysis.slots.names import change_line  # noqa: PLC0415 - numpy, 100 ms

    return "\n".join(f"{change.type_name}: {change_line(change)}" for change in row.changes)

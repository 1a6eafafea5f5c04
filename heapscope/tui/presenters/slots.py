"""Owns the words and figures of the Slots view: columns, filter facts, and the detail under the table.

Pure; the advice itself (verdicts, blockers, savings) is analysis's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heapscope.tui.filters import FilterFacts
from heapscope.tui.lines import EMPTY, Line, Span, line
from heapscope.tui.presenters.types import module_of
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import Column, TableModel
from heapscope.tui.textfit import percent, safe_text, wrap
from heapscope.units import counted, format_count

if TYPE_CHECKING:
    from heapscope.analysis.slots.model import SlotsRow

VERDICT_WORDS = {"safe": "✔ safe", "fixable": "~ fixable", "check": "? check", "no": "✘ no"}
VERDICT_STYLES = {"safe": "good", "fixable": "warn", "check": "warn", "no": "dim"}
VERDICT_ORDER = {"safe": 0, "fixable": 1, "check": 2, "no": 3}
VERDICT_MEANINGS = {
    "safe": "nothing found that speaks against it",
    "fixable": "works after the change named below",
    "check": "something must be looked at by a person first",
    "no": "would not work, or would save nothing",
}
STATE_WORDS = {
    "none": "without a dict",
    "values": "with values and no dict",
    "inline": "with inline values and no dict",
    "split": "with a dict that shares its keys",
    "materialised": "with inline values and a dict on them",
    "combined": "with a full dict of their own",
    "unknown": "in an unknown state",
}
MAX_ATTRIBUTES_SHOWN = 60


def per_instance(total: int, instances: int) -> int:
    """Return the mean over the instances, rounded."""
    return round(total / instances) if instances else 0


def why(row: SlotsRow) -> str:
    """Say in a few words what decides the verdict."""
    if row.blockers:
        more = f" (+{len(row.blockers) - 1} more)" if len(row.blockers) > 1 else ""
        return safe_text(row.blockers[0]) + more
    return counted(len(row.attributes), "attribute")


def slots_columns(writing: Writing) -> list[Column[SlotsRow]]:
    """Return the columns."""
    wide = 5 if writing.exact else 0

    def now(row: SlotsRow) -> int:
        return per_instance(row.bytes_now, row.instances)

    def then(row: SlotsRow) -> int:
        return per_instance(row.bytes_slots, row.instances)

    return [
        Column("type", "Class", lambda row: safe_text(row.type_name), lambda row: row.type_name, align="left",
               keep_end=True, ascending_first=True),
        Column("count", "Instances", lambda row: writing.count(row.instances), lambda row: row.instances, 10 + wide // 2),
        Column("now", "Each now", lambda row: f"{now(row):,}B", now, 8, rank=3),
        Column("slots", "→ slots", lambda row: f"{then(row):,}B" if row.bytes_slots else "-", then, 8, rank=2),
        Column("saves", "Saves", lambda row: writing.size(row.saves_bytes) if row.saves_bytes > 0 else "-",
               lambda row: row.saves_bytes, 7 + wide),
        Column("verdict", "Verdict", lambda row: VERDICT_WORDS.get(row.verdict, row.verdict),
               lambda row: VERDICT_ORDER.get(row.verdict, 9), 9, align="left", ascending_first=True,
               style=lambda row: VERDICT_STYLES.get(row.verdict, "")),
        Column("why", "Why", why, None, 44, align="left", rank=5, style=lambda row: "dim"),
    ]  # fmt: skip


def slots_facts(row: SlotsRow) -> FilterFacts:
    """Return what a filter may ask about a row."""
    numbers = {"count": row.instances, "shallow": row.bytes_now, "saves": row.saves_bytes}
    return FilterFacts(row.type_name, module_of(row.type_name), row.verdict, numbers)


def slots_model(view: HeapView, writing: Writing) -> TableModel[SlotsRow]:
    """Build the table; the order of the analysis (bytes saved) is the first one."""
    return TableModel(view.current.slots, slots_columns(writing), slots_facts, sort_key="saves")


def slots_detail(row: SlotsRow | None, writing: Writing, width: int) -> list[Line]:
    """Write the pane under the table: what decides, in few lines; the rest is on the screen behind enter."""
    if row is None:
        return [line(("no class is shown", "dim"))]
    where = f"  {safe_text(row.file)}:{row.line}" if row.file else ""
    now, then = per_instance(row.bytes_now, row.instances), per_instance(row.bytes_slots, row.instances)
    lines = [line((safe_text(row.type_name), "title"), (where, "dim"))]
    if row.slots_line:
        lines.append(line("  ", (safe_text(row.slots_line, width - 4), "strong")))
    verdict = Span(VERDICT_WORDS.get(row.verdict, row.verdict), VERDICT_STYLES.get(row.verdict, ""))
    lines.append(line("  ", verdict, (": " + VERDICT_MEANINGS.get(row.verdict, ""), "dim")))
    for blocker in row.blockers:
        words = wrap(safe_text(blocker, 400).split(), width - 4)
        lines += [line(("  · " if number == 0 else "    "), text) for number, text in enumerate(words)]
    lines.append(_sum_line(row, writing, now, then))
    lines += _paragraph("now", _states(row).split(), width)
    return lines + _paragraph("attrs", attribute_words(row), width)


def _paragraph(name: str, words: list[str], width: int) -> list[Line]:
    lines = wrap(words, width - 8)
    return [line((f"  {name if at == 0 else '':<6}", "dim"), text) for at, text in enumerate(lines)]


def _sum_line(row: SlotsRow, writing: Writing, now: int, then: int) -> Line:
    text = f"{writing.count(row.instances)} × {now:,}B = {writing.size(row.bytes_now)}"
    if row.saves_bytes > 0:
        text += f"   with slots {then:,}B = {writing.size(row.bytes_slots)}   saves {writing.size(row.saves_bytes)}"
    return line(("  cost  ", "dim"), text)


def _states(row: SlotsRow) -> str:
    parts = [
        f"{format_count(count)} {STATE_WORDS.get(state, safe_text(state, 24))}"
        for state, count in row.states.items()
        if count
    ]
    return ", ".join(parts) or "how the attributes are held is not known"


def attribute_words(row: SlotsRow) -> list[str]:
    """Name the attributes, with commas; those that not every instance has with their share."""
    known = dict(row.attribute_counts)
    names = []
    for name in row.attributes[:MAX_ATTRIBUTES_SHOWN]:
        count = known.get(name, row.instances)
        share = f" ({percent(count / row.instances)})" if count < row.instances else ""
        names.append(safe_text(name, 60) + share)
    if len(row.attributes) > MAX_ATTRIBUTES_SHOWN:
        names.append(f"… {len(row.attributes) - MAX_ATTRIBUTES_SHOWN} more")
    return [name + "," for name in names[:-1]] + names[-1:]


def empty_slots(view: HeapView) -> list[Line]:
    """Say why the table is empty."""
    if not view.current.has_slots:
        return [line("… judging the classes, with the sources of the target"), EMPTY]
    return [line("No class keeps a dict per instance here: __slots__ would save nothing."), EMPTY]

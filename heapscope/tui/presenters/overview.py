"""Owns the words and figures of the Overview: one sentence, the figures, the biggest types, what slots would save.

Pure. States facts and how they were measured; never calls anything a leak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heapscope.tui.lines import EMPTY, Line, Span, line
from heapscope.tui.presenters.split import split_lines
from heapscope.tui.presenters.types import shallow_change, types_columns, types_facts
from heapscope.tui.presenters.verdict import holder_lines, next_line, suspects_model, verdict_lines
from heapscope.tui.state import HeapView, Writing, trend_sign
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.textfit import percent, safe_text, shown_type, time_of_day
from heapscope.units import counted, format_duration_ns, noun_for

if TYPE_CHECKING:
    from heapscope.snapshot.model import Snapshot

TOP_TYPES = 50  # more than any screen shows at once; the Types tab has all
MAX_WARNINGS_SHOWN = 3
MAX_EVIDENCE, LARGE_ROOM, SMALL_ROOM = 2, 20, 10  # lines of evidence, and the room that they need
MIN_FIGURES = 2  # lines; with less room than that the table is worth more
MAX_SPLIT_LINES = 9


def sentence(view: HeapView, writing: Writing) -> Line:
    """Answer first: what grew most since the baseline, else what is largest."""
    histogram = view.current.histogram
    if not histogram.rows:
        return line(("This snapshot holds no objects.", "warn"))
    if view.deltas is not None and view.baseline is not None:
        return _growth_sentence(view, view.baseline.snapshot, writing)
    top = max(histogram.rows, key=lambda row: row.shallow_bytes)
    return line(
        (f"{shown_type(top.type_name, 60)} ", "title"),
        f"takes {percent(top.share)} of the Python heap: {writing.size(top.shallow_bytes)} in {writing.counted(top.count, 'object')}",
    )


def _growth_sentence(view: HeapView, base: Snapshot, writing: Writing) -> Line:
    change = view.current.snapshot.heap_bytes - base.heap_bytes
    rows = view.current.histogram.rows
    top = max(rows, key=lambda row: shallow_change(view, row.type_name))
    grew = shallow_change(view, top.type_name)
    most = [Span("; most growth: "), Span(shown_type(top.type_name, 48), "title"), Span(f" {writing.size_delta(grew)}")]
    return line(
        (f"{trend_sign(change)} ", "warn" if change > 0 else "good"),
        f"heap {writing.size_delta(change) if change else 'unchanged'} since {time_of_day(base.meta.captured_at)}",
        *(most if grew > 0 else []),
    )


def figures(view: HeapView, writing: Writing) -> list[tuple[str, str, str]]:
    """Return (name, value, note) rows."""
    snapshot = view.current.snapshot
    meta = snapshot.meta
    rss_change = meta.rss_after_bytes - meta.rss_before_bytes
    rss_note = f"{writing.size_delta(rss_change)} across the capture" if rss_change else "unchanged by the capture"
    contents = (
        f"{writing.counted(snapshot.object_count, 'object')}, {writing.counted(snapshot.reference_count, 'reference')}"
    )
    stood = f"the target stood still this long; captured in {format_duration_ns(meta.capture_ns)}"
    coverage = percent(meta.coverage) if meta.coverage is not None else "not known"
    covers = "of the bytes that Python's allocators have in use"
    if meta.coverage is None:
        covers = "not measured by this capture"
    made_by = f"{safe_text(meta.collector, 30)} through {safe_text(meta.injector, 20)}"
    return [
        ("Python heap", writing.size(snapshot.heap_bytes), contents),
        ("RSS", writing.size(meta.rss_after_bytes), rss_note),
        ("Pause", format_duration_ns(meta.pause_ns), stood),
        ("Coverage", coverage, covers),
        ("Python", safe_text(meta.python_version, 20), made_by),
    ]


def overview_head(view: HeapView, writing: Writing, width: int = 120, room: int = 100) -> list[Line]:
    """Write the part above the table in about ``room`` lines: the answer, who holds it, where the memory is."""
    answer = [line(" ", *sentence(view, writing))]
    if view.report is not None and view.current.histogram.rows:
        evidence = MAX_EVIDENCE if room >= LARGE_ROOM else 1 if room >= SMALL_ROOM else 0
        answer = [*verdict_lines(view.report, width), *holder_lines(view.report, writing, width, evidence)]
        if view.report.suspects:
            answer.append(next_line())
    elif view.problem:
        answer += [
            line((" ✘ ", "bad"), f"no verdict: {safe_text(view.problem)}"),
            line("   ", ("R", "key"), " tries again"),
        ]
    elif view.work:
        answer.append(line((f" … {view.work}", "title"), ("   everything else can be used meanwhile", "dim")))
    left = room - len(answer) - 2
    if left < MIN_FIGURES:
        return [*answer, EMPTY]
    if view.memory is not None:
        split = split_lines(view.memory, writing, width, min(left - 1, MAX_SPLIT_LINES))
        return [*answer, EMPTY, heap_line(view, writing), *split, EMPTY]
    rows = [
        line((f" {name:<12}", "dim"), (f"{value:>10}", "strong"), (f"   {note}", "dim"))
        for name, value, note in figures(view, writing)
    ]
    return [*answer, EMPTY, *rows[:left], EMPTY]


def heap_line(view: HeapView, writing: Writing) -> Line:
    """Write in one line how large the heap is, and how well it was seen."""
    snapshot = view.current.snapshot
    covered = percent(snapshot.meta.coverage) if snapshot.meta.coverage is not None else "not known"
    objects = f" in {writing.counted(snapshot.object_count, 'object')}"
    return line(
        (" Python heap ", "dim"), (writing.size(snapshot.heap_bytes), "strong"), (objects, "dim"),
        ("   coverage ", "dim"), covered, ("   pause ", "dim"), format_duration_ns(snapshot.meta.pause_ns),
    )  # fmt: skip


def overview_tail(view: HeapView, writing: Writing) -> list[Line]:
    """Write the part below the table: slots, then warnings."""
    lines = [EMPTY, slots_summary(view, writing)]
    warnings = view.current.snapshot.meta.warnings
    lines += [line((" ! ", "warn"), safe_text(text)) for text in warnings[:MAX_WARNINGS_SHOWN]]
    if len(warnings) > MAX_WARNINGS_SHOWN:
        more = len(warnings) - MAX_WARNINGS_SHOWN
        words = f" exports {'it' if more == 1 else 'them'} too"
        lines.append(line((f"   {more} more {noun_for(more, 'warning')}  ", "dim"), ("e", "key"), (words, "dim")))
    return lines


def slots_summary(view: HeapView, writing: Writing) -> Line:
    """Say in one line what __slots__ would save."""
    useful = [row for row in view.current.slots if row.saves_bytes > 0 and row.verdict in ("safe", "fixable")]
    head = (" __slots__ ", "strong")
    if not view.current.has_slots:
        return line(head, ("… judging the classes", "dim"))
    if not useful:
        return line(head, ("would save nothing worth naming here", "dim"))
    total = sum(row.saves_bytes for row in useful)
    best = max(useful, key=lambda row: row.saves_bytes)
    classes = counted(len(useful), "class")
    return line(
        head,
        f"could save {writing.size(total)} in {classes}, most in {safe_text(best.type_name, 28)}",
        ("  6", "key"),
        (" shows how", "dim"),
    )


def overview_model(view: HeapView, writing: Writing) -> TableModel[Any]:
    """Build the table of suspects; without any, of the biggest types, after a baseline is set of those that changed most."""
    if view.report is not None and view.report.suspects:
        return suspects_model(view.report, writing)
    keys = {"type", "count", "shallow", "recursive", "share", "bar", "shallow_delta"}
    columns = [column for column in types_columns(view, writing) if column.key in keys]
    largest = view.current.histogram.rows[:TOP_TYPES]
    grown = sorted(view.current.histogram.rows, key=lambda row: -shallow_change(view, row.type_name))[:TOP_TYPES]
    rows = grown if view.deltas else largest
    changed = any(shallow_change(view, row.type_name) for row in rows)
    return TableModel(rows, columns, types_facts(view), sort_key="shallow_delta" if changed else "shallow")

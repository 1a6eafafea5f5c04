"""Owns the words and figures of the Paths screen: the ways found, the steps of one, what is copied and exported.

Pure; ways come from analysis. A step reads the columns of one object, so that a way may have a million of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heapscope.tui.filters import FilterFacts
from heapscope.tui.holders import FoundPath, HolderIndex, PathAnswer, PathQuestion
from heapscope.tui.lines import Line, line
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.roots import MAX_LABEL, address_words, object_words, root_words
from heapscope.tui.state import Writing
from heapscope.tui.tablemodel import Column, TableModel
from heapscope.tui.textfit import percent, safe_text, shown_type
from heapscope.units import counted, noun_for

if TYPE_CHECKING:
    from heapscope.snapshot.model import Snapshot

SUMMARY_ENDS = 4  # steps of a long way that a summary names at either end
MAX_STEP_INDENT = 8
MAX_COPIED_STEPS = 200
MAX_EXPORTED_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class NumberedPath:
    """A way and its place in the answer, counted from 1."""

    number: int
    path: FoundPath


def steps_words(snapshot: Snapshot, path: FoundPath) -> list[str]:
    """Name the steps of a way by type, the root in its own words; long ways keep their ends."""
    objects = path.objects
    # A namespace is its owner's: module app ▸ .CACHE says it all.
    shown = [at for at in range(len(objects)) if at >= len(path.is_namespace) or not path.is_namespace[at]]
    common = sum(1 for at in shown if at < path.common)
    left_out = len(shown) - 2 * SUMMARY_ENDS
    if left_out > 1:
        shown[SUMMARY_ENDS : SUMMARY_ENDS + left_out] = []
    words = [step_words(snapshot, path, at) for at in shown]
    if left_out > 1:
        words.insert(SUMMARY_ENDS, f"… {left_out:,} more …")
    if path.common < len(objects) and len(words) > common:
        words[common:-1] = ["…"]
    return words


def step_words(snapshot: Snapshot, path: FoundPath, at: int) -> str:
    """Name one step by type; the root by why it is one."""
    type_name = snapshot.types[int(snapshot.type_index[path.objects[at]])].name
    if at > 0:
        return f"{_name_at(path, at)} {shown_type(type_name, MAX_LABEL)}".strip()
    why = root_words(path.root)
    return why if path.root.kind in {"module", "frame", "thread"} else f"{shown_type(type_name, MAX_LABEL)} ({why})"


def _name_at(path: FoundPath, at: int) -> str:
    return safe_text(path.names[at], MAX_LABEL) if at < len(path.names) else ""


def ways_model(snapshot: Snapshot, answer: PathAnswer, writing: Writing) -> TableModel[NumberedPath]:
    """Build the table of ways, in the order of the answer."""
    rows = [NumberedPath(number, path) for number, path in enumerate(answer.paths, 1)]
    merged: list[Column[NumberedPath]] = [
        Column("share", "Share", lambda row: percent(row.path.share), lambda row: row.path.share, 6),
        Column("count", "Objects", lambda row: writing.count(row.path.count), lambda row: row.path.count, 9),
    ]
    single: list[Column[NumberedPath]] = [
        Column("number", "#", lambda row: str(row.number), lambda row: row.number, 3),
        Column("steps", "Steps", lambda row: f"{len(row.path.objects):,}", lambda row: len(row.path.objects), 9),
    ]
    way: Column[NumberedPath] = Column(
        "way", "From the root", lambda row: " ▸ ".join(steps_words(snapshot, row.path)), align="left"
    )
    return TableModel(rows, [*(merged if answer.is_merged else single), way], lambda row: FilterFacts(""))


def path_steps_model(holders: HolderIndex, path: FoundPath, writing: Writing) -> TableModel[int]:
    """Build the table of the steps of one way; a row is a step's place on it, 0 for the root."""
    snapshot, retained = holders.tree.snapshot, holders.tree.retained
    wide = 5 if writing.exact else 0

    def style(at: int) -> str:
        return "" if path.is_shared[at] else "dim"

    columns: list[Column[int]] = [
        Column("step", "Step", lambda at: _indented(at, step_words(snapshot, path, at)), align="left"),
        Column("where", "Where", lambda at: _where(snapshot, path, at), width=19, align="left", keep_end=True, rank=2,
               style=style),
        Column("shallow", "Shallow", lambda at: writing.size(int(snapshot.shallow[path.objects[at]])), width=8 + wide,
               rank=1, style=style),
        Column("retained", "Retained", lambda at: writing.retained(int(retained[path.objects[at]])), width=8 + wide,
               style=style),
        Column("refcount", "Refs", lambda at: writing.count(int(snapshot.refcount[path.objects[at]])), width=7, rank=3,
               style=style),
    ]  # fmt: skip
    return TableModel(range(len(path.objects)), columns, lambda at: FilterFacts(""))


def _indented(at: int, words: str) -> str:
    if at == 0:
        return f"● {words}"
    depth = f"{at}: " if at > MAX_STEP_INDENT else ""
    return f"{'  ' * (min(at, MAX_STEP_INDENT) - 1)}└▸ {depth}{words}"


def _where(snapshot: Snapshot, path: FoundPath, at: int) -> str:
    """Write the place in the sources, where there is one; else the address."""
    place = path.places[at] if at < len(path.places) and path.is_shared[at] else ""
    return safe_text(place, 200) if place else _address(snapshot, path, at)


def _address(snapshot: Snapshot, path: FoundPath, at: int) -> str:
    words = address_words(snapshot, path.objects[at])
    return words if path.is_shared[at] else f"e.g. {words}"


def paths_head(question: PathQuestion, answer: PathAnswer | None) -> Line:
    """Write whose paths these are, and how much the table covers."""
    head = line((" Paths from the roots to ", "dim"), (safe_text(question.title, 120), "title"))
    if question.excluded:
        head = (*head, *line((f"  without {counted(len(question.excluded), 'reference')}", "warn")))
    if answer is None or not answer.paths:
        return head
    if not answer.is_merged:
        return (*head, *line(f"   {len(answer.paths)} shortest"))
    covered = sum(path.count for path in answer.paths) / max(1, answer.count)
    return (*head, *line(f"   {counted(len(answer.paths), 'group')} = {percent(covered)}"))


def paths_notes(answer: PathAnswer, writing: Writing) -> list[Line]:
    """Write what the tables leave out."""
    notes = []
    if answer.paths and answer.unreached:
        notes.append(line((" ! ", "warn"), f"no root leads to {writing.count(answer.unreached)} of them"))
    if answer.other_count:
        notes.append(line((f"   other ways lead to {writing.count(answer.other_count)} of them", "dim")))
    return notes


def no_paths(question: PathQuestion) -> list[Line]:
    """Say why there is no way."""
    if question.excluded:
        return [line("  No way is left without the excluded references."), line(("  esc", "key"), " takes them back")]
    return [line("  No root leads there: it awaits collection, or only objects do that await it themselves.")]


def searching_lines(share: float | None, *, is_ready: bool) -> list[Line]:
    """Write what stands in place of ways that are being searched."""
    what = "searching shortest ways" if is_ready else "waiting for the dominators"
    done = f" {share:.0%}" if share else ""
    return [line(("  … ", "title"), f"{what}{done}"), line(("    esc", "key"), (" cancels", "dim"))]


def copy_path(holders: HolderIndex, path: FoundPath) -> str:
    """Write a way as text, a step a line, the root first."""
    snapshot = holders.tree.snapshot
    lines = [f"{percent(path.share)} of them, {counted(path.count, 'object')}"] if path.count > 1 else []
    for at, one in enumerate(path.objects[:MAX_COPIED_STEPS]):
        what = root_words(path.root) + "  " if at == 0 else ""
        place = f"  {safe_text(path.places[at], 200)}" if at < len(path.places) and path.places[at] else ""
        lines.append(f"{'  ' * min(at, 16)}{what}{object_words(snapshot, one, _name_at(path, at))}{place}")
    left_out = len(path.objects) - MAX_COPIED_STEPS
    return "\n".join([*lines, f"… {left_out:,} more {noun_for(left_out, 'step')}"] if left_out > 0 else lines)


def export_paths(holders: HolderIndex, paths: Sequence[NumberedPath], total: int) -> ExportTable:
    """Return the steps of all ways, one a row."""
    snapshot, retained = holders.tree.snapshot, holders.tree.retained
    rows = [
        {
            "path": numbered.number,
            "objects_with_it": numbered.path.count,
            "root_kind": numbered.path.root.kind,
            "root_label": numbered.path.root.label,
            "step": at,
            "name": numbered.path.names[at] if at < len(numbered.path.names) else "",
            "type": snapshot.types[int(snapshot.type_index[one])].name,
            "address": int(snapshot.address[one]),
            "place": numbered.path.places[at] if at < len(numbered.path.places) else "",
            "is_shared": numbered.path.is_shared[at],
            "shallow_bytes": int(snapshot.shallow[one]),
            "retained_bytes": int(retained[one]),
        }
        for numbered in paths
        for at, one in enumerate(numbered.path.objects[:MAX_EXPORTED_STEPS])
    ]
    return ExportTable("paths", rows, max(total, len(rows)))

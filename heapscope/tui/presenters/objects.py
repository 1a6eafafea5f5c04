"""Owns the words and figures of single objects: all instances of a type, one object with what it refers to and what refers to it.

Pure. A row reads the columns of one object, so that a list may have millions of them. Values were not captured, and are not invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heapscope.tui.arraymodel import ArrayModel
from heapscope.tui.holders import HolderIndex, PathQuestion
from heapscope.tui.inspection import ObjectFacts, ObjectList
from heapscope.tui.lines import EMPTY, Line, line
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.paths import steps_words
from heapscope.tui.presenters.roots import MAX_LABEL, object_words, root_words
from heapscope.tui.state import Writing
from heapscope.tui.tablemodel import Column
from heapscope.tui.textfit import cut_start, safe_text

if TYPE_CHECKING:
    from heapscope.snapshot.model import Snapshot

MAX_EXPORTED = 10_000
NAME_WIDTH = 24


def holder_words(holders: HolderIndex, node: int) -> str:
    """Say what holds an object alone; words for garbage, and for what several things hold."""
    tree = holders.tree
    above = int(tree.dominators.immediate[node])
    if not tree.roots.reached[node]:
        return "awaits collection"
    if above == tree.root:
        info = tree.info(node)
        return f"is a root: {root_words(info)}" if info is not None else "nothing: several lead here"
    info = tree.info(above)
    if above >= tree.snapshot.object_count:
        return root_words(info) if info is not None else ""
    if info is not None and info.kind in {"module", "frame"}:
        return root_words(info)
    return object_words(tree.snapshot, above, holders.names.name(above, node))


def _sizes(holders: HolderIndex, objects: ObjectList, writing: Writing) -> list[Column[int]]:
    snapshot, retained = holders.tree.snapshot, holders.tree.retained
    wide = 5 if writing.exact else 0

    def at(position: int) -> int:
        return int(objects.objects[position])

    return [
        Column("refcount", "Refs", lambda row: writing.count(int(snapshot.refcount[at(row)])), at, 7, rank=4),
        Column("length", "Length", lambda row: _length(snapshot, at(row), writing), at, 9, rank=3),
        Column("shallow", "Shallow", lambda row: writing.size(int(snapshot.shallow[at(row)])), at, 8 + wide, rank=2),
        Column("retained", "Retained", lambda row: writing.size(int(retained[at(row)])), at, 9 + wide),
    ]


def _length(snapshot: Snapshot, index: int, writing: Writing) -> str:
    length = int(snapshot.length[index])
    return writing.count(length) if length >= 0 else ""


def instances_model(holders: HolderIndex, objects: ObjectList, writing: Writing) -> ArrayModel:
    """Build the table of all instances, the largest first."""
    snapshot = holders.tree.snapshot
    columns: list[Column[int]] = [
        Column("address", "Address", lambda row: f"{int(snapshot.address[objects.objects[row]]):#x}", lambda row: row, 16, align="left"),
        *_sizes(holders, objects, writing),
        Column("holder", "Held alone by", lambda row: holder_words(holders, int(objects.objects[row])), align="left", rank=1),
    ]  # fmt: skip
    return ArrayModel(objects.count, columns, objects.orders, sort_key="retained")


def instances_head(question: PathQuestion, objects: ObjectList | None, writing: Writing) -> Line:
    """Write which objects these are."""
    head = line((" All instances  ", "dim"), (safe_text(question.title, 120), "title"))
    if objects is None:
        return head
    return (*head, *line((f"   {writing.size(objects.shallow_bytes)} shallow", "dim")))


def waiting_lines(share: float | None, *, is_ready: bool) -> list[Line]:
    """Write what stands in place of an answer that is being computed."""
    what = "looking" if is_ready else "waiting for the dominators"
    done = f" {share:.0%}" if share else ""
    return [line(("  … ", "title"), f"{what}{done}"), line(("    esc", "key"), (" cancels", "dim"))]


def none_lines() -> list[Line]:
    """Write what stands in place of an empty list."""
    return [line("  This snapshot has no such object.")]


def neighbours_model(holders: HolderIndex, objects: ObjectList, writing: Writing, title: str) -> ArrayModel:
    """Build the table of what an object refers to, or of what refers to it."""
    snapshot = holders.tree.snapshot

    def what(row: int) -> str:
        return object_words(snapshot, int(objects.objects[row]))

    columns: list[Column[int]] = [
        Column("place", title, lambda row: safe_text(objects.name_of(row), MAX_LABEL), lambda row: row, NAME_WIDTH, align="left",
               ascending_first=True),
        Column("what", "Object", what, align="left", min_width=22),
        *(column for column in _sizes(holders, objects, writing) if column.key != "length"),
    ]  # fmt: skip
    return ArrayModel(objects.count, columns, objects.orders, sort_key="retained")


def inspect_head(question: PathQuestion, facts: ObjectFacts | None, snapshot: Snapshot | None) -> Line:
    """Write which object this is."""
    if facts is None or snapshot is None:
        return line((" Inspect  ", "dim"), (safe_text(question.title, 120), "title"))
    which = f"  largest of {facts.chosen_from:,}" if facts.chosen_from > 1 else ""
    return line((f" Inspect{which}  ", "dim"), (object_words(snapshot, facts.index), "title"))


def inspect_lines(holders: HolderIndex, facts: ObjectFacts, writing: Writing, width: int) -> list[Line]:
    """Write what is known of an object besides its neighbours."""
    recursive = writing.size(facts.recursive_bytes) if facts.recursive_bytes is not None else "…"
    return [
        line(
            (" self ", "dim"), (writing.size(facts.shallow_bytes), "strong"),
            ("   retained ", "dim"), (writing.size(facts.retained_bytes), "strong"),
            ("   recursive ", "dim"), (recursive, "strong"),
            ("   refs ", "dim"), (writing.count(facts.refcount), "strong"), (f"  {refs_words(facts)}", "dim"),
        ),
        line((f" {kind_words(facts, writing)}", "dim")),
        line((" held alone by ", "dim"), holder_words(holders, facts.index)),
        _way_line(holders.tree.snapshot, facts, width),
    ]  # fmt: skip


def refs_words(facts: ObjectFacts) -> str:
    """Say whether the reference count is accounted for."""
    if facts.held_by_c is None:
        return "immortal, or no object of its own"
    if facts.held_by_c > 0:
        return f"{facts.held_by_c:,} of them held by C code"
    return "all accounted for" if facts.held_by_c == 0 else f"{-facts.held_by_c:,} references own no count"


def kind_words(facts: ObjectFacts, writing: Writing) -> str:
    """Write length, place, attributes, generation and flags."""
    parts = [safe_text(facts.place, 100)] if facts.place else []
    if facts.length is not None:
        parts.append(f"length {writing.count(facts.length)}")
    if facts.dict_state is not None:
        parts.append(f"attributes: {facts.dict_state.replace('_', ' ')}")
    if facts.generation is not None:
        parts.append(f"generation {facts.generation}")
    parts += [flag for flag in facts.flags if flag != "tracked"]
    if "tracked" not in facts.flags:
        parts.append("not tracked by the collector")
    return " · ".join(parts)


def _way_line(snapshot: Snapshot, facts: ObjectFacts, width: int) -> Line:
    if not facts.is_reachable:
        return line((" ! ", "warn"), "no root leads here: it awaits collection")
    if facts.way is None:
        return line((" alive by way of ", "dim"), "…")
    way = " ▸ ".join(steps_words(snapshot, facts.way))
    return line((" alive by way of ", "dim"), cut_start(way, max(20, width - 18)))


def values_note(facts: ObjectFacts) -> list[Line]:
    """Say what is not here."""
    none = [] if facts.members.count else [line((" It refers to nothing that was recorded.", "dim"))]
    return [*none, line((" Values are not captured: names, types and sizes only.", "dim"))]


def referrers_note(facts: ObjectFacts) -> Line:
    """Stand in for referrers that are not known yet, or that there are none of."""
    if facts.referrers is None:
        return line((" … looking for what refers to it", "dim"))
    return line((" Nothing recorded refers to it.", "dim")) if not facts.referrers.count else EMPTY


def copy_facts(holders: HolderIndex, facts: ObjectFacts, writing: Writing) -> str:
    """Write an object as text."""
    return "\n".join(
        "".join(span.text for span in one).strip()
        for one in (
            inspect_head(PathQuestion(""), facts, holders.tree.snapshot),
            *inspect_lines(holders, facts, writing, 4_000),
        )
    )


def copy_row(holders: HolderIndex, objects: ObjectList, row: int, writing: Writing) -> str:
    """Write a row as text."""
    index = int(objects.objects[row])
    name = safe_text(objects.name_of(row), MAX_LABEL)
    retained = writing.size(int(holders.tree.retained[index]))
    return f"{object_words(holders.tree.snapshot, index, name)}  retained {retained}"


def export_objects(holders: HolderIndex, name: str, objects: ObjectList, rows: Sequence[int]) -> ExportTable:
    """Return rows in the order shown; at most MAX_EXPORTED of them."""
    snapshot = holders.tree.snapshot
    out = []
    for row in rows[:MAX_EXPORTED]:
        index = int(objects.objects[row])
        out.append(
            {
                "name": objects.name_of(row),
                "type": snapshot.types[int(snapshot.type_index[index])].name,
                "address": int(snapshot.address[index]),
                "length": int(snapshot.length[index]) if int(snapshot.length[index]) >= 0 else None,
                "refcount": int(snapshot.refcount[index]),
                "shallow_bytes": int(snapshot.shallow[index]),
                "retained_bytes": int(holders.tree.retained[index]),
            }
        )
    return ExportTable(name, out, objects.count)

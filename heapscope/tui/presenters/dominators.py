"""Owns the words and figures of the Dominators view: columns, labels, filter facts, the line above the tree.

Pure; the tree itself is analysis's, and a label reads the columns of one object at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from heapscope.errors import HeapscopeError
from heapscope.tui.filters import FilterFacts
from heapscope.tui.holders import PathQuestion
from heapscope.tui.lines import Line, line
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.roots import MAX_LABEL, object_words, root_words
from heapscope.tui.presenters.types import module_of
from heapscope.tui.state import Writing
from heapscope.tui.tablemodel import Column
from heapscope.tui.textfit import percent, safe_text, shown_type
from heapscope.tui.treemodel import TreeItem, TreeModel, item_of_row
from heapscope.units import noun_for

if TYPE_CHECKING:
    from heapscope.analysis.dominators import DominatorTree, TreeRow

MAX_INDENT = 16  # deeper lines say their depth instead of moving out of sight
GARBAGE_WORDS = "garbage awaiting collection"
ACCUMULATING_SHARE = 0.1  # of all that lives
_SPEAKING_KINDS = frozenset({"module", "frame"})  # roots that their label finds; type and address would add nothing


def make_tree(tree: DominatorTree, root: TreeRow, writing: Writing) -> TreeModel:
    """Build the table: the root, closed, and what awaits collection."""
    roots = tree.roots
    garbage = TreeItem(0, None, roots.garbage_count, roots.garbage_bytes, None) if roots.garbage_count else None
    model = TreeModel(item_of_row(root, None), garbage, tree_columns(tree, writing), tree_facts(tree))
    model.refresh()
    return model


def tree_columns(tree: DominatorTree, writing: Writing) -> list[Column[TreeItem]]:
    """Return the columns; none sorts, because children stand below what holds them."""
    wide = 5 if writing.exact else 0
    total = tree.snapshot.heap_bytes or 1

    def share(item: TreeItem) -> float:
        held = item.retained_bytes if item.retained_bytes is not None else item.shallow_bytes
        return (held or 0) / total

    return [
        Column("retained", "Retained", lambda item: writing.retained(item.retained_bytes), width=9 + wide),
        Column("share", "%heap", lambda item: percent(share(item)), width=6),
        Column("bar", "", lambda item: "", width=8, align="left", rank=3, style=lambda item: "bar", bar_share=share),
        Column("shallow", "Shallow", lambda item: _shallow(item, writing), width=8 + wide, rank=1),
        Column("count", "Count", lambda item: writing.count(item.count), width=9 + wide // 2, rank=2),
        Column("label", "Who holds it", lambda item: tree_label(tree, item, writing), align="left", min_width=44, max_width=120,
               style=_label_style),
    ]  # fmt: skip


def _label_style(item: TreeItem) -> str:
    return "warn" if item.accumulates else "" if item.row is not None else "dim"


def _shallow(item: TreeItem, writing: Writing) -> str:
    return writing.size(item.shallow_bytes) if item.shallow_bytes is not None else ""


def tree_label(tree: DominatorTree, item: TreeItem, writing: Writing) -> str:
    """Write a line's place in the tree, its sign, and what it is."""
    indent = "  " * item.depth if item.depth <= MAX_INDENT else "  " * MAX_INDENT + f"{item.depth}: "
    if item.is_waiting:
        sign = "…"
    elif item.can_open:
        sign = "▼" if item.is_open else "▶"
    else:
        sign = " " if item.row is not None or item.rest is not None else "·"
    return f"{indent}{sign} {item_words(tree, item, writing)}"


def item_words(tree: DominatorTree, item: TreeItem, writing: Writing) -> str:
    """Say what a line is, without its place."""
    if item.rest is not None:
        rows = f"{writing.count(item.rest.row_count)} smaller {noun_for(item.rest.row_count, 'row')}"
        return rows if item.rest.row_count == item.count else f"{rows}, {writing.counted(item.count, 'object')}"
    if item.row is None:
        return GARBAGE_WORDS
    words = _row_words(tree, item.row, writing)
    return f"accumulates: {words}" if item.accumulates else words


def _row_words(tree: DominatorTree, row: TreeRow, writing: Writing) -> str:
    if row.count > 1:
        each = f"  each {writing.size(row.average_bytes)}, largest {writing.size(row.largest_bytes)}"
        return f"{writing.count(row.count)} × {shown_type(row.type_name, MAX_LABEL)}{each}"
    node = int(row.nodes[0])
    if node >= tree.snapshot.object_count:
        return root_words(row.root) if row.root is not None and row.root.kind else "<roots>"
    words = object_words(tree.snapshot, node)
    if row.root is None:
        return words
    why = root_words(row.root)
    if row.root.kind in _SPEAKING_KINDS:
        return why
    return f"{words}  {why}"


def mark_accumulating(tree: DominatorTree, item: TreeItem) -> None:
    """Mark a line that holds a large share, most of it in many children of which none is large."""
    row = item.row
    if row is None or row.count > 1 or int(row.nodes[0]) >= tree.snapshot.object_count or not item.children:
        return
    largest = max((child.row.largest_bytes for child in item.children if child.row is not None), default=0)
    is_large = row.retained_bytes >= ACCUMULATING_SHARE * tree.reachable_bytes
    item.accumulates = is_large and largest < row.retained_bytes / 2 and row.shallow_bytes < row.retained_bytes / 2


def tree_facts(tree: DominatorTree) -> Callable[[TreeItem], FilterFacts]:
    """Return what a filter may ask about a line."""

    def facts(item: TreeItem) -> FilterFacts:
        type_name = item.row.type_name if item.row is not None else ""
        numbers = {"count": item.count, "shallow": item.shallow_bytes, "retained": item.retained_bytes}
        words = item_words(tree, item, Writing())
        return FilterFacts(words, module_of(type_name), numbers=numbers, full_text=f"{words} {type_name}")

    return facts


def no_facts(_row: object) -> FilterFacts:
    """Return the facts of a row of an empty table."""
    return FilterFacts("")


def path_question_of(tree: DominatorTree, item: TreeItem) -> PathQuestion | None:
    """Return the question for the paths of a line; None where there are none: roots, threads, rests, garbage."""
    if item.row is None or int(item.row.nodes[0]) >= tree.snapshot.object_count:
        return None
    if item.count == 1:
        title = object_words(tree.snapshot, int(item.row.nodes[0]))
        if item.row.root is not None and item.row.root.kind in _SPEAKING_KINDS:
            title = root_words(item.row.root)
        return PathQuestion(title, objects=item.row.nodes)
    return PathQuestion(f"{item.count:,} × {shown_type(item.row.type_name, MAX_LABEL)}", objects=item.row.nodes)


def treemap_question(tree: DominatorTree, item: TreeItem | None, writing: Writing) -> PathQuestion:
    """Return the question for the treemap of a line; of everything where there is nothing below it."""
    if item is None or item.row is None or not item.row.child_count:
        return PathQuestion("<roots>")
    return PathQuestion(item_words(tree, item, writing), objects=item.row.nodes)


def tree_head(tree: DominatorTree, writing: Writing, *, merge: bool, width: int) -> Line:
    """Write the line above the tree."""
    garbage = tree.roots.garbage_bytes
    awaits = f"{writing.size(garbage)} garbage awaiting collection" if garbage else "no garbage"
    longest = (
        line((" freeing a row frees all below it", "dim"), f"   {writing.size(tree.reachable_bytes)} live, {awaits}")
        if width >= 100
        else line((" retained: what a row's end would free", "dim"))
    )
    return (*longest, *line(("   m", "key"), f" {'types merged' if merge else 'single objects'}"))


def waiting_lines(share: float | None) -> Sequence[Line]:
    """Write what stands in place of a tree that is being computed."""
    done = f" {share:.0%}" if share else ""
    return [line(("  … ", "title"), f"finding out who holds what{done}"), _STAYS]


_STAYS = line(("    the other tabs can be used meanwhile", "dim"))


def failed_lines(error: HeapscopeError) -> Sequence[Line]:
    """Write what stands in place of a tree that could not be computed."""
    return [
        line(("  ✘ ", "bad"), safe_text(error.message)),
        line((f"    {safe_text(error.hint)}", "dim")),
        line(("    R", "key"), " tries again"),
    ]


def empty_lines() -> Sequence[Line]:
    """Write what stands in place of the tree of an empty snapshot."""
    return [line("  This snapshot holds no objects: there is nothing to hold.")]


def export_tree(tree: DominatorTree, items: Sequence[TreeItem], total: int) -> ExportTable:
    """Return the lines that are open, in the order shown."""
    rows = []
    for item in items:
        row = item.row
        first = int(row.nodes[0]) if row is not None else tree.root
        is_object = row is not None and item.count == 1 and first < tree.snapshot.object_count
        root = row.root if row is not None else None
        rows.append(
            {
                "depth": item.depth,
                "kind": "rest" if item.rest is not None else "garbage" if row is None else "objects",
                "type": row.type_name if row is not None else "",
                "address": int(tree.snapshot.address[first]) if is_object else None,
                "root_kind": root.kind if root is not None else "",
                "root_label": root.label if root is not None else "",
                "count": item.count,
                "shallow_bytes": item.shallow_bytes,
                "retained_bytes": item.retained_bytes,
            }
        )
    return ExportTable("dominators", rows, total)

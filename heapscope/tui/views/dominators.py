"""Owns the Dominators tab: who holds the memory, as a tree over a table; rows open when asked to.

Never computes children: it wishes for them, goes on, and puts them in place when they come.
"""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.message import Message

from heapscope.errors import HeapscopeError
from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.holder_jobs import DescentFound, DescentWish, LevelFound, LevelWish
from heapscope.tui.holders import HolderIndex, PathQuestion, Rest
from heapscope.tui.lines import Lines
from heapscope.tui.presenters import dominators as words
from heapscope.tui.presenters.commands import command
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.roots import address_words
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.textfit import safe_text
from heapscope.tui.treemodel import TreeItem, TreeModel
from heapscope.tui.views.base import HeapTab
from heapscope.tui.vtable import VTable


class DominatorsTab(HeapTab):
    """Tab 4."""

    BINDINGS = bindings_of(Scope.TREE)
    scopes: ClassVar[tuple[Scope, ...]] = (Scope.TREE,)
    fills_at_once = True
    DEFAULT_CSS = """
    DominatorsTab #dominators-head { height: 1; }
    DominatorsTab.-waiting #dominators-head { height: auto; padding: 1 0; }
    DominatorsTab.-waiting VTable { display: none; }
    """
    row_state = "open"

    class LevelWanted(Message):
        """Children are wanted."""

        def __init__(self, wish: LevelWish) -> None:
            super().__init__()
            self.wish = wish

    class DescentWanted(Message):
        """The tree is wanted down to a place."""

        def __init__(self, wish: DescentWish) -> None:
            super().__init__()
            self.wish = wish

    class TreemapWanted(Message):
        """What a row retains should be drawn."""

        def __init__(self, holders: HolderIndex, question: PathQuestion) -> None:
            super().__init__()
            self.holders = holders
            self.question = question

    class HoldersWanted(Message):
        """The dominators should be computed again."""

    def __init__(self, *, ascii_only: bool, **kwargs: Any) -> None:
        super().__init__(ascii_only=ascii_only, **kwargs)
        self.merge = True
        self.holders: HolderIndex | None = None
        self.error: HeapscopeError | None = None
        self.share: float | None = None

    def parts(self) -> ComposeResult:
        """A line above, and the tree."""
        yield Lines(id="dominators-head", ascii_only=self.ascii_only)
        yield VTable(id="dominators-table", ascii_only=self.ascii_only)

    @property
    def tree_model(self) -> TreeModel | None:
        """The open lines; None until the dominators are found."""
        model = self.table.model
        return model if isinstance(model, TreeModel) and self.holders is not None else None

    def build_model(self, view: HeapView, writing: Writing) -> TableModel[Any]:
        """Return the tree, closed."""
        assert view.holders is not None
        tree = view.holders.tree
        return words.make_tree(tree, tree.row(tree.root), writing)

    def show_view(self, view: HeapView, writing: Writing) -> None:
        """Show the tree of a snapshot, once it is there; the same one stays as open as it is."""
        before, self.view, self.writing = self.holders, view, writing
        self.holders = view.holders
        model = self.tree_model
        if self.holders is not None and self.holders is before and model is not None:
            model.set_columns(words.tree_columns(self.holders.tree, writing))
            self.table.show(model)
        elif self.holders is not None:
            self.error = None
            self.table.show(self.build_model(view, writing), 0)
            self.show_place(None)
        elif before is not None:
            # Lets go of the tree of the snapshot before.
            self.table.show(TableModel((), (), words.no_facts), 0)
        self.show_around()
        self.post_message(self.Changed())

    def note(self) -> str:
        """Say how many rows are open."""
        return super().note() if self.tree_model is not None else ""

    def show_place(self, node: int | None) -> None:
        """Open the tree down to a node, or down to the largest holders."""
        if self.holders is not None:
            self.post_message(self.DescentWanted(DescentWish(self.holders, node, self.merge)))

    def show_work(self, share: float | None, error: HeapscopeError | None) -> None:
        """Say how far the dominators are, or why there are none."""
        self.share, self.error = share, error
        self.show_around()

    def show_around(self) -> None:
        """Write the line above, or what stands in place of the tree."""
        holders, lines = self.holders, words.waiting_lines(self.share)
        if self.view is not None and not self.view.current.snapshot.object_count:
            lines = words.empty_lines()
            holders = None
        elif holders is not None:
            lines = [words.tree_head(holders.tree, self.writing, merge=self.merge, width=self.size.width)]
        elif self.error is not None:
            lines = words.failed_lines(self.error)
        self.set_class(holders is None, "-waiting")
        self.query_one("#dominators-head", Lines).show(lines)

    def on_resize(self, _event: events.Resize) -> None:
        """Choose the words for the new width."""
        self.show_around()

    def on_show(self) -> None:
        """Choose the words for the width, which is known now."""
        self.show_around()

    def take_level(self, event: LevelFound) -> None:
        """Put children in place, unless another tree is shown by now."""
        model, place = self.tree_model, event.wish.place
        if model is None or event.wish.holders is not self.holders or not isinstance(place, TreeItem):
            return
        if event.level is None:
            place.is_waiting = False
            self._complain(event.error)
        else:
            model.put_level(place, event.level)
            if self.holders is not None:
                words.mark_accumulating(self.holders.tree, place)
        self._redraw()

    def take_descent(self, event: DescentFound) -> None:
        """Show the tree as a descent opened it."""
        if self.view is None or self.holders is None or event.wish.holders is not self.holders:
            return
        if event.wish.merge is not self.merge:
            return  # the key was pressed again; what is wanted now is on its way
        if event.descent is None:
            self._complain(event.error)
            return
        model = self.build_model(self.view, self.writing)
        assert isinstance(model, TreeModel)
        if self.filter.predicates and event.wish.node is None:
            model.set_filter(self.filter)
        end = model.put_descent(event.descent)
        for item in model.rows:
            words.mark_accumulating(self.holders.tree, item)
        self.table.show(model, model.position_of(end) if event.wish.node is not None else 0)
        if not event.descent.levels:
            self.notify("no root reaches this object: it awaits collection", markup=False)
        elif not event.descent.is_complete:
            self.notify("deeper than can be opened at once; this is as far as it goes", markup=False)
        self.show_around()
        self.post_message(self.Changed())

    def _complain(self, error: HeapscopeError | None) -> None:
        if error is not None:
            self.notify(safe_text(error.message), markup=False, severity="error")

    def _redraw(self, item: TreeItem | None = None) -> None:
        """Draw changed lines; the cursor stays on its line, or goes to another."""
        model = self.tree_model
        if model is not None:
            self.table.show(model, model.position_of(item) if item is not None else None)
            self.post_message(self.Changed())

    def action_switch(self) -> None:
        """Open or close the row under the cursor."""
        item = self.current_row()
        if item is not None and item.is_open:
            self.action_close()
        else:
            self.action_open()

    def action_open(self) -> None:
        """Open the row under the cursor; if it is open, go to its first child."""
        item, model = self.current_row(), self.tree_model
        if model is None or self.holders is None or not isinstance(item, TreeItem) or not item.can_open:
            return
        if item.is_open:
            self.table.action_cursor(1)
        elif item.children is not None:
            item.is_open = True
            model.refresh()
            self._redraw(item)
        elif not item.is_waiting:
            item.is_waiting = True
            nodes: Any = item.rest if isinstance(item.rest, Rest) else item.row.nodes if item.row is not None else None
            self.post_message(self.LevelWanted(LevelWish(self.holders, item, nodes, self.merge)))
            self.table.refresh()

    def action_close(self) -> None:
        """Close the row under the cursor; if it is closed, go to what holds it."""
        item, model = self.current_row(), self.tree_model
        if model is None or not isinstance(item, TreeItem):
            return
        if item.is_open:
            item.is_open = False
            model.refresh()
            self._redraw(item)
        elif item.parent is not None:
            self._redraw(item.parent)

    def action_toggle_merge(self) -> None:
        """Show children of one type as one row, or each object for itself."""
        self.merge = not self.merge
        self.show_place(None)
        self.show_around()

    def action_treemap(self) -> None:
        """Draw what the row under the cursor retains; all that lives, where that cannot be divided."""
        if self.holders is not None and self.tree_model is not None:
            question = words.treemap_question(self.holders.tree, self.current_row(), self.writing)
            self.post_message(self.TreemapWanted(self.holders, question))

    def action_retry_holders(self) -> None:
        """Compute the dominators again after an error."""
        if self.error is not None:
            self.post_message(self.HoldersWanted())

    def path_question(self) -> PathQuestion | None:
        """Ask for the paths of the row under the cursor."""
        item = self.current_row()
        if self.holders is None or not isinstance(item, TreeItem):
            return None
        return words.path_question_of(self.holders.tree, item)

    def export(self) -> ExportTable:
        """Export the open rows that the filter lets through."""
        model = self.tree_model
        if model is None or self.holders is None:
            return ExportTable("dominators", [], 0)
        return words.export_tree(self.holders.tree, model.visible_rows(), len(model.rows))

    def command(self, source: str) -> str:
        """Return the command line for the tree; below the row under the cursor, where that is one object."""
        question = self.path_question()
        objects = question.objects if question is not None else None
        if self.holders is None or objects is None or objects.size != 1:
            return command("dominators", source)
        return command("dominators", source, "--under", address_words(self.holders.tree.snapshot, int(objects[0])))

    def copy_text(self) -> str:
        """Copy the row with what is above it, the root first."""
        item, lines = self.current_row(), []
        while self.holders is not None and isinstance(item, TreeItem):
            what = words.item_words(self.holders.tree, item, self.writing)
            lines.append(f"{self.writing.retained(item.retained_bytes):>9}  {'  ' * min(item.depth, 16)}{what}")
            item = item.parent
        return "\n".join(reversed(lines))

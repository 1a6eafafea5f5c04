"""Owns the Instances screen: all objects of a type, or of a row, in one table.

Never answers: it posts questions, and the application brings answers.
"""

from __future__ import annotations

from textual.app import ComposeResult

from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.arraymodel import ArrayModel
from heapscope.tui.chrome import KeyBar
from heapscope.tui.inspection import ObjectList
from heapscope.tui.lines import Line, Lines
from heapscope.tui.presenters import objects as words
from heapscope.tui.presenters.dominators import failed_lines
from heapscope.tui.screens.objects import ObjectsScreen
from heapscope.tui.vtable import VTable


class InstancesScreen(ObjectsScreen):
    """One table."""

    BINDINGS = bindings_of(Scope.INSTANCES)
    DEFAULT_CSS = """
    InstancesScreen VTable { height: 1fr; }
    """
    lists = True

    def compose(self) -> ComposeResult:
        """From the top row to the bottom row."""
        yield Lines(id="header", ascii_only=self._ascii_only)
        yield Lines(id="instances-head", classes="pushed-head", ascii_only=self._ascii_only)
        yield Lines(id="instances-state", classes="pushed-state", ascii_only=self._ascii_only)
        yield VTable(id="instances-table", ascii_only=self._ascii_only)
        yield KeyBar(Scope.TABLE, Scope.INSTANCES, ascii_only=self._ascii_only)
        yield self.size_notice()

    @property
    def table(self) -> VTable:
        """The table."""
        return self.query_one(VTable)

    def shown_list(self) -> ObjectList | None:
        """Return the instances, once they are known."""
        return self.answer if isinstance(self.answer, ObjectList) else None

    def draw(self) -> None:
        """Draw the instances, or what stands in their place."""
        if not self.is_composed:
            return
        objects, lines = self.shown_list(), list[Line]()
        if self.error is not None:
            lines = [*failed_lines(self.error)]
        elif objects is None:
            lines = words.waiting_lines(self.share, is_ready=self.holders is not None)
        elif not objects.count:
            lines = words.none_lines()
        self.set_class(bool(lines), "-waiting")
        self.query_one("#instances-state", Lines).show(lines)
        self.query_one("#instances-head", Lines).show([words.instances_head(self.question, objects, self.writing)])
        if objects is not None and self.holders is not None:
            model, before = words.instances_model(self.holders, objects, self.writing), self.table.model
            if isinstance(before, ArrayModel):
                model.sort_by(before.sort_key, descending=before.descending)
            self.table.show(model)

"""Owns the Growth tab: what grew since the baseline, by what holds it or by type, and what to do while there is no baseline.

Never computes changes: they come with the view.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult

from heapscope.errors import HeapscopeError
from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.holders import PathQuestion
from heapscope.tui.lines import Lines
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.growth import (
    GrowthWork,
    export_growth,
    export_holders,
    growth_head,
    growth_model,
    holders_model,
)
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.textfit import safe_text
from heapscope.tui.views.base import HeapTab
from heapscope.tui.vtable import VTable


class GrowthTab(HeapTab):
    """Tab 3. It has two faces: holders, and types."""

    BINDINGS = bindings_of(Scope.GROWTH)
    DEFAULT_CSS = """
    GrowthTab.-waiting VTable { display: none; }
    """
    scopes: ClassVar[tuple[Scope, ...]] = (Scope.TABLE, Scope.GROWTH)
    row_state = "changed"

    def __init__(self, *, ascii_only: bool, **kwargs: Any) -> None:
        super().__init__(ascii_only=ascii_only, **kwargs)
        self.by_holder = True
        self._work = GrowthWork()

    def parts(self) -> ComposeResult:
        """What is compared, table."""
        yield Lines(id="growth-head", ascii_only=self.ascii_only)
        yield VTable(id="growth-table", ascii_only=self.ascii_only)

    @property
    def row_word(self) -> str:  # type: ignore[override]
        """What the rows are."""
        return "holder" if self.by_holder else "type"

    @property
    def renamed(self) -> Mapping[str, str]:
        """The key leads to the other face."""
        return {} if self.by_holder else {"other_growth": "Holders"}

    def since(self) -> str:
        """The head says it."""
        return ""

    def note(self) -> str:
        """Say nothing while there is nothing to compare."""
        view = self.view
        if view is None or view.deltas is None or (self.by_holder and view.growth is None):
            return ""
        return super().note()

    def row_key(self, row: Any) -> object:
        """Holders have names of their own."""
        return row.holder if self.by_holder else row.type_name

    def build_model(self, view: HeapView, writing: Writing) -> TableModel[Any]:
        """Return what changed."""
        return holders_model(view, writing) if self.by_holder else growth_model(view, writing)

    def show_around(self) -> None:
        """Write what is compared."""
        if self.view is not None:
            self.set_class(self.view.deltas is None, "-waiting")
            head = growth_head(self.view, self.writing, self._work, by_holder=self.by_holder)
            self.query_one("#growth-head", Lines).show(head)

    def show_work(self, share: float | None, error: HeapscopeError | None) -> None:
        """Say how far the comparison is, or what went wrong."""
        self._work = GrowthWork(share, error)
        if self.is_mounted:
            self.show_around()

    def action_other_growth(self) -> None:
        """Show types instead of holders, or holders again; each face has an order and a filter of its own."""
        self.by_holder = not self.by_holder
        if self.view is not None:
            model = self.build_model(self.view, self.writing)
            self.table.show(model, 0)
            self.show_around()
            self.post_message(self.Changed())

    def path_question(self) -> PathQuestion | None:
        """Ask for the paths to a holder's object, or to all instances of a type."""
        row = self.current_row()
        if not self.by_holder or row is None:
            return super().path_question()
        if row.object_index < 0:
            return None
        import numpy as np  # noqa: PLC0415 - 100 ms

        return PathQuestion(safe_text(row.holder, 60), objects=np.array([row.object_index], dtype=np.uint32))

    def export(self) -> ExportTable:
        """Export the rows that the filter lets through."""
        model = self.table.model
        if self.view is None or model is None:
            return ExportTable("growth", [], 0)
        rows = model.visible_rows()
        return export_holders(self.view, rows) if self.by_holder else export_growth(self.view, rows)

    def copy_text(self) -> str:
        """Copy the row as it is shown."""
        return self.row_text()

"""Owns the Growth tab: what changed since the baseline, and what to do while there is none.

Never computes changes: they come with the view.
"""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from heapscope.tui.lines import Lines
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.growth import export_growth, growth_head, growth_model
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.views.base import HeapTab
from heapscope.tui.vtable import VTable


class GrowthTab(HeapTab):
    """Tab 3."""

    DEFAULT_CSS = """
    GrowthTab.-waiting VTable { display: none; }
    """
    row_word = "types changed"

    def compose(self) -> ComposeResult:
        """What is compared, table."""
        yield Lines(id="growth-head", ascii_only=self.ascii_only)
        yield VTable(id="growth-table", ascii_only=self.ascii_only)

    def since(self) -> str:
        """The head says it."""
        return ""

    def note(self) -> str:
        """Say nothing while there is nothing to compare."""
        return super().note() if self.view is not None and self.view.deltas is not None else ""

    def build_model(self, view: HeapView, writing: Writing) -> TableModel[Any]:
        """Return what changed."""
        return growth_model(view, writing)

    def show_around(self) -> None:
        """Write what is compared."""
        if self.view is not None:
            self.set_class(self.view.deltas is None, "-waiting")
            self.query_one("#growth-head", Lines).show(growth_head(self.view, self.writing))

    def export(self) -> ExportTable:
        """Export the rows that the filter lets through."""
        model = self.table.model
        if self.view is None or model is None:
            return ExportTable("growth", [], 0)
        return export_growth(self.view, model.visible_rows())

    def copy_text(self) -> str:
        """Copy the row as it is shown."""
        return self.row_text()

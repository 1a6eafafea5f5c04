"""Owns the RSS tab: where the resident memory is.

Never measures: the split comes with the view.
"""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from heapscope.tui.holders import PathQuestion
from heapscope.tui.lines import Lines
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.rss import export_rss, rss_head, rss_model
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.views.base import HeapTab
from heapscope.tui.vtable import VTable


class RssTab(HeapTab):
    """Tab 5."""

    can_filter = False
    row_word = "part"

    def parts(self) -> ComposeResult:
        """Figures, table."""
        yield Lines(id="rss-head", ascii_only=self.ascii_only)
        yield VTable(id="rss-table", ascii_only=self.ascii_only)

    def since(self) -> str:
        """The changes are since the baseline; a snapshot alone has none."""
        return super().since() if self.view is not None and self.view.baseline is not self.view.current else ""

    def row_key(self, row: Any) -> object:
        """A part has one name."""
        return row.name

    def build_model(self, view: HeapView, writing: Writing) -> TableModel[Any]:
        """Return the parts."""
        return rss_model(view, writing)

    def show_around(self) -> None:
        """Write the figures."""
        if self.view is not None:
            self.query_one("#rss-head", Lines).show(rss_head(self.view, self.writing))

    def path_question(self) -> PathQuestion | None:
        """A part of the memory is no object."""
        return None

    def export(self) -> ExportTable:
        """Export the parts."""
        return export_rss(self.view) if self.view is not None else ExportTable("rss", [], 0)

    def copy_text(self) -> str:
        """Copy the row as it is shown."""
        return self.row_text()

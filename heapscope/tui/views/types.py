"""Owns the Types tab: all types in a table, and the detail of one beside it when there is room.

Never holds figures of its own.
"""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from heapscope.tui.lines import Lines
from heapscope.tui.presenters.commands import TYPES_COLUMNS, command, table_arguments
from heapscope.tui.presenters.export import ExportTable, export_types
from heapscope.tui.presenters.types import types_detail, types_model
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.views.base import HeapTab
from heapscope.tui.vtable import VTable


class TypesTab(HeapTab):
    """Tab 2."""

    DEFAULT_CSS = """
    TypesTab { layout: horizontal; }
    TypesTab #types-detail { display: none; width: 32; height: 1fr; padding: 0 1 0 2; }
    """
    row_word = "type"

    def parts(self) -> ComposeResult:
        """Table and detail."""
        yield VTable(id="types-table", ascii_only=self.ascii_only)
        yield Lines(id="types-detail", ascii_only=self.ascii_only)

    def build_model(self, view: HeapView, writing: Writing) -> TableModel[Any]:
        """Return all types."""
        return types_model(view, writing)

    def show_around(self) -> None:
        """Write the detail."""
        if self.view is not None:
            detail = types_detail(self.view, self.current_row(), self.writing)
            self.query_one("#types-detail", Lines).show(detail)

    def export(self) -> ExportTable:
        """Export the rows that the filter lets through."""
        model = self.table.model
        if self.view is None or model is None:
            return ExportTable("types", [], 0)
        return export_types(self.view, model.visible_rows())

    def command(self, source: str) -> str:
        """Return the command line with the same order and filter."""
        return command("types", source, *table_arguments(self.table.model, TYPES_COLUMNS))

    def copy_text(self) -> str:
        """Copy the row as it is shown."""
        return self.row_text()

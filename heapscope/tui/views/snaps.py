"""Owns the Snaps tab: the snapshots of this session.

Never reads or writes files.
"""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from heapscope.tui.holders import PathQuestion
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.snaps import export_snaps, snaps_model
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.views.base import HeapTab
from heapscope.tui.vtable import VTable


class SnapsTab(HeapTab):
    """Tab 7."""

    can_filter = False
    row_word = "snapshots"

    def compose(self) -> ComposeResult:
        """One table."""
        yield VTable(id="snaps-table", ascii_only=self.ascii_only)

    def since(self) -> str:
        """Snapshots have no changes here."""
        return ""

    def row_key(self, row: Any) -> object:
        """A snapshot is described once."""
        return id(row.meta)

    def build_model(self, view: HeapView, writing: Writing) -> TableModel[Any]:
        """Return the snapshots."""
        return snaps_model(view, writing)

    def show_around(self) -> None:
        """There is nothing around the table."""

    def path_question(self) -> PathQuestion | None:
        """A snapshot is no object."""
        return None

    def export(self) -> ExportTable:
        """Export the list."""
        model = self.table.model
        return export_snaps(model.visible_rows() if model is not None else [])

    def copy_text(self) -> str:
        """Copy the row as it is shown."""
        return self.row_text()

"""Owns the Slots tab: classes ranked by what __slots__ would save, and the advice for one below the table.

Never judges: verdicts and blockers are analysis's.
"""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import ComposeResult

from heapscope.tui.lines import Lines
from heapscope.tui.presenters.export import ExportTable, export_slots
from heapscope.tui.presenters.slots import empty_slots, slots_detail, slots_model
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.views.base import HeapTab
from heapscope.tui.vtable import VTable


class SlotsTab(HeapTab):
    """Tab 6."""

    DEFAULT_CSS = """
    SlotsTab #slots-detail { height: 9; padding: 1 1 0 1; }
    """
    row_word = "classes"

    def since(self) -> str:
        """Advice has no changes."""
        return ""

    def compose(self) -> ComposeResult:
        """Table and detail."""
        yield VTable(id="slots-table", ascii_only=self.ascii_only)
        yield Lines(id="slots-detail", ascii_only=self.ascii_only)

    def build_model(self, view: HeapView, writing: Writing) -> TableModel[Any]:
        """Return the ranked classes."""
        return slots_model(view, writing)

    def show_around(self) -> None:
        """Write the advice for the class under the cursor."""
        if self.view is None:
            return
        width = max(40, self.size.width - 2)
        lines = slots_detail(self.current_row(), self.writing, width) if self.view.current.slots else empty_slots()
        self.query_one("#slots-detail", Lines).show(lines)

    def on_resize(self, _event: events.Resize) -> None:
        """Set the advice in lines of the new width."""
        self.show_around()

    def export(self) -> ExportTable:
        """Export the rows that the filter lets through."""
        model = self.table.model
        if self.view is None or model is None:
            return ExportTable("slots", [], 0)
        return export_slots(self.view, model.visible_rows())

    def copy_text(self) -> str:
        """Copy the line to paste into the class."""
        row = self.current_row()
        return str(row.slots_line) if row is not None else ""

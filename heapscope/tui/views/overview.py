"""Owns the Overview tab: figures above, the biggest types, slots and warnings below.

Never shows more rows than matter at a glance; the Types tab has them all.
"""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from heapscope.tui.lines import Lines, plain
from heapscope.tui.presenters.export import ExportTable, export_overview
from heapscope.tui.presenters.overview import overview_head, overview_model, overview_tail
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.views.base import HeapTab
from heapscope.tui.vtable import VTable


class OverviewTab(HeapTab):
    """Tab 1."""

    can_filter = False

    def compose(self) -> ComposeResult:
        """Figures, table, slots and warnings."""
        yield Lines(id="overview-head", ascii_only=self.ascii_only)
        yield VTable(id="overview-table", ascii_only=self.ascii_only)
        yield Lines(id="overview-tail", ascii_only=self.ascii_only)

    def build_model(self, view: HeapView, writing: Writing) -> TableModel[Any]:
        """Return the biggest types."""
        return overview_model(view, writing)

    def _carry_over(self, before: TableModel[Any], model: TableModel[Any]) -> None:
        """Let the table choose its order anew: what matters changes when a baseline appears."""

    def show_around(self) -> None:
        """Write the figures and the rest."""
        if self.view is not None:
            self.query_one("#overview-head", Lines).show(overview_head(self.view, self.writing))
            self.query_one("#overview-tail", Lines).show(overview_tail(self.view, self.writing))

    def note(self) -> str:
        """Say how much the table leaves out."""
        if self.view is None or self.table.model is None:
            return ""
        shown, total = len(self.table.model.rows), len(self.view.current.histogram.rows)
        return (
            self.since() + f"top {shown:,} of {total:,} types" if shown < total else self.since() + f"{total:,} types"
        )

    def export(self) -> ExportTable:
        """Export the figures."""
        if self.view is None:
            return ExportTable("overview", [], 0)
        return export_overview(self.view)

    def copy_text(self) -> str:
        """Copy the figures as text, for an incident channel."""
        if self.view is None:
            return ""
        return plain([*overview_head(self.view, self.writing), *overview_tail(self.view, self.writing)]).strip()

"""Owns the Overview tab: figures above, the biggest types, slots and warnings below.

Never shows more rows than matter at a glance; the Types tab has them all.
"""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.message import Message

from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.holders import PathQuestion
from heapscope.tui.lines import Lines, plain
from heapscope.tui.presenters.export import ExportTable, export_overview
from heapscope.tui.presenters.overview import overview_head, overview_model, overview_tail
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.textfit import safe_text
from heapscope.tui.views.base import HeapTab
from heapscope.tui.vtable import VTable
from heapscope.units import counted

MIN_TABLE_LINES = 5
MIN_HEIGHT_WITH_TAIL = 16


class OverviewTab(HeapTab):
    """Tab 1."""

    BINDINGS = bindings_of(Scope.OVERVIEW)
    can_filter = False

    class ReportWanted(Message):
        """The report should be made again."""

    def action_retry_report(self) -> None:
        """Try again after an error."""
        if self.view is not None and self.view.problem:
            self.post_message(self.ReportWanted())

    def parts(self) -> ComposeResult:
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
        if self.view is None:
            return
        tail = overview_tail(self.view, self.writing)
        width, height = self.size
        if not width or not height:
            return  # not laid out yet; on_resize comes back
        head = overview_head(self.view, self.writing, width, height - len(tail) - MIN_TABLE_LINES)
        self.query_one("#overview-head", Lines).show(head)
        self.query_one("#overview-tail", Lines).show(tail if height >= MIN_HEIGHT_WITH_TAIL else [])

    def show_work(self, view: HeapView) -> None:
        """Say how far the answer is; the table stays."""
        self.view = view
        self.show_around()

    def on_resize(self, _event: events.Resize) -> None:
        """Choose what fits."""
        self.show_around()

    def row_key(self, row: Any) -> object:
        """A suspect is known by its name, a type by its own."""
        return getattr(row, "holder", None) or row.type_name

    def path_question(self) -> PathQuestion | None:
        """Ask for the paths to what a suspect is, or to the instances of a type."""
        row = self.current_row()
        if row is None or not hasattr(row, "holder"):
            return super().path_question()
        return PathQuestion.about(row.object_index, safe_text(row.holder, 80)) if row.object_index >= 0 else None

    def note(self) -> str:
        """Say how much the table leaves out."""
        if self.view is None or self.table.model is None:
            return ""
        if self.view.report is not None and self.view.report.suspects:
            count = len(self.view.report.suspects)
            what = "suspect" if self.view.report.verdict.kind.is_alarm else "holder"
            return counted(count, what)
        shown, total = len(self.table.model.rows), len(self.view.current.histogram.rows)
        return (
            self.since() + f"top {shown:,} of {total:,} types"
            if shown < total
            else self.since() + counted(total, "type")
        )

    def export(self) -> ExportTable:
        """Export the figures, the verdict, the suspects."""
        if self.view is None:
            return ExportTable("overview", [], 0)
        return export_overview(self.view)

    def copy_text(self) -> str:
        """Copy the figures as text, for an incident channel."""
        if self.view is None:
            return ""
        return plain([*overview_head(self.view, self.writing), *overview_tail(self.view, self.writing)]).strip()

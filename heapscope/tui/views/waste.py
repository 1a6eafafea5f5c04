"""Owns the list of other remedies: the second face of the Slots tab, a table and what to do about the row under the cursor.

Never searches: it wishes for the report when it is looked at first, and shows it when it comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.message import Message

from heapscope.errors import HeapscopeError
from heapscope.tui.actions import Scope
from heapscope.tui.holders import PathQuestion
from heapscope.tui.lines import Lines
from heapscope.tui.presenters import waste as words
from heapscope.tui.presenters.commands import command
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.textfit import safe_text
from heapscope.tui.views.base import HeapTab
from heapscope.tui.vtable import VTable


class WasteTab(HeapTab):
    """Tab 6, turned over."""

    DEFAULT_CSS = """
    WasteTab #waste-detail { height: 10; padding: 1 1 0 1; }
    WasteTab.-waiting VTable { display: none; }
    """
    scopes: ClassVar[tuple[Scope, ...]] = (Scope.TABLE, Scope.REMEDIES)
    row_word = "remedy"

    class WasteWanted(Message):
        """The report is wanted, if it is not there; ``again`` after it failed or was given up."""

        def __init__(self, *, again: bool = False) -> None:
            super().__init__()
            self.again = again

    def __init__(self, *, ascii_only: bool, **kwargs: Any) -> None:
        super().__init__(ascii_only=ascii_only, **kwargs)
        self.error: HeapscopeError | None = None
        self.share: float | None = None

    def parts(self) -> ComposeResult:
        """Table and detail."""
        yield VTable(id="waste-table", ascii_only=self.ascii_only)
        yield Lines(id="waste-detail", ascii_only=self.ascii_only)

    @property
    def renamed(self) -> Mapping[str, str]:
        """The key turns the tab over again."""
        return {"other_remedies": "Slots"}

    def since(self) -> str:
        """Remedies have no changes."""
        return ""

    def note(self) -> str:
        """Say how many remedies there are, once it is known."""
        return super().note() if self.view is not None and self.view.waste is not None else ""

    def show_view(self, view: HeapView, writing: Writing) -> None:
        """Show the report of a snapshot; ask for it if this is what is looked at."""
        if self.view is not None and self.view.current.snapshot is not view.current.snapshot:
            self.share = self.error = None
        super().show_view(view, writing)
        if self.has_class("-current") and self.wants_report:
            self.post_message(self.WasteWanted())

    @property
    def wants_report(self) -> bool:
        """Whether the report should be asked for: it is not there, and has not failed."""
        return self.view is not None and self.view.waste is None and self.error is None

    def build_model(self, view: HeapView, writing: Writing) -> TableModel[Any]:
        """Return the remedies, or an empty table until they are known."""
        return words.waste_model(view.waste, writing)

    def show_work(self, share: float | None, error: HeapscopeError | None) -> None:
        """Say how far the search is, or why there is no list."""
        self.share, self.error = share, error
        self.show_around()

    def show_around(self) -> None:
        """Write what to do about the row under the cursor, or what the search does."""
        if self.view is None:
            return
        report = self.view.waste
        self.set_class(report is None or not report.rows, "-waiting")
        if report is not None:
            width = max(40, self.size.width - 2)
            lines = words.waste_detail(self.current_row(), report, self.writing, width)
        elif self.error is not None:
            lines = words.failed_words(self.error)
        else:
            lines = words.waiting_words(self.share)
        self.query_one("#waste-detail", Lines).show(lines)

    def on_resize(self, _event: events.Resize) -> None:
        """Set the detail in lines of the new width."""
        self.show_around()

    def path_question(self) -> PathQuestion | None:
        """Ask for the paths to the objects of the row."""
        row = self.current_row()
        if row is None:
            return None
        return PathQuestion(f"{row.count:,} × {safe_text(row.subject, 80)}", objects=row.objects)

    def export(self) -> ExportTable:
        """Export the rows that the filter lets through."""
        model = self.table.model
        report = self.view.waste if self.view is not None else None
        return words.export_waste(report, model.visible_rows() if model is not None else [])

    def command(self, source: str) -> str:
        """Return the command line for the same list."""
        return command("waste", source)

    def copy_text(self) -> str:
        """Copy what to do."""
        row = self.current_row()
        return f"{row.subject}: {row.fix}" if row is not None else ""

    def row_key(self, row: Any) -> object:
        """Several rows have one type: what they are about tells them apart."""
        return (row.subject, row.owner)

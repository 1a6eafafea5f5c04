"""Owns the Snaps tab: the snapshots of this session, and those in files.

Never reads or writes files.
"""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.message import Message

from heapscope.tui.holders import PathQuestion
from heapscope.tui.lines import Lines
from heapscope.tui.presenters.commands import command
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.snaps import export_snaps, snaps_model, snaps_tail
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.views.base import HeapTab
from heapscope.tui.vtable import VTable


class SnapsTab(HeapTab):
    """Tab 7."""

    can_filter = False
    row_word = "snapshot"

    class FilesWanted(Message):
        """The snapshot files of the folder in use should be listed."""

    def parts(self) -> ComposeResult:
        """A table, and what can be done with its rows."""
        yield VTable(id="snaps-table", ascii_only=self.ascii_only)
        yield Lines(id="snaps-tail", ascii_only=self.ascii_only)

    def since(self) -> str:
        """Snapshots have no changes here."""
        return ""

    def row_key(self, row: Any) -> object:
        """A snapshot is described once."""
        return (row.meta.captured_at, row.meta.pid, row.meta.host_name)

    def build_model(self, view: HeapView, writing: Writing) -> TableModel[Any]:
        """Return the snapshots."""
        return snaps_model(view, writing)

    def show_around(self) -> None:
        """Write what can be done."""
        if self.view is not None:
            self.query_one("#snaps-tail", Lines).show(snaps_tail(self.view))

    def command(self, source: str) -> str:
        """Return the command that opens the snapshot of the row, if it is in a file, else the one on the screen."""
        row = self.current_row()
        path = row.path if row is not None else ""
        return command("attach" if not path and source.isdigit() else "open", path or source)

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

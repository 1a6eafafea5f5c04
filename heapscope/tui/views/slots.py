"""Owns the Slots tab: classes ranked by what __slots__ would save, and the advice for one below the table.

Never judges: verdicts and blockers are analysis's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.message import Message

from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.filters import parse_filter
from heapscope.tui.lines import Lines
from heapscope.tui.presenters.commands import SLOTS_COLUMNS, command, table_arguments
from heapscope.tui.presenters.export import ExportTable, export_slots
from heapscope.tui.presenters.slots import VERDICT_ORDER, empty_slots, slots_detail, slots_model
from heapscope.tui.presenters.slots_detail import copy_change
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.views.base import HeapTab
from heapscope.tui.vtable import VTable

if TYPE_CHECKING:
    from heapscope.analysis.slots.model import SlotsRow

_VERDICT_WORD = re.compile(r"(?:^|\s)slots:(\S*)")


class SlotsTab(HeapTab):
    """Tab 6."""

    BINDINGS = bindings_of(Scope.SLOTS)
    scopes: ClassVar[tuple[Scope, ...]] = (Scope.TABLE, Scope.SLOTS, Scope.REMEDIES)

    DEFAULT_CSS = """
    SlotsTab #slots-detail { height: 9; padding: 1 1 0 1; }
    """
    row_word = "class"

    class AdviceWanted(Message):
        """All about one class should be shown; its neighbours are the other rows, in order."""

        def __init__(self, rows: list[SlotsRow], at: int) -> None:
            super().__init__()
            self.rows = rows
            self.at = at

    def since(self) -> str:
        """Advice has no changes."""
        return ""

    def parts(self) -> ComposeResult:
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
        lines = (
            slots_detail(self.current_row(), self.writing, width) if self.view.current.slots else empty_slots(self.view)
        )
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

    def command(self, source: str) -> str:
        """Return the command line with the same order and filter."""
        return command("slots", source, *table_arguments(self.table.model, SLOTS_COLUMNS))

    def copy_text(self) -> str:
        """Copy the change: the line to paste into the class, or one for each class that must change."""
        row = self.current_row()
        return copy_change(row) if row is not None else ""

    def advice_wish(self) -> AdviceWanted:
        """Return the message that asks for the screen about the class under the cursor; there has to be one."""
        model = self.table.model
        return self.AdviceWanted(model.visible_rows() if model is not None else [], self.table.cursor)

    def action_next_verdict(self) -> None:
        """Show the classes of the next verdict only, after the last one those of all; the rest of the filter stays."""
        expression = self.filter.expression
        found = _VERDICT_WORD.search(expression)
        cycle = ["", *VERDICT_ORDER]
        at = cycle.index(found[1]) if found and found[1] in cycle else 0
        verdict = cycle[(at + 1) % len(cycle)]
        rest = _VERDICT_WORD.sub("", expression).strip()
        self.set_filter(parse_filter(f"{rest} slots:{verdict}".strip() if verdict else rest))

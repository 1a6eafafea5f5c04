"""Owns what all tabs have in common: a table, a filter, sorting, what can be copied and exported.

Never computes figures: presenters write them, the table model orders them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message

from heapscope.tui.actions import Scope
from heapscope.tui.filters import Filter
from heapscope.tui.holders import PathQuestion
from heapscope.tui.presenters.commands import command
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.tablemodel import TableModel
from heapscope.tui.textfit import shown_type, time_of_day
from heapscope.tui.vtable import VTable
from heapscope.units import counted


class HeapTab(Container):
    """The content of one tab."""

    DEFAULT_CSS = "HeapTab { height: 1fr; }"
    can_filter = True
    fills_at_once: ClassVar[bool] = (
        False  # even behind: it asks for rows, and the front may be brought there by a message that ends at the screen
    )
    scopes: ClassVar[tuple[Scope, ...]] = (Scope.TABLE,)  # of the keys that the key bar names

    class Changed(Message):
        """How many rows are shown, or how they are ordered, has changed."""

    def __init__(self, *, ascii_only: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ascii_only = ascii_only
        self.view: HeapView | None = None
        self.writing = Writing()
        self._is_furnished = False

    def parts(self) -> ComposeResult:
        """Return the widgets."""
        raise NotImplementedError

    def furnish(self) -> None:
        """Put the widgets in, once: those of all tabs together take so long to make that a key would wait for them."""
        if not self._is_furnished:
            self._is_furnished = True
            self.mount(*self.parts())

    @property
    def table(self) -> VTable:
        """The tab's table."""
        return self.query_one(VTable)

    @property
    def filter(self) -> Filter:
        """The filter in force."""
        model = self.table.model
        return model.filter if model is not None else Filter()

    def show_view(self, view: HeapView, writing: Writing) -> None:
        """Show another snapshot, or the same one written differently; place, order and filter stay."""
        self.view, self.writing = view, writing
        before = self.table.model
        model = self.build_model(view, writing)
        cursor = 0
        if before is not None:
            self._carry_over(before, model)
            cursor = self._same_row(before, model)
        self.table.empty_words = self.empty_words(model)
        self.table.show(model, cursor)
        self.show_around()
        self.post_message(self.Changed())

    def _carry_over(self, before: TableModel[Any], model: TableModel[Any]) -> None:
        if before.filter.predicates:
            model.set_filter(before.filter)
        if any(column.key == before.sort_key for column in model.columns):
            model.sort_by(before.sort_key, descending=before.descending)

    def _same_row(self, before: TableModel[Any], model: TableModel[Any]) -> int:
        if self.table.cursor == 0 or self.table.cursor >= before.visible_count:
            return 0
        key = self.row_key(before.row_at(self.table.cursor))
        position = model.find_position(lambda row: self.row_key(row) == key)
        return position if position is not None else self.table.cursor

    def row_key(self, row: Any) -> object:
        """Return what makes a row the same one in the next snapshot."""
        return row.type_name

    def set_filter(self, row_filter: Filter) -> None:
        """Filter the table; the cursor goes to the first row."""
        model = self.table.model
        if model is not None:
            model.set_filter(row_filter)
            self.table.empty_words = self.empty_words(model)
            self.table.show(model, 0)
            self.show_around()
            self.post_message(self.Changed())

    def empty_words(self, model: TableModel[Any]) -> str:
        """Say why the table has no rows."""
        if model.rows:
            return f"no {self.row_word} passes the filter; esc clears it"
        is_empty = self.view is not None and not self.view.current.snapshot.object_count
        return "this snapshot holds no objects" if is_empty else ""

    def current_row(self) -> Any:
        """Return the row under the cursor; None when the table is empty."""
        model = self.table.model
        if model is None or not 0 <= self.table.cursor < model.visible_count:
            return None
        return model.row_at(self.table.cursor)

    def select_type(self, type_name: str) -> bool:
        """Put the cursor on a type; False if it is not shown."""
        model = self.table.model
        position = model.find_position(lambda row: row.type_name == type_name) if model is not None else None
        if position is not None:
            self.table.cursor = position
        return position is not None

    def on_vtable_row_highlighted(self) -> None:
        """Bring the detail in line with the cursor."""
        self.show_around()

    def path_question(self) -> PathQuestion | None:
        """Return the question for the paths to what the row under the cursor stands for; None where there is none."""
        row = self.current_row()
        if row is None:
            return None
        count = getattr(row, "count", None) or getattr(row, "instances", 0)
        return PathQuestion(f"{count:,} × {shown_type(row.type_name, 60)}", row.type_name) if count else None

    def note(self) -> str:
        """Say how many rows are shown, and why not all."""
        model = self.table.model
        if model is None:
            return ""
        since = self.since()
        if model.filter.predicates:
            return f"{since}{model.visible_count:,} of {len(model.rows):,}  /{model.filter.expression.strip()}"
        return since + f"{counted(len(model.rows), self.row_word)} {self.row_state}".rstrip()

    def since(self) -> str:
        """Say what the changes are counted from; "" without a baseline."""
        if self.view is None or self.view.baseline is None:
            return ""
        return f"Δ since {time_of_day(self.view.baseline.snapshot.meta.captured_at)}   "

    @property
    def renamed(self) -> Mapping[str, str]:
        """What actions are called in the key bar where their usual name would mislead."""
        return {}

    row_word = "row"  # in the singular
    row_state = ""  # what all rows have in common: "open", "changed"

    def build_model(self, view: HeapView, writing: Writing) -> TableModel[Any]:
        """Return the table for a snapshot."""
        raise NotImplementedError

    def show_around(self) -> None:
        """Write what stands around the table."""
        raise NotImplementedError

    def export(self) -> ExportTable:
        """Return what an export of this tab contains."""
        raise NotImplementedError

    def command(self, source: str) -> str:
        """Return the command line that shows the same of a source."""
        return command("types", source)

    def row_text(self) -> str:
        """Return the row under the cursor as it is shown, "" without one."""
        row, model = self.current_row(), self.table.model
        if row is None or model is None:
            return ""
        return "  ".join(f"{column.title} {column.text(row)}" for column in model.columns if column.sort_value)

    def copy_text(self) -> str:
        """Return what the copy key copies; "" when there is nothing."""
        raise NotImplementedError

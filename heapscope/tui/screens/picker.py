"""Owns the process picker: which Python processes there are, which can be attached to, and why not the others.

Never looks at processes itself; the list comes from a worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input

from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.chrome import FilterBar, FilterInput, KeyBar, SizedScreen
from heapscope.tui.filters import Filter, FilterError, parse_filter
from heapscope.tui.lines import Line, Lines, line
from heapscope.tui.presenters.picker import empty_picker, picker_detail, picker_model
from heapscope.tui.vtable import VTable

if TYPE_CHECKING:
    from heapscope.target.info import TargetInfo


class PickerScreen(SizedScreen):
    """Choose a process."""

    BINDINGS = bindings_of(Scope.PICKER)
    DEFAULT_CSS = """
    PickerScreen #picker-title { height: 1; background: $panel; }
    PickerScreen #picker-empty { display: none; padding: 1 1; height: 1fr; }
    PickerScreen.-empty #picker-empty { display: block; }
    PickerScreen.-empty VTable { display: none; }
    PickerScreen #picker-detail { height: 6; padding: 1 1 0 1; }
    """

    class Picked(Message):
        """A process was chosen."""

        def __init__(self, target: TargetInfo) -> None:
            super().__init__()
            self.target = target

    class RefreshWanted(Message):
        """The list should be read again."""

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__()
        self._ascii_only = ascii_only
        self._targets: Sequence[TargetInfo] = ()
        self._is_loading = True

    def compose(self) -> ComposeResult:
        """Title, table, detail, keys."""
        yield Lines(id="picker-title", ascii_only=self._ascii_only)
        yield VTable(ascii_only=self._ascii_only)
        yield Lines(id="picker-empty", ascii_only=self._ascii_only)
        yield Lines(id="picker-detail", ascii_only=self._ascii_only)
        yield KeyBar(Scope.TABLE, Scope.PICKER, ascii_only=self._ascii_only)
        yield self.size_notice()

    def on_mount(self) -> None:
        """Say that the list is being read."""
        self._show_state()

    def show_targets(self, targets: Sequence[TargetInfo]) -> None:
        """Show a list; the cursor stays on its process, the filter in force."""
        chosen = self._current()
        before = self._table.model
        model: Any = picker_model(targets)
        if before is not None:
            model.set_filter(before.filter)
            model.sort_by(before.sort_key, descending=before.descending)
        self._targets, self._is_loading = targets, False
        position = model.find_position(lambda row: chosen is not None and row.pid == chosen.pid)
        self._table.show(model, position or 0)
        self._show_state()
        if targets and self.focused is None:
            self._table.focus()

    @property
    def _table(self) -> VTable:
        return self.query_one(VTable)

    def _current(self) -> TargetInfo | None:
        model, cursor = self._table.model, self._table.cursor
        if model is None or not 0 <= cursor < model.visible_count:
            return None
        row: TargetInfo = model.row_at(cursor)
        return row

    def _show_state(self) -> None:
        self.set_class(not self._targets, "-empty")
        self.query_one("#picker-empty", Lines).show(empty_picker(self._is_loading))
        self.query_one("#picker-title", Lines).show([self._title()])
        self._show_detail()

    def _title(self) -> Line:
        if self._is_loading:
            return line((" heapscope", "title"), "  choose a Python process")
        model = self._table.model
        usable = sum(target.obstacle is None for target in self._targets)
        words = f"  choose a Python process   {usable} of {len(self._targets)} attachable"
        if model is not None and model.filter.predicates:
            words += f"   {model.visible_count} shown  /{model.filter.expression.strip()}"
        return line((" heapscope", "title"), words)

    def _show_detail(self) -> None:
        width = max(40, self.size.width - 2)
        self.query_one("#picker-detail", Lines).show(picker_detail(self._current(), width))

    def on_vtable_row_highlighted(self) -> None:
        """Bring the detail in line with the cursor."""
        self._show_detail()

    def on_vtable_row_selected(self) -> None:
        """Attach, or say why not."""
        target = self._current()
        if target is None:
            return
        if target.obstacle is not None:
            self.notify(
                target.obstacle.hint, title="This process cannot be attached to", markup=False, severity="warning"
            )
            return
        self.post_message(self.Picked(target))

    def action_refresh_list(self) -> None:
        """Read the list again."""
        self._is_loading = not self._targets
        self._show_state()
        self.post_message(self.RefreshWanted())

    def action_filter(self) -> None:
        """Open the filter line."""
        if not self.query(FilterBar) and self._table.model is not None:
            self.mount(
                FilterBar(self._table.model.filter.expression, ascii_only=self._ascii_only),
                before=self.query_one(KeyBar),
            )

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        bar, model = self.query_one(FilterBar), self._table.model
        try:
            row_filter = parse_filter(event.value)
        except FilterError as error:
            bar.show_note(f"column {error.column}: {error.message}", is_error=True)
            return
        if model is not None:
            model.set_filter(row_filter)
            self._table.show(model, 0)
            bar.show_note(f"{model.visible_count} of {len(model.rows)}", is_error=False)
            self._show_state()

    def on_filter_input_left(self, event: FilterInput.Left) -> None:
        """Close the filter line."""
        self.query(FilterBar).remove()
        self._table.focus()
        if event.clear:
            self.action_back()
        self._table.action_cursor(event.step)

    def action_back(self) -> None:
        """Clear the filter."""
        model = self._table.model
        if model is not None:
            model.set_filter(Filter())
            self._table.show(model, 0)
            self._show_state()

    def action_sort_left(self) -> None:
        """Sort by the column to the left."""
        self._table.sort_neighbour(-1)

    def action_sort_right(self) -> None:
        """Sort by the column to the right."""
        self._table.sort_neighbour(1)

    def action_reverse_sort(self) -> None:
        """Reverse the order."""
        self._table.reverse_sort()

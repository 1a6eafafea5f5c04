"""Owns the screen with all that is known about slots for one class: layout, reasons, the change.

Never judges and never changes a file: the text of the change can be copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.chrome import KeyBar, SizedScreen
from heapscope.tui.lines import Lines
from heapscope.tui.presenters.header import HeaderFacts, header_line
from heapscope.tui.presenters.slots_detail import copy_change, detail_lines, position_line
from heapscope.tui.state import Writing
from heapscope.tui.textfit import cut_end, safe_text

if TYPE_CHECKING:
    from heapscope.analysis.slots.model import SlotsRow


class AdviceScreen(SizedScreen):
    """One class of a table, whose neighbours are a key away."""

    BINDINGS = bindings_of(Scope.ADVICE)
    DEFAULT_CSS = """
    AdviceScreen #header { height: 1; background: $surface; }
    AdviceScreen #advice-head { height: 1; background: $panel; }
    AdviceScreen VerticalScroll { height: 1fr; scrollbar-size: 0 1; }
    """

    def __init__(
        self, rows: Sequence[SlotsRow], at: int, header: HeaderFacts, writing: Writing, *, ascii_only: bool
    ) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._rows = rows
        self._at = at
        self._header = header
        self._ascii_only = ascii_only
        self.writing = writing

    @property
    def row(self) -> SlotsRow:
        """The class on the screen."""
        return self._rows[self._at]

    def compose(self) -> ComposeResult:
        """From the top row to the bottom row."""
        yield Lines(id="header", ascii_only=self._ascii_only)
        yield Lines(id="advice-head", ascii_only=self._ascii_only)
        with VerticalScroll(can_focus=False):
            yield Lines(id="advice-text", ascii_only=self._ascii_only)
        yield KeyBar(Scope.ADVICE, ascii_only=self._ascii_only)
        yield self.size_notice()

    def on_resize(self, event: events.Resize) -> None:
        """Set everything in lines of the new width."""
        super().on_resize(event)
        self._draw()

    def show_header(self, facts: HeaderFacts) -> None:
        """Draw the header."""
        self._header = facts
        self._draw()

    def _draw(self) -> None:
        if not self.is_composed:
            return
        self.query_one("#header", Lines).show([header_line(self._header, self.size.width)])
        self.query_one("#advice-head", Lines).show([position_line(self._at, len(self._rows))])
        self.query_one("#advice-text", Lines).show(detail_lines(self.row, self.writing, self.size.width - 2))

    def action_scroll(self, step: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)

    def action_neighbour(self, step: int) -> None:
        """Go to another class of the table."""
        self._at = max(0, min(len(self._rows) - 1, self._at + step))
        self.query_one(VerticalScroll).scroll_home(animate=False)
        self._draw()

    def action_copy_change(self) -> None:
        """Copy the change."""
        text = copy_change(self.row)
        if not text:
            self.notify("there is no change to copy", markup=False)
            return
        self.app.copy_to_clipboard("\n".join(safe_text(part, 4_000) for part in text.splitlines()))
        self.notify(f"copied: {cut_end(safe_text(text.splitlines()[0]), 48)}", markup=False, timeout=3)

    def action_toggle_exact(self) -> None:
        """Write numbers the other way."""
        self.writing = Writing(exact=not self.writing.exact)
        self._draw()

    def action_back(self) -> None:
        """Back to the table, at the class that was on the screen."""
        self.dismiss(None)

"""Owns drawing a table of any length: only the rows in sight are ever read, written or measured.

Never sorts or filters itself (tablemodel does) and never parses markup: cells are Segments of plain text.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.quickview import HEAD_LINES, THUMB, QuickView
from heapscope.tui.tablemodel import COLUMN_GAP, PlacedColumn, TableModel, place_columns
from heapscope.tui.textfit import bar, cut_end, cut_start, pad
from heapscope.tui.theme import to_ascii

MARGIN = 1  # in line with the rows above and below the table


class VTable(QuickView, can_focus=True):
    """A table with a cursor, a fixed head that sorts on click, and columns that come and go with the width."""

    BINDINGS = bindings_of(Scope.TABLE)
    cursor: reactive[int] = reactive(0, repaint=False)

    class RowHighlighted(Message):
        """The cursor stands on another row; ``position`` is -1 when the table is empty."""

        def __init__(self, table: VTable, position: int) -> None:
            super().__init__()
            self.table = table
            self.position = position

        @property
        def control(self) -> VTable:
            """The table the message comes from."""
            return self.table

        def can_replace(self, message: Message) -> bool:
            """Only the newest cursor position matters."""
            return isinstance(message, VTable.RowHighlighted) and message.table is self.table

    class RowSelected(Message):
        """Enter, or a click on the row under the cursor."""

        def __init__(self, table: VTable, position: int) -> None:
            super().__init__()
            self.table = table
            self.position = position

        @property
        def control(self) -> VTable:
            """The table the message comes from."""
            return self.table

    def __init__(self, *, ascii_only: bool = False, **kwargs: Any) -> None:
        super().__init__(thumb=to_ascii(THUMB) if ascii_only else THUMB, **kwargs)
        self._ascii_only = ascii_only
        self.empty_words = ""  # where there is no row
        self._model: TableModel[Any] | None = None
        self.placed: list[PlacedColumn[Any]] = []

    @property
    def model(self) -> TableModel[Any] | None:
        """What the table shows."""
        return self._model

    @property
    def line_count(self) -> int:
        """How many rows there are."""
        return self._model.visible_count if self._model is not None else 0

    def show(self, model: TableModel[Any], cursor: int | None = None) -> None:
        """Show a model, or the same one after it changed; the cursor stays in range."""
        self._model = model
        self._measure()
        wanted = self.cursor if cursor is None else cursor
        self.set_reactive(VTable.cursor, max(0, min(wanted, model.visible_count - 1)))
        self.keep_in_sight(self.cursor)
        self.refresh()
        self._tell()

    def _measure(self) -> None:
        if self._model is not None:
            width = self.text_width - MARGIN
            self.placed = place_columns(self._model.columns, width) if width > 0 else []

    def on_resize(self) -> None:
        """Choose the columns anew."""
        self._measure()
        self.keep_in_sight(self.cursor)
        self.refresh()

    def watch_cursor(self, before: int, after: int) -> None:
        """Redraw the two rows concerned; scrolling redraws the rest."""
        top = self.top
        self.keep_in_sight(after)
        for position in (before, after) if self.top == top else ():
            self.refresh(Region(0, position - top + HEAD_LINES, self.size.width, 1))
        self._tell()

    def _tell(self) -> None:
        count = self._model.visible_count if self._model else 0
        self.post_message(self.RowHighlighted(self, self.cursor if count else -1))

    def _move_to(self, position: int) -> None:
        if self._model is not None and self._model.visible_count:
            self.cursor = max(0, min(position, self._model.visible_count - 1))

    def action_cursor(self, step: int) -> None:
        """Move by rows."""
        self._move_to(self.cursor + step)

    def action_page(self, step: int) -> None:
        """Move by pages."""
        self._move_to(self.cursor + step * self.page_rows)

    def action_first(self) -> None:
        """Go to the first row."""
        self._move_to(0)

    def action_last(self) -> None:
        """Go to the last row."""
        self._move_to(self._model.visible_count - 1 if self._model else 0)

    def action_select(self) -> None:
        """Open the row under the cursor."""
        if self._model is not None and self._model.visible_count:
            self.post_message(self.RowSelected(self, self.cursor))

    def sort_neighbour(self, step: int) -> None:
        """Sort by the next column shown."""
        if self._model is not None and self._model.is_sortable:
            self._model.sort_neighbour(step, [placed.column.key for placed in self.placed])
            self.show(self._model, 0)

    def reverse_sort(self) -> None:
        """Reverse the order."""
        if self._model is not None and self._model.is_sortable:
            self._model.sort_by(self._model.sort_key)
            self.show(self._model, 0)

    def on_click(self, event: events.Click) -> None:
        """Sort by a head, go to a row, open the row under the cursor."""
        if self._model is None or event.x >= self.text_width:
            return
        if event.y < HEAD_LINES:
            key = self._column_at(event.x)
            if key and self._model.is_sortable:
                self._model.sort_by(key)
                self.show(self._model, 0)
            return
        position = self.top + event.y - HEAD_LINES
        if position < self._model.visible_count:
            if position == self.cursor and event.chain > 1:
                self.action_select()
            self._move_to(position)

    def _column_at(self, x: int) -> str:
        left = MARGIN
        for placed in self.placed:
            if left <= x < left + placed.width + COLUMN_GAP:
                return placed.column.key
            left += placed.width + COLUMN_GAP
        return ""

    def line_key(self, y: int) -> Hashable:
        """Return the row, and whether the cursor is on it; the model is the same until the table is shown another."""
        if y < HEAD_LINES:
            return "head"
        position = self.top + y - HEAD_LINES
        return position, position == self.cursor and (1 + self.has_focus)

    def render_line(self, y: int) -> Strip:
        """Draw one line in sight; reads one row at most."""
        width = self.text_width
        base = self.look("")
        if self._model is None:
            return Strip.blank(width, base)
        if y < HEAD_LINES:
            return self._head(width)
        position = self.top + y - HEAD_LINES
        if not position and not self._model.visible_count:
            words = pad(cut_end(" " * MARGIN + self.empty_words, width), width)
            return Strip([Segment(to_ascii(words) if self._ascii_only else words, base)], width)
        if position >= self._model.visible_count:
            return Strip.blank(width, base)
        if position == self.cursor:
            base = self.look("cursor" if self.has_focus else "cursor-blur")
        return self._row(self._model.row_at(position), base, width)

    def _head(self, width: int) -> Strip:
        model = self._model
        assert model is not None
        style = self.look("head")
        sorted_style = self.look("sorted")
        segments = [Segment(" " * MARGIN, style)]
        for placed in self.placed:
            is_sorted = placed.column.key == model.sort_key
            sign = ("▼" if model.descending else "▲") if is_sorted else ""
            text = self._write(placed.column.title + sign, placed)
            segments += [Segment(text, sorted_style if is_sorted else style), Segment(" " * COLUMN_GAP, style)]
        return Strip(segments).adjust_cell_length(width, style)

    def _row(self, row: Any, base: Style, width: int) -> Strip:
        # Few segments: what follows in one style is one, because every segment costs more than its text.
        segments: list[Segment] = []
        waiting, used = " " * MARGIN, MARGIN
        for placed in self.placed:
            name = placed.column.style(row)
            text = self._write(_cell_text(row, placed), placed)
            used += placed.width + COLUMN_GAP
            if name:
                # Only the colour of the letters: the row keeps its background, so that the cursor stays one bar.
                colour = self.look(name).color
                segments += [Segment(waiting, base), Segment(text, base + Style(color=colour))]
                waiting = " " * COLUMN_GAP
            else:
                waiting += text + " " * COLUMN_GAP
        segments.append(Segment(waiting + " " * max(0, width - used), base))
        strip = Strip(segments, max(width, used))
        return strip if used <= width else strip.adjust_cell_length(width, base)

    def _write(self, text: str, placed: PlacedColumn[Any]) -> str:
        if self._ascii_only:
            text = to_ascii(text)
        cut = cut_start if placed.column.keep_end else cut_end
        text = cut(text, placed.width)
        if self._ascii_only:
            text = to_ascii(text)
        return pad(text, placed.width, placed.column.align)


def _cell_text(row: Any, placed: PlacedColumn[Any]) -> str:
    share_of = placed.column.bar_share
    return bar(share_of(row), placed.width) if share_of is not None else placed.column.text(row)

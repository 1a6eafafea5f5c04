"""Owns a long list in sight: which of its lines are, each drawn once for as long as nothing about it changes, and the bar beside them.

Never knows what a line shows. Textual's own scrolling arranges the whole screen anew with every step, and its drawing allows for borders,
padding, links and opacity, line by line: together that takes longer than to write the lines.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Self

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip

from heapscope.tui.painting import PaintedWidget

HEAD_LINES = 1
BAR_WIDTH = 1
WHEEL_LINES = 3
MAX_KEPT = 1024  # lines, with and without the bar: some screens full
THUMB, TRACK = "▐", " "


def thumb_of(top: int, rows: int, count: int) -> range:
    """Return which of ``rows`` lines the bar's thumb covers, with ``top`` the first of ``count`` in sight; none where all are."""
    if count <= rows:
        return range(0)
    length = max(1, rows * rows // count)
    first = round(top * (rows - length) / (count - rows))
    return range(first, first + length)


class QuickView(PaintedWidget):
    """Lines below a head that stays. It keeps them by what they show, wherever on the screen that is."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "QuickView { width: 1fr; height: 1fr; overflow: hidden; background: $background; }"

    def __init__(self, *, thumb: str = THUMB, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.top = 0
        self._thumb = thumb
        self._drawn: dict[Hashable, Strip] = {}
        self._grip: int | None = None  # where the mouse holds the thumb

    @property
    def line_count(self) -> int:
        """How many lines there are below the head."""
        raise NotImplementedError

    def line_key(self, y: int) -> Hashable:
        """Return what tells a line from all others, of this width and in these styles."""
        raise NotImplementedError

    @property
    def page_rows(self) -> int:
        """How many lines are in sight."""
        return max(1, self.size.height - HEAD_LINES)

    @property
    def text_width(self) -> int:
        """The width of a line; the bar is beside it."""
        return max(0, self.size.width - BAR_WIDTH)

    def show_from(self, top: int) -> None:
        """Scroll so that a line is the first in sight, or as far as there are lines."""
        top = max(0, min(top, self.line_count - self.page_rows))
        if top != self.top:
            self.top = top
            super().refresh()

    def keep_in_sight(self, at: int) -> None:
        """Scroll no further than it takes to see a line."""
        if self.size.height:
            self.show_from(min(max(self.top, at - self.page_rows + 1), at))

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Draw anew: everything, or lines that are as they were in other places."""
        if not regions:
            self._drawn.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        """Draw everything in the new colours."""
        self._drawn.clear()
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the lines in sight, in the colours that the terminal has."""
        if len(self._drawn) > MAX_KEPT:
            self._drawn.clear()
        thumb = thumb_of(self.top, self.page_rows, self.line_count)
        strips = [self._line(y, is_thumb=y - HEAD_LINES in thumb) for y in crop.line_range]
        _, background = self.background_colors
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _line(self, y: int, *, is_thumb: bool) -> Strip:
        text = (self.line_key(y), self.size.width, self.app.theme)
        whole = (*text, is_thumb)
        if whole not in self._drawn:
            if text not in self._drawn:
                self._drawn[text] = self.render_line(y)
            end = Segment(self._thumb if is_thumb else TRACK, self.look("dim"))
            self._drawn[whole] = Strip([*self._drawn[text], end], self.size.width)
        return self._drawn[whole]

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Go down; the cursor stays."""
        event.stop()
        self.show_from(self.top + WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Go up; the cursor stays."""
        event.stop()
        self.show_from(self.top - WHEEL_LINES)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the bar."""
        thumb = thumb_of(self.top, self.page_rows, self.line_count)
        at = event.y - HEAD_LINES
        if event.x >= self.text_width and thumb:
            self._grip = at - thumb.start if at in thumb else len(thumb) // 2
            self.capture_mouse()
            self._drag(at)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Scroll with the bar."""
        if self._grip is not None:
            self._drag(event.y - HEAD_LINES)

    def on_mouse_up(self) -> None:
        """Let go of the bar."""
        if self._grip is not None:
            self._grip = None
            self.release_mouse()

    def _drag(self, at: int) -> None:
        rows, count = self.page_rows, self.line_count
        free = rows - len(thumb_of(self.top, rows, count))
        if self._grip is not None and free > 0:
            self.show_from(round((at - self._grip) * (count - rows) / free))

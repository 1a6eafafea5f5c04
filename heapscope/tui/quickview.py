"""Owns drawing a scrolled view in one go: its lines and its scroll bar, each line once for as long as nothing about it changes.

Never knows what a line shows. For views without border, padding, links and opacity: Textual's own way, which allows for those, line by
line, takes longer than to write the lines.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Self

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip
from textual.widget import Widget

MAX_KEPT = 512  # lines: some screens full


def finished(widget: Widget, strips: list[Strip], crop: Region) -> list[Strip]:
    """Return lines as the terminal gets them: of these colours and columns."""
    _, background = widget.background_colors
    for line_filter in widget.get_line_filters():
        strips = [strip.apply_filter(line_filter, background) for strip in strips]
    if crop.column_span != (0, widget.region.width):
        strips = [strip.crop(*crop.column_span) for strip in strips]
    return strips


class QuickBar(ScrollBar):
    """A vertical scroll bar of a few different lines, each made once."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the lines in sight."""
        drawn = self.render()
        style = drawn.style if isinstance(drawn, ScrollBarRender) else None
        if (
            not isinstance(drawn, ScrollBarRender)
            or not isinstance(style, Style)
            or not (style.color and style.bgcolor)
        ):
            return super().render_lines(crop)
        size = self.region.size
        bar = drawn.render_bar(
            size=size.height,
            virtual_size=drawn.virtual_size,
            window_size=drawn.window_size,
            position=drawn.position,
            thickness=size.width,
            back_color=style.bgcolor,
            bar_color=style.color,
        )
        known: dict[int, Strip] = {}
        strips = [self._strip(segment, known) for segment in bar.segments[crop.y : crop.bottom]]
        return finished(self, strips, crop)

    def _strip(self, segment: Segment, known: dict[int, Strip]) -> Strip:
        if id(segment) not in known:
            known[id(segment)] = Strip([segment], self.region.width)
        return known[id(segment)]


class QuickView(ScrollView):
    """A scrolled view that keeps its lines by what they show, wherever on the screen that is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._drawn: dict[Hashable, Strip] = {}

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """The scroll bar, made when it is needed first."""
        if self._vertical_scrollbar is None:
            self._vertical_scrollbar = QuickBar(vertical=True, name="vertical", thickness=self.scrollbar_size_vertical)
            self._vertical_scrollbar.display = False
            self.app._start_widget(self, self._vertical_scrollbar)  # noqa: SLF001 - as the bar it stands for
        return self._vertical_scrollbar

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Draw anew: everything, or lines that are as they were in other places."""
        if not regions:
            self._drawn.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        """Draw everything in the new colours."""
        self._drawn.clear()
        super().notify_style_update()

    def line_key(self, y: int) -> Hashable:
        """Return what tells a line from all others, of this width and in these styles."""
        raise NotImplementedError

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the lines in sight."""
        if len(self._drawn) > MAX_KEPT:
            self._drawn.clear()
        return finished(self, [self._line(y) for y in crop.line_range], crop)

    def _line(self, y: int) -> Strip:
        key = (self.line_key(y), self.size.width)
        if key not in self._drawn:
            self._drawn[key] = self.render_line(y).adjust_cell_length(self.region.width, self.rich_style)
        return self._drawn[key]

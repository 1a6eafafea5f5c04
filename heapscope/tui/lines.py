"""Owns styled lines: what presenters return and the one widget that draws them.

Never parses markup: a span is plain text plus the name of a style.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip

from heapscope.tui.painting import PaintedWidget
from heapscope.tui.theme import to_ascii


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one style."""

    text: str
    style: str = ""


Line = tuple[Span, ...]
Part = str | Span | tuple[str, str]  # what a line is built from
EMPTY: Line = ()


def line(*parts: Part) -> Line:
    """Build a line from texts, (text, style) pairs and spans."""
    return tuple(
        part if isinstance(part, Span) else Span(part) if isinstance(part, str) else Span(*part) for part in parts
    )


def plain(lines: Iterable[Line]) -> str:
    """Return the text without styles, one line per line."""
    return "\n".join("".join(span.text for span in one).rstrip() for one in lines)


def fit_line(one: Line, width: int) -> Line:
    """Cut a line to a width; where words are lost, it ends in ``…``."""
    if cell_len("".join(span.text for span in one).rstrip()) <= width:
        return one
    if width <= 0:
        return EMPTY
    out: list[Span] = []
    left = width - 1  # the sign needs a cell
    for span in one:
        if cell_len(span.text) > left:
            out.append(Span(set_cell_size(span.text, left).rstrip() + "…", span.style))
            break
        out.append(span)
        left -= cell_len(span.text)
    return tuple(out)


class Lines(PaintedWidget):
    """Draws lines, each cut to the width, never wrapped; each once for as long as it stays the same."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "Lines { height: auto; width: 1fr; }"

    def __init__(self, *, ascii_only: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._ascii_only = ascii_only
        self._drawn: dict[tuple[Line, int, str], Strip] = {}
        self.shown: tuple[Line, ...] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Replace what is drawn; does nothing when it is the same."""
        before, self.shown = self.shown, tuple(lines)
        if self.shown == before:
            return
        self._drawn = {key: strip for key, strip in self._drawn.items() if key[0] in self.shown}
        # As many lines as before leave everything in its place: arranging the screen anew takes longer than to draw them.
        width, height = self.styles.width, self.styles.height
        moves = (width is not None and width.is_auto) or (
            height is not None and height.is_auto and len(self.shown) != len(before)
        )
        if moves:
            self.clear_cached_dimensions()
        self.refresh(layout=moves)

    def get_content_width(self, _container: Size, _viewport: Size) -> int:
        """Be as wide as the longest line."""
        return max((sum(cell_len(span.text) for span in one) for one in self.shown), default=0)

    def get_content_height(self, _container: Size, _viewport: Size, _width: int) -> int:
        """Be as high as there are lines."""
        return len(self.shown)

    def notify_style_update(self) -> None:
        """Draw everything in the new colours."""
        self._drawn.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        width = self.content_size.width
        one = self.shown[y] if 0 <= y < len(self.shown) else EMPTY
        key = (one, width, self.app.theme)
        if key not in self._drawn:
            write = to_ascii if self._ascii_only else str
            segments = [Segment(write(span.text), self.look(span.style)) for span in fit_line(one, width)]
            self._drawn[key] = Strip(segments).adjust_cell_length(width, self.look(""))
        return self._drawn[key]

"""Owns styled lines: what presenters return and the one widget that draws them.

Never parses markup: a span is plain text plus the name of a style.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from heapscope.tui.textfit import cut_end
from heapscope.tui.theme import to_ascii

_STYLES = {
    "": "",
    "dim": "$foreground-muted",
    "strong": "bold",
    "title": "bold $primary",
    "bar": "$primary",
    "warn": "$warning",
    "good": "$success",
    "bad": "bold $error",
    "key": "bold $primary",
}


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
    """Cut a line to a width."""
    out: list[Span] = []
    left = width
    for span in one:
        text = cut_end(span.text, left)
        if text:
            out.append(Span(text, span.style))
        left -= cell_len(text)
        if left <= 0 or text != span.text:
            break
    return tuple(out)


class Lines(Static):
    """Draws lines, each cut to the width, never wrapped."""

    DEFAULT_CSS = "Lines { height: auto; width: 1fr; text-wrap: nowrap; text-overflow: clip; }"

    def __init__(self, *, ascii_only: bool = False, **kwargs: Any) -> None:
        super().__init__("", markup=False, **kwargs)
        self._ascii_only = ascii_only
        self.shown: tuple[Line, ...] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Replace what is drawn; does nothing when it is the same."""
        if tuple(lines) == self.shown:
            return
        # As many lines as before leave everything in its place: arranging the screen anew takes longer than to draw them.
        width, height = self.styles.width, self.styles.height
        moves = (width is not None and width.is_auto) or (
            height is not None and height.is_auto and len(lines) != len(self.shown)
        )
        self.shown = tuple(lines)
        self.update(Content("\n").join(self._content(one) for one in self.shown), layout=moves)

    def _content(self, one: Line) -> Content:
        write = to_ascii if self._ascii_only else str
        return Content.assemble(*((write(span.text), _STYLES[span.style]) for span in one))

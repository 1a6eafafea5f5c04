"""Owns how the pieces of a text drawn by hand look: names of styles, and looking them up once a widget and theme.

Never draws. Textual's own way, component classes, styles a made-up node per name and widget, again whenever the widget's own style may
have changed: with the tables of eight tabs that holds up a key.
"""

from __future__ import annotations

from typing import Any

from rich.style import Style
from textual.style import Style as VisualStyle
from textual.widget import Widget

LOOKS = {
    "": "",
    "dim": "$foreground-muted",
    "strong": "bold",
    "title": "bold $primary",
    "bar": "$primary",
    "warn": "$warning",
    "good": "$success",
    "bad": "bold $error",
    "key": "bold $primary",
    "head": "bold $foreground-muted on $panel",
    "sorted": "bold $primary on $panel",
    "cursor": "bold on $primary 35%",
    "cursor-blur": "on $surface",
}


class PaintedWidget(Widget):
    """A widget that writes its lines itself."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._looks: dict[tuple[str, str], Style] = {}

    def look(self, name: str) -> Style:
        """Return a style on the widget's ground."""
        key = (name, self.app.theme)
        if key not in self._looks:
            self._looks[key] = (self.visual_style + VisualStyle.parse(LOOKS[name])).rich_style
        return self._looks[key]

    def notify_style_update(self) -> None:
        """Look styles up anew."""
        self._looks.clear()
        super().notify_style_update()

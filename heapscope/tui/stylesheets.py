"""Owns reading the style sheets of widgets before there are any: a screen that comes with all of its own would hold up keys.

Never changes how anything looks: what is read here would be read again, and found to be known, when the first such widget comes.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import App
from textual.widget import Widget

PAUSE_S = 0.02  # between two classes: keys come first


def read_ahead(app: App[int], kinds: Sequence[type[Widget]]) -> None:
    """Read the style sheets of classes of widgets, one class at a time while nothing else is to be done."""
    if not kinds:
        return
    first, *others = kinds
    # Of the class alone: no widget is made.
    for place, text, order, scope in first._get_default_css(first.__new__(first)):  # noqa: SLF001 - there is no other way
        app.stylesheet.add_source(text, read_from=place, is_default_css=True, tie_breaker=order, scope=scope)
    app.stylesheet.parse()
    app.set_timer(PAUSE_S, lambda: read_ahead(app, others))

"""Owns the rows around the content: tab strip, key bar, filter line; and the screen base with the size notice.

Never knows what the content is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, Static

from heapscope.tui.actions import Scope, View, bindings_of, footer_items
from heapscope.tui.lines import Line, Lines, Span, fit_line
from heapscope.tui.textfit import cut_end, safe_text

MIN_WIDTH = 60
MIN_HEIGHT = 16
WIDE = 110  # from here on there is room for a pane beside a table


class SizedScreen(Screen[None]):
    """A screen that says so when the terminal is too small, instead of drawing something broken."""

    AUTO_FOCUS: ClassVar[str | None] = None  # a filter line that takes focus by itself would swallow every key
    DEFAULT_CSS = """
    SizedScreen { background: $background; }
    SizedScreen > #too-small { display: none; width: 100%; height: 100%; content-align: center middle; }
    SizedScreen.-too-small > * { display: none; }
    SizedScreen.-too-small > #too-small { display: block; }
    """

    class CopyWanted(Message):
        """A text is wanted on the clipboard; ``write`` makes it of the word that commands know the snapshot by."""

        def __init__(self, write: Callable[[str], str]) -> None:
            super().__init__()
            self.write = write

    def size_notice(self) -> Static:
        """Return the notice; every screen composes it."""
        self._fit(self.app.size)  # before there are widgets: every one would be styled again
        return Static("", id="too-small", markup=False)

    @property
    def is_composed(self) -> bool:
        """Whether the widgets are there; messages from threads may come before them."""
        return any(child.id == "too-small" for child in self.children)

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Leave styles as they are: when the theme changes, all screens are styled anew, and the time of a key goes into it."""
        event.refresh_styles = False

    def on_resize(self, event: events.Resize) -> None:
        """Show or hide the notice."""
        if not self.is_composed:
            return
        width, height = event.size
        self._fit(event.size)
        self.query_one("#too-small", Static).update(f"needs {MIN_WIDTH}×{MIN_HEIGHT}, now {width}×{height}")

    def _fit(self, size: Size) -> None:
        self.set_class(size.width < MIN_WIDTH or size.height < MIN_HEIGHT, "-too-small")
        self.set_class(size.width >= WIDE, "-roomy")


class TabStrip(Lines):
    """One row: the tabs at the left, how much of the table is shown at the right."""

    DEFAULT_CSS = "TabStrip { height: 1; background: $panel; }"

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, view: View) -> None:
            super().__init__()
            self.view = view

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._labels: list[str] = []

    def show_tabs(self, current: View, note: str, width: int) -> None:
        """Draw the strip; the names get shorter where they would leave no room for the note."""
        self._labels = _tab_labels(current, width - cell_len(note) - 2)
        spans = [Span(" ")]
        for view, label in zip(View, self._labels, strict=True):
            style = "title" if view is current else "dim"
            spans.append(Span(f"[{label}]" if view is current else f" {label} ", style))
        used = sum(cell_len(span.text) for span in spans)
        note = cut_end(note, max(0, width - used - 1))
        gap = " " * max(0, width - used - cell_len(note))
        self.show([(*spans, Span(gap), Span(note, "dim"))])

    def on_click(self, event: events.Click) -> None:
        """Go to the tab under the pointer."""
        left = 1
        for view, label in zip(View, self._labels, strict=False):
            right = left + len(f" {label} ")
            if left <= event.x < right:
                self.post_message(self.Chosen(view))
            left = right


def _tab_labels(current: View, width: int) -> list[str]:
    """Choose full names, short names, or numbers only beside the current name: the first that fits, else the last."""
    full = [f"{view.value} {view.title}" for view in View]
    short = [f"{view.value} {view.title if view is current else view.short_title}" for view in View]
    numbers = [f"{view.value} {view.title}" if view is current else str(view.value) for view in View]
    fitting = (labels for labels in (full, short) if sum(len(label) + 2 for label in labels) <= width)
    return next(fitting, numbers)


class KeyBar(Lines):
    """The last row: keys with short names, as many as fit; help and quit always."""

    DEFAULT_CSS = "KeyBar { height: 1; dock: bottom; background: $panel; }"

    def __init__(self, *scopes: Scope, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._items = footer_items(*scopes)
        self._places: list[tuple[int, int, str]] = []

    def show_scopes(self, *scopes: Scope, renamed: Mapping[str, str]) -> None:
        """Show the keys of other scopes; some actions may have other names for now."""
        self._items = [(sign, renamed.get(action, name), action) for sign, name, action in footer_items(*scopes)]
        self._draw()

    def on_resize(self) -> None:
        """Choose what fits."""
        self._draw()

    def _draw(self) -> None:
        items = list(self._items)
        while len(items) > 2 and sum(map(_item_width, items)) > self.size.width:
            del items[-3]
        spans: list[Span] = []
        self._places = []
        left = 0
        for item in items:
            sign, name, action = item
            spans += [Span(f" {sign}", "key"), Span(f" {name}")]
            self._places.append((left, left + _item_width(item), action))
            left += _item_width(item)
        self.show([tuple(spans)])

    async def on_click(self, event: events.Click) -> None:
        """Do what the words under the pointer say; the widget with the focus, or what it is in, knows how."""
        for left, right, action in self._places:
            if left <= event.x < right:
                name = f"action_{action.partition('(')[0]}"
                around = self.screen.focused.ancestors_with_self if self.screen.focused is not None else [self.screen]
                target = next((node for node in around if hasattr(node, name)), self.screen)
                await self.app.run_action(action, default_namespace=target)


def _item_width(item: tuple[str, str, str]) -> int:
    return cell_len(item[0]) + cell_len(item[1]) + 2


class FilterInput(Input):
    """The filter line's editor."""

    BINDINGS = bindings_of(Scope.FILTER)

    class Left(Message):
        """The person is done. ``clear`` says whether the filter goes, ``step`` where the cursor moves."""

        def __init__(self, *, clear: bool, step: int = 0) -> None:
            super().__init__()
            self.clear = clear
            self.step = step

    def action_keep(self) -> None:
        """Keep the filter."""
        self.post_message(self.Left(clear=False))

    def action_clear(self) -> None:
        """Drop the filter."""
        self.post_message(self.Left(clear=True))

    def action_leave(self, step: int) -> None:
        """Keep the filter and move in the table."""
        self.post_message(self.Left(clear=False, step=step))


class FilterBar(Horizontal):
    """A row with the editor and what the filter does; exists only while it is used."""

    DEFAULT_CSS = """
    FilterBar { height: 1; background: $surface; }
    FilterBar > #filter-sign { width: 3; color: $primary; }
    FilterBar > FilterInput { width: 1fr; border: none; height: 1; padding: 0; background: $surface; }
    FilterBar > Lines { width: auto; max-width: 50%; }
    FilterBar.-error, FilterBar.-error > FilterInput { background: $warning 40%; }
    """

    def __init__(self, expression: str, *, ascii_only: bool) -> None:
        super().__init__()
        self._expression = expression
        self._ascii_only = ascii_only

    def compose(self) -> ComposeResult:
        """Sign, editor, note."""
        yield Static(" / ", id="filter-sign", markup=False)
        yield FilterInput(self._expression, compact=True, select_on_focus=False)
        yield Lines(ascii_only=self._ascii_only)

    def on_mount(self) -> None:
        """Take the keys: this bar is mounted because somebody asked for it."""
        editor = self.query_one(FilterInput)
        editor.focus()
        editor.cursor_position = len(self._expression)

    def show_note(self, text: str, *, is_error: bool) -> None:
        """Say how many rows are left, or what is wrong."""
        self.set_class(is_error, "-error")
        note: Line = (Span(f" {safe_text(text, 120)} ", "strong" if is_error else "dim"),)
        self.query_one(Lines).show([fit_line(note, max(20, self.size.width // 2))])

"""Owns the main screen: header, tabs, their content, and the rows below; everything about one snapshot.

Never captures, compares or writes files: it posts wishes, and the application runs them.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Input

from heapscope.tui.actions import Scope, View, bindings_of
from heapscope.tui.chrome import FilterBar, FilterInput, KeyBar, TabStrip
from heapscope.tui.filters import Filter, FilterError, parse_filter
from heapscope.tui.lines import Line, Lines, line
from heapscope.tui.presenters.header import HeaderFacts, header_line
from heapscope.tui.screens.wishes import WishesScreen
from heapscope.tui.state import HeapView, Writing
from heapscope.tui.textfit import cut_end, safe_text
from heapscope.tui.views.base import HeapTab


class MainScreen(WishesScreen):
    """One snapshot."""

    BINDINGS = bindings_of(Scope.MAIN)
    DEFAULT_CSS = """
    MainScreen #header { height: 1; background: $surface; }
    MainScreen #banner { display: none; height: 1; background: $surface; }
    MainScreen #banner.-warning { background: $warning 30%; }
    MainScreen #status { display: none; height: 1; background: $surface; }
    MainScreen #content { height: 1fr; }
    MainScreen.-roomy #types-detail { display: block; }
    MainScreen.-roomy #slots-detail { height: 14; }
    MainScreen.-roomy #waste-detail { height: 14; }
    """

    NO_ROWS: ClassVar[str] = "nothing here to copy"

    def __init__(self, view: HeapView, header: HeaderFacts, *, ascii_only: bool) -> None:
        super().__init__(view, ascii_only=ascii_only)
        self._header = header

    def compose(self) -> ComposeResult:
        """From the top row to the bottom row."""
        yield Lines(id="header", ascii_only=self._ascii_only)
        yield TabStrip(ascii_only=self._ascii_only)
        yield Lines(id="banner", ascii_only=self._ascii_only)
        with Container(id="content"):
            yield from self.compose_tabs()
        yield Lines(id="status", ascii_only=self._ascii_only)
        yield KeyBar(Scope.TABLE, Scope.MAIN, ascii_only=self._ascii_only)
        yield self.size_notice()

    def on_mount(self) -> None:
        """Show the snapshot, starting with the Overview, as soon as the rows around it stand: both at once would hold up keys."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if self.has_tabs:
            self.show_view(self._view)
            self.go_to(self.current)

    def show_view(self, view: HeapView) -> None:
        """Show another snapshot, or more about this one."""
        self._view = view
        if not self.is_composed:
            return
        self.fill_tabs(has_tree=view.holders is not None)

    def fill(self, tab: HeapTab) -> None:
        """Show the snapshot in a tab."""
        tab.show_view(self._view, self.writing)

    def show_header(self, facts: HeaderFacts) -> None:
        """Draw the header."""
        self._header = facts
        if self.is_composed:
            self.query_one("#header", Lines).show([header_line(facts, self.size.width)])

    def show_banner(self, text: str, *, is_warning: bool = True) -> None:
        """Show a message that stays; "" takes it away."""
        if not self.is_composed:
            return
        banner = self.query_one("#banner", Lines)
        sign = (" ! ", "warn") if is_warning else (" ✔ ", "good")
        banner.show([line(sign, safe_text(text), ("   esc", "key"), (" closes", "dim"))] if text else [])
        banner.set_class(is_warning, "-warning")
        banner.display = bool(text)

    def show_status(self, status: Line) -> None:
        """Show the row of the running capture; an empty line takes it away."""
        if not self.is_composed:
            return
        row = self.query_one("#status", Lines)
        row.show([status])
        row.display = bool(status)

    def on_resize(self, event: events.Resize) -> None:
        """Draw the rows around the content for the new width."""
        super().on_resize(event)
        self._draw_frame()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Draw what depends on the size."""
        super().on_screen_resume(event)
        self._draw_frame()

    def _draw_frame(self) -> None:
        if not self.is_composed:
            return
        self.show_header(self._header)
        self.query_one(TabStrip).show_tabs(self.current, self.tab.note(), self.size.width)

    def on_heap_tab_changed(self) -> None:
        """Bring the count of rows in the tab strip up to date."""
        self._draw_keys()
        self.call_after_refresh(self._draw_frame)

    def on_tab_strip_chosen(self, event: TabStrip.Chosen) -> None:
        """A tab was clicked."""
        self.go_to(event.view)

    def action_view(self, number: int) -> None:
        """Go to a tab by its number."""
        self.turn_over(to_waste=False)
        self.go_to(View(number))

    def action_next_view(self, step: int) -> None:
        """Go to a neighbouring tab."""
        views = list(View)
        self.go_to(views[(views.index(self.current) + step) % len(views)])

    def go_to(self, view: View) -> None:
        """Bring a tab to the front."""
        self._close_filter()
        self.bring_forward(view)
        self.tab.table.focus()
        self._draw_keys()
        self._draw_frame()

    def _draw_keys(self) -> None:
        self.query_one(KeyBar).show_scopes(*self.tab.scopes, Scope.MAIN, renamed=self.tab.renamed)

    def show_place(self, node: int) -> None:
        """Go to an object in the dominator tree."""
        self.go_to(View.DOMINATORS)
        self.dominators.show_place(node)

    def on_vtable_row_selected(self) -> None:
        """Open a row: from the Overview to the type, from a type to its instances, a tree's in place."""
        row = self.tab.current_row()
        if row is None:
            return
        if self.current is View.OVERVIEW and hasattr(row, "holder"):
            self.action_paths()
        elif self.current is View.OVERVIEW:
            self.tab_of(View.TYPES).set_filter(Filter())
            self.tab_of(View.TYPES).select_type(row.type_name)
            self.go_to(View.TYPES)
        elif self.current is View.TYPES:
            self.action_instances()
        elif self.current is View.DOMINATORS:
            self.dominators.action_switch()
        elif self.is_waste_up or self.current is View.GROWTH:
            self.action_paths()
        elif self.current is View.SNAPS:
            self.post_message(self.SnapshotWanted(row))
        elif self.current is View.SLOTS:
            # From here: a tab that posts while the screen is at work would be taken for the screen, and stopped there.
            self.post_message(self.slots.advice_wish())

    def action_filter(self) -> None:
        """Open the filter line; the Overview has none, so it opens in Types."""
        if not self.tab.can_filter:
            self.go_to(View.TYPES)
        if not self.query(FilterBar):
            bar = FilterBar(self.tab.filter.expression, ascii_only=self._ascii_only)
            self.mount(bar, before=self.query_one(KeyBar))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed; a bad expression keeps the rows of the one before."""
        bar = self.query_one(FilterBar)
        try:
            self.tab.set_filter(parse_filter(event.value))
        except FilterError as error:
            bar.show_note(f"column {error.column}: {error.message}", is_error=True)
            return
        model = self.tab.table.model
        if model is not None:
            bar.show_note(f"{model.visible_count:,} of {len(model.rows):,}", is_error=False)

    def on_filter_input_left(self, event: FilterInput.Left) -> None:
        """Close the filter line, with or without its filter."""
        self._close_filter()
        if event.clear:
            self.tab.set_filter(Filter())
        self.tab.table.focus()
        self.tab.table.action_cursor(event.step)

    def _close_filter(self) -> None:
        self.query(FilterBar).remove()

    def action_sort_left(self) -> None:
        """Sort by the column to the left."""
        self.tab.table.sort_neighbour(-1)

    def action_sort_right(self) -> None:
        """Sort by the column to the right."""
        self.tab.table.sort_neighbour(1)

    def action_reverse_sort(self) -> None:
        """Reverse the order."""
        self.tab.table.reverse_sort()

    def action_toggle_exact(self) -> None:
        """Write numbers the other way."""
        self.writing = Writing(exact=not self.writing.exact)
        self.show_view(self._view)

    def action_copy_row(self) -> None:
        """Copy what the tab offers."""
        text = self.tab.copy_text()
        if not text:
            self.notify(self.NO_ROWS, markup=False)
            return
        self.app.copy_to_clipboard(safe_text(text, 4_000) if "\n" not in text else text)
        self.notify(f"copied: {cut_end(safe_text(text.splitlines()[0]), 48)}", markup=False, timeout=3)

    def action_back(self) -> None:
        """One step back: filter, banner, Overview. Never quits."""
        if self.tab.filter.predicates:
            self.tab.set_filter(Filter())
        elif self.query_one("#banner", Lines).display:
            self.show_banner("")
        elif self.current is not View.OVERVIEW:
            self.go_to(View.OVERVIEW)

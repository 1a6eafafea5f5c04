"""Owns the tabs of the main screen: which there are, which is in front, and which face the Slots tab shows.

Never knows what a tab shows.
"""

from __future__ import annotations

from typing import TypeVar

from textual.app import ComposeResult

from heapscope.tui.actions import Scope, View, bindings_of
from heapscope.tui.chrome import SizedScreen
from heapscope.tui.views.base import HeapTab
from heapscope.tui.views.dominators import DominatorsTab
from heapscope.tui.views.growth import GrowthTab
from heapscope.tui.views.overview import OverviewTab
from heapscope.tui.views.rss import RssTab
from heapscope.tui.views.slots import SlotsTab
from heapscope.tui.views.snaps import SnapsTab
from heapscope.tui.views.types import TypesTab
from heapscope.tui.views.waste import WasteTab

Tab = TypeVar("Tab", bound=HeapTab)

FILL_PAUSE_S = 0.01  # between two tabs that are filled: keys come first

_TABS: dict[View, type[HeapTab]] = {
    View.OVERVIEW: OverviewTab,
    View.TYPES: TypesTab,
    View.GROWTH: GrowthTab,
    View.DOMINATORS: DominatorsTab,
    View.RSS: RssTab,
    View.SLOTS: SlotsTab,
    View.SNAPS: SnapsTab,
}
TAB_KINDS: tuple[type[HeapTab], ...] = (
    *_TABS.values(),
    WasteTab,
)  # all of them, the second face of the Slots tab included


class TabsScreen(SizedScreen):
    """A screen with tabs. One widget is shown; those behind keep their place."""

    BINDINGS = bindings_of(Scope.REMEDIES)
    DEFAULT_CSS = """
    TabsScreen HeapTab { display: none; }
    TabsScreen HeapTab.-current { display: block; }
    """

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._ascii_only = ascii_only
        self.current = View.OVERVIEW
        self._shows_waste = False
        self._unfilled: list[HeapTab] = []
        self._tabs: dict[type[HeapTab], HeapTab] = {}

    def compose_tabs(self) -> ComposeResult:
        """The first one; the others join it one by one, or when they are asked for."""
        self._tabs = {kind: kind(ascii_only=self._ascii_only) for kind in TAB_KINDS}
        yield self._tabs[OverviewTab]

    @property
    def tabs(self) -> list[HeapTab]:
        """All of them, the second face of the Slots tab included."""
        return list(self._tabs.values())

    def _find(self, kind: type[Tab]) -> Tab:
        tab = self._tabs[kind]
        assert isinstance(tab, kind)  # it was made of it
        return tab

    def fill(self, tab: HeapTab) -> None:
        """Show the snapshot in a tab."""
        raise NotImplementedError

    def fill_tabs(self, *, has_tree: bool) -> None:
        """Show the snapshot in the tab in front, and in those behind one by one: all at once would hold up keys."""
        is_filling = bool(self._unfilled)
        self._unfilled = self.tabs
        for tab in self.tabs:
            if tab.fills_at_once and has_tree:
                self._filled(tab)
        self._filled(self.tab)
        if not is_filling:
            self.set_timer(FILL_PAUSE_S, self._fill_next)

    def _fill_next(self) -> None:
        if not self.is_running:  # any more
            return
        if self._unfilled and self.has_tabs:
            self._filled(self._unfilled[0])
        if self._unfilled:
            self.set_timer(FILL_PAUSE_S, self._fill_next)

    def _filled(self, tab: Tab) -> Tab:
        """Return a tab that shows the snapshot; it may have waited for its turn."""
        # A message of a thread may ask for it before the screen has filled any.
        if not tab.is_attached and self.has_tabs:
            self.query_one("#content").mount(tab)
        if not tab.is_attached:  # nor will it be: the screen is going
            return tab
        tab.furnish()
        if tab in self._unfilled:
            self._unfilled.remove(tab)
            self.fill(tab)
        return tab

    @property
    def has_tabs(self) -> bool:
        """Whether the first of them is there: the others can join it."""
        return bool(self._tabs) and self._tabs[OverviewTab].is_attached

    @property
    def tab(self) -> HeapTab:
        """The tab in front."""
        return self.tab_of(self.current)

    @property
    def overview(self) -> OverviewTab:
        """The answer."""
        return self._filled(self._find(OverviewTab))

    @property
    def dominators(self) -> DominatorsTab:
        """The dominator tree."""
        return self._filled(self._find(DominatorsTab))

    @property
    def slots(self) -> SlotsTab:
        """The advice on slots."""
        return self._filled(self._find(SlotsTab))

    @property
    def waste(self) -> WasteTab:
        """The other remedies."""
        return self._filled(self._find(WasteTab))

    def tab_of(self, view: View) -> HeapTab:
        """Find a tab, the face of it that is up."""
        return self._filled(self._find(WasteTab if view is View.SLOTS and self._shows_waste else _TABS[view]))

    @property
    def growth(self) -> GrowthTab:
        """What changed."""
        return self._filled(self._find(GrowthTab))

    @property
    def is_waste_up(self) -> bool:
        """Whether the other remedies are in front."""
        return self.current is View.SLOTS and self._shows_waste

    def turn_over(self, *, to_waste: bool) -> None:
        """Choose the face of the Slots tab."""
        self._shows_waste = to_waste

    def go_to(self, view: View) -> None:
        """Bring a tab to the front, with what stands around it."""
        raise NotImplementedError

    def action_other_remedies(self) -> None:
        """Turn the Slots tab over: other remedies, or slots again."""
        self.turn_over(to_waste=not self.is_waste_up)
        self.go_to(View.SLOTS)

    def action_retry_waste(self) -> None:
        """Search for other remedies again, where that failed."""
        if self.is_waste_up and self.waste.error is not None:
            self.post_message(WasteTab.WasteWanted(again=True))

    def bring_forward(self, view: View) -> None:
        """Show one tab."""
        self.current = view
        front = self.tab
        for tab in self.tabs:
            if tab.is_attached:
                tab.set_class(tab is front, "-current")
        if self.is_waste_up and self.waste.wants_report:
            # From here: a tab that posts while the screen is at work would be taken for the screen, and stopped there.
            self.post_message(WasteTab.WasteWanted())
        if view is View.SNAPS:
            self.post_message(SnapsTab.FilesWanted())

"""Owns the hand-over between the Treemap screen and the threads that divide its levels.

Never blocks; what comes for a level that was left is dropped.
"""

from __future__ import annotations

from heapscope.tui import treemap_jobs
from heapscope.tui.app_objects import ObjectsApp
from heapscope.tui.holders import HolderIndex, PathQuestion
from heapscope.tui.screens.pushed import PushedScreen
from heapscope.tui.screens.treemap import TreemapScreen
from heapscope.tui.views.dominators import DominatorsTab


class TreemapApp(ObjectsApp):
    """The part of the application that draws what a row retains."""

    async def on_dominators_tab_treemap_wanted(self, event: DominatorsTab.TreemapWanted) -> None:
        """Open the screen."""
        await self.open_pushed(TreemapScreen, event.question, event.holders)

    def start_search(self, screen: PushedScreen, holders: HolderIndex, question: PathQuestion) -> None:
        """Divide, or search what other screens ask for."""
        if isinstance(screen, TreemapScreen):
            self.runner.divide(treemap_jobs.CellsWish(holders, question, screen.skip))
        else:
            super().start_search(screen, holders, question)

    def on_cells_found(self, event: treemap_jobs.CellsFound) -> None:
        """Show a level, unless another one was asked for meanwhile."""
        for screen in self.pushed_screens:
            if isinstance(screen, TreemapScreen) and screen.question is event.wish.question:
                screen.take_cells(event.cells, event.trail, event.error)

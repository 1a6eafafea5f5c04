"""Owns the hand-over between the Slots tab and the screen about one class.

Never computes advice: the rows come with the snapshot's analysis.
"""

from __future__ import annotations

from heapscope.tui.app_base import BaseApp
from heapscope.tui.screens.advice import AdviceScreen
from heapscope.tui.state import Writing
from heapscope.tui.views.slots import SlotsTab


class AdviceApp(BaseApp):
    """The part of the application that shows advice."""

    def on_slots_tab_advice_wanted(self, event: SlotsTab.AdviceWanted) -> None:
        """Open the screen."""
        main = self.main_screen
        writing = main.writing if main is not None else Writing()
        screen = AdviceScreen(event.rows, event.at, self.keeper.header(), writing, ascii_only=self.ascii_only)
        self.push_screen(screen)

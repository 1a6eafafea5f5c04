"""Owns what all parts of the application share: what is known, who runs work, and which screens are open.

Never blocks: captures, analysis, files and processes are touched in threads only (jobs, engine).
"""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import App

from heapscope.errors import ExitCode
from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.engine import Engine, LiveEngine
from heapscope.tui.keeper import Keeper
from heapscope.tui.runner import Runner
from heapscope.tui.screens.attach import AttachScreen
from heapscope.tui.screens.main import MainScreen


class BaseApp(App[int]):
    """The application without behaviour. ``keeper`` holds what is known, ``runner`` starts threads."""

    BINDINGS = bindings_of(Scope.APP)
    TITLE = "heapscope"
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = True
    CSS = """
    Screen.-ascii * { scrollbar-size: 0 0; }
    Screen.-ascii Toast { border-left: ascii $primary; }
    """

    def __init__(self, keeper: Keeper, *, engine: Engine | None = None, ascii_only: bool = False) -> None:
        super().__init__()
        self.keeper = keeper
        self.runner = Runner(self, engine if engine is not None else LiveEngine(), keeper)
        self.ascii_only = ascii_only
        self.last_code = ExitCode.OK

    def notify(self, message: str, **options: Any) -> None:
        """Say something in a corner, unless it stands there already: a key that is pressed again would fill the screen."""
        if all(one.message != message for one in self._notifications):
            super().notify(message, **options)

    @property
    def main_screen(self) -> MainScreen | None:
        """The main screen, once there is one; None again while it is taken down, when messages of threads may still come."""
        found = (screen for screen in self.screen_stack if isinstance(screen, MainScreen))
        return next((screen for screen in found if not screen.is_mounted or screen.has_tabs), None)

    @property
    def attach_screen(self) -> AttachScreen | None:
        """The attach screen, if one is open; a dialog may be above it."""
        return next((screen for screen in self.screen_stack if isinstance(screen, AttachScreen)), None)

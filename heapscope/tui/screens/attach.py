"""Owns the attach screen: the steps of a capture while it runs, and the error card when it fails.

Never captures itself; it shows a job that the application runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from heapscope.errors import ExitCode, HeapscopeError
from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.chrome import KeyBar, SizedScreen
from heapscope.tui.jobs import CaptureJob
from heapscope.tui.lines import EMPTY, Lines, line
from heapscope.tui.presenters.capture import error_card, steps_lines
from heapscope.tui.presenters.rss import first_figures
from heapscope.tui.state import Writing

if TYPE_CHECKING:
    from heapscope.analysis.memory import MemorySplit

REDRAW_S = 0.25  # the clock of the running step; news from the job is drawn when it comes


class AttachScreen(SizedScreen):
    """Progress, then nothing (the application goes on), or an error card."""

    BINDINGS = bindings_of(Scope.ATTACH)
    DEFAULT_CSS = """
    AttachScreen #attach-title { height: 1; background: $panel; }
    AttachScreen #attach-body { height: 1fr; padding: 1 1; }
    AttachScreen #attach-card { padding: 1 2; border: round $error; width: 100%; max-width: 100; display: none; }
    AttachScreen.-failed #attach-card { display: block; }
    AttachScreen.-failed #attach-steps, AttachScreen.-failed #attach-memory { display: none; }
    AttachScreen.-ascii #attach-card { border: ascii $error; }
    """

    class CancelWanted(Message):
        """The running job should stop."""

    class RetryWanted(Message):
        """The job should be tried again."""

    class BackWanted(Message):
        """Leave this screen for the one before."""

    def __init__(
        self,
        title: str,
        job: CaptureJob,
        *,
        can_go_back: bool,
        ascii_only: bool,
        error: HeapscopeError | None = None,
    ) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._heading = title
        self._detail = ""
        self._can_go_back = can_go_back
        self._ascii_only = ascii_only
        self._is_cancelling = False
        self._split: MemorySplit | None = None
        self.job = job
        self.error = error

    def compose(self) -> ComposeResult:
        """Title, steps or card, keys."""
        yield Lines(id="attach-title", ascii_only=self._ascii_only)
        with Vertical(id="attach-body"):
            yield Lines(id="attach-steps", ascii_only=self._ascii_only)
            yield Lines(id="attach-memory", ascii_only=self._ascii_only)
            yield Lines(id="attach-card", ascii_only=self._ascii_only)
        yield KeyBar(Scope.ATTACH, ascii_only=self._ascii_only)
        yield self.size_notice()

    def on_mount(self) -> None:
        """Draw, and keep the clock of the running step going."""
        self.show_progress()
        if self.error is not None:
            self.show_error(self.error)
        self.set_interval(REDRAW_S, self.show_progress)

    def show_target(self, words: str) -> None:
        """Add what is known about the target."""
        self._detail = words
        self.show_progress()

    def show_memory(self, split: MemorySplit) -> None:
        """Show where the memory is, as far as that is known before the walk."""
        self._split = split
        self.show_progress()

    def show_progress(self) -> None:
        """Draw the job as it is now."""
        if not self.is_composed:
            return
        self.query_one("#attach-title", Lines).show(
            [line((f" {self._heading}", "title"), (f"  {self._detail}", "dim"))]
        )
        if self.error is not None:
            return
        if self._split is not None:
            self.query_one("#attach-memory", Lines).show([EMPTY, *first_figures(self._split, Writing())])
        lines = steps_lines(self.job.board.read(), self.job.expected_objects)
        words = "  cancelling …" if self._is_cancelling else "  esc cancels"
        self.query_one("#attach-steps", Lines).show([*lines, EMPTY, line((words, "dim"))])

    def show_error(self, error: HeapscopeError) -> None:
        """Replace the steps by the error card."""
        self.error = error
        self.set_class(True, "-failed")
        self._draw_card()

    def _draw_card(self) -> None:
        if self.error is not None and self.is_composed:
            width = max(30, min(94, self.size.width - 8))
            self.query_one("#attach-card", Lines).show(error_card(self.error, width, can_go_back=self._can_go_back))

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Draw again what another screen covered."""
        super().on_screen_resume(event)
        self._draw_card()

    def action_cancel(self) -> None:
        """Cancel the job; after an error, one step back."""
        if self.error is None:
            self.show_cancelling()
            self.post_message(self.CancelWanted())
        elif self._can_go_back:
            self.post_message(self.BackWanted())
        else:
            self.notify("q quits, r tries again", markup=False)

    def show_cancelling(self) -> None:
        """Say that the cancel was heard: the capture stops at its next safe place."""
        self._is_cancelling = True
        self.show_progress()

    def action_retry(self) -> None:
        """Try again."""
        if self.error is not None:
            self.post_message(self.RetryWanted())

    def action_copy_hint(self) -> None:
        """Copy the error."""
        if self.error is not None:
            code = ExitCode(self.error.exit_code)
            self.app.copy_to_clipboard(f"{self.error.message}\n{self.error.hint}\n(exit code {int(code)})")
            self.notify("copied the error", markup=False)

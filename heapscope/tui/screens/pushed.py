"""Owns what the screens above the main one have in common: a question, the dominators that it waits for, what leads on from here.

Never answers: it posts questions, and the application brings answers.
"""

from __future__ import annotations

from textual import events
from textual.message import Message

from heapscope.errors import HeapscopeError
from heapscope.tui.chrome import SizedScreen
from heapscope.tui.holders import HolderIndex, PathQuestion
from heapscope.tui.lines import Lines
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.header import HeaderFacts, header_line
from heapscope.tui.state import Writing


class PushedScreen(SizedScreen):
    """A screen about a question. ``holders`` is None until the dominators are there, ``error`` says why there is no answer."""

    DEFAULT_CSS = """
    PushedScreen #header { height: 1; background: $surface; }
    PushedScreen .pushed-head { height: 1; background: $panel; }
    PushedScreen .pushed-state { display: none; height: 1fr; padding: 1 0; }
    PushedScreen.-waiting VTable { display: none; }
    PushedScreen.-waiting .pushed-notes { display: none; }
    PushedScreen.-waiting .pushed-state { display: block; }
    """

    class SearchWanted(Message):
        """The question of a screen should be answered."""

        def __init__(self, screen: PushedScreen, holders: HolderIndex, question: PathQuestion) -> None:
            super().__init__()
            self.screen = screen
            self.holders = holders
            self.question = question

    class Left(Message):
        """The answer is no longer wanted."""

        def __init__(self, question: PathQuestion) -> None:
            super().__init__()
            self.question = question

    class PlaceWanted(Message):
        """An object should be shown in the dominator tree."""

        def __init__(self, holders: HolderIndex, node: int) -> None:
            super().__init__()
            self.holders = holders
            self.node = node

    class PathsWanted(Message):
        """The paths to some objects are wanted, of the snapshot that ``holders`` is about."""

        def __init__(self, holders: HolderIndex, question: PathQuestion) -> None:
            super().__init__()
            self.holders = holders
            self.question = question

    class InspectWanted(Message):
        """One object should be shown whole, of the snapshot that ``holders`` is about."""

        def __init__(self, holders: HolderIndex, question: PathQuestion) -> None:
            super().__init__()
            self.holders = holders
            self.question = question

    class ExportWanted(Message):
        """Write what is shown to a file."""

        def __init__(self, table: ExportTable) -> None:
            super().__init__()
            self.table = table

    class RetryWanted(Message):
        """The dominators should be computed again."""

    def __init__(self, question: PathQuestion, header: HeaderFacts, writing: Writing, *, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self.question = question
        self.writing = writing
        self.holders: HolderIndex | None = None
        self.error: HeapscopeError | None = None
        self.share: float | None = None
        self._header = header
        self._ascii_only = ascii_only

    def on_mount(self) -> None:
        """Say what is being searched."""
        self.draw()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Draw what depends on the size."""
        super().on_screen_resume(event)
        self.show_header(self._header)

    def on_resize(self, event: events.Resize) -> None:
        """Draw for the new width."""
        super().on_resize(event)
        self.show_header(self._header)
        self.draw()

    def show_header(self, facts: HeaderFacts) -> None:
        """Draw the header."""
        self._header = facts
        if self.is_composed:
            self.query_one("#header", Lines).show([header_line(facts, self.size.width)])

    def search(self, holders: HolderIndex) -> None:
        """Ask the question, now that it can be answered."""
        self.holders, self.error, self.share = holders, None, None
        self.forget()
        self.post_message(self.SearchWanted(self, holders, self.question))
        self.draw()

    def show_work(self, share: float | None, error: HeapscopeError | None = None) -> None:
        """Say how far the search is, or what it waits for, or why there is no answer."""
        self.share, self.error = share, error
        self.draw()

    def forget(self) -> None:
        """Drop the answer before."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw everything that is known."""
        raise NotImplementedError

    def subject(self) -> PathQuestion | None:
        """Return the question about what the cursor is on; None where there is no object."""
        raise NotImplementedError

    def action_retry(self) -> None:
        """Try again after an error."""
        if self.error is not None and self.holders is not None:
            self.search(self.holders)
        elif self.error is not None:
            self.post_message(self.RetryWanted())

    def action_toggle_exact(self) -> None:
        """Write numbers the other way."""
        self.writing = Writing(exact=not self.writing.exact)
        self.draw()

    def action_inspect(self) -> None:
        """Show the object under the cursor whole."""
        subject = self.subject()
        if subject is not None and self.holders is not None:
            self.post_message(self.InspectWanted(self.holders, subject))

    def action_paths(self) -> None:
        """Search the paths to the object under the cursor."""
        subject = self.subject()
        if subject is not None and self.holders is not None:
            self.post_message(self.PathsWanted(self.holders, subject))

    def action_show_place(self) -> None:
        """Show the object under the cursor in the dominator tree."""
        subject = self.subject()
        if subject is not None and subject.objects is not None and self.holders is not None:
            self.post_message(self.PlaceWanted(self.holders, int(subject.objects[0])))

    def command(self, source: str) -> str:
        """Return the command line that shows the same of a source."""
        raise NotImplementedError

    def action_copy_command(self) -> None:
        """Copy the command that shows the same."""
        self.post_message(self.CopyWanted(self.command))

    def action_back(self) -> None:
        """Go to the screen before."""
        self.post_message(self.Left(self.question))
        self.dismiss(None)

"""Owns what the main screen wishes for: messages that the application answers, and the keys that send them.

Never captures, compares, searches or writes files itself.
"""

from __future__ import annotations

from textual.message import Message

from heapscope.tui.actions import View
from heapscope.tui.holders import PathQuestion
from heapscope.tui.presenters.commands import command
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.verdict import incident_summary
from heapscope.tui.screens.tabs import TabsScreen
from heapscope.tui.state import HeapView, Taken, Writing


class WishesScreen(TabsScreen):
    """A screen about one snapshot. Its messages are known by the name of the main screen."""

    class RecaptureWanted(Message, namespace="main_screen"):
        """Capture again."""

    class BaselineWanted(Message, namespace="main_screen"):
        """Make a snapshot the baseline; None: the one on the screen."""

        def __init__(self, taken: Taken | None = None) -> None:
            super().__init__()
            self.taken = taken

    class SnapshotWanted(Message, namespace="main_screen"):
        """Show another snapshot."""

        def __init__(self, taken: Taken) -> None:
            super().__init__()
            self.taken = taken

    class PairWanted(Message, namespace="main_screen"):
        """Show the pair of snapshots before (-1) or after (1) the one that is compared now."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class WriteWanted(Message, namespace="main_screen"):
        """Write the snapshot to a file."""

    class ExportWanted(Message, namespace="main_screen"):
        """Write what a tab shows to a file."""

        def __init__(self, table: ExportTable) -> None:
            super().__init__()
            self.table = table

    class PathsWanted(Message, namespace="main_screen"):
        """Search paths to what a row stands for."""

        def __init__(self, question: PathQuestion) -> None:
            super().__init__()
            self.question = question

    class ObjectsWanted(Message, namespace="main_screen"):
        """The objects of a row are wanted: all in a list, or the one of them that retains most."""

        def __init__(self, question: PathQuestion, *, lists: bool) -> None:
            super().__init__()
            self.question = question
            self.lists = lists

    def __init__(self, view: HeapView, *, ascii_only: bool) -> None:
        super().__init__(ascii_only=ascii_only)
        self._view = view
        self.writing = Writing()

    def action_paths(self) -> None:
        """Search the paths to what the row under the cursor stands for."""
        question = self.tab.path_question()
        if question is None:
            self.notify("no object here to search paths to", markup=False)
            return
        self.post_message(self.PathsWanted(question))

    def action_inspect(self) -> None:
        """Show the object of the row under the cursor whole, of several the one that retains most."""
        self._want_objects(lists=False)

    def action_instances(self) -> None:
        """List all objects of the row under the cursor."""
        self._want_objects(lists=True)

    def _want_objects(self, *, lists: bool) -> None:
        question = self.tab.path_question()
        if question is None:
            self.notify("this row is no object", markup=False)
            return
        self.post_message(self.ObjectsWanted(question, lists=lists))

    def action_export_view(self) -> None:
        """Write what the tab shows."""
        self.post_message(self.ExportWanted(self.tab.export()))

    def action_write_snapshot(self) -> None:
        """Write the snapshot."""
        self.post_message(self.WriteWanted())

    def action_recapture(self) -> None:
        """Capture again."""
        self.post_message(self.RecaptureWanted())

    def action_set_baseline(self) -> None:
        """Make this snapshot the baseline; of the list of snapshots, the one under the cursor."""
        row = self.tab.current_row() if self.current is View.SNAPS else None
        self.post_message(self.BaselineWanted(row))

    def action_pair(self, step: int) -> None:
        """Compare the pair of snapshots before or after this one."""
        self.post_message(self.PairWanted(step))

    def action_copy_summary(self) -> None:
        """Copy the answer for an incident channel."""
        view = self._view
        how = "open" if view.path else "attach"
        self.post_message(self.CopyWanted(lambda source: incident_summary(view, command(how, source))))

    def action_copy_command(self) -> None:
        """Copy the command that shows the same."""
        self.post_message(self.CopyWanted(self.tab.command))

"""Owns the Paths screen: the ways that lead from the roots to some objects, and the steps of the one under the cursor.

Never searches: it posts questions, and the application brings answers.
"""

from __future__ import annotations

import dataclasses

from textual.app import ComposeResult
from textual.message import Message

from heapscope.errors import HeapscopeError
from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.chrome import KeyBar, SizedScreen
from heapscope.tui.holders import FoundPath, HolderIndex, PathAnswer, PathQuestion
from heapscope.tui.lines import Line, Lines
from heapscope.tui.presenters import paths as words
from heapscope.tui.presenters.dominators import failed_lines
from heapscope.tui.presenters.export import ExportTable
from heapscope.tui.presenters.header import HeaderFacts, header_line
from heapscope.tui.state import Writing
from heapscope.tui.vtable import VTable

MIN_WAYS_LINES = 3


class PathsScreen(SizedScreen):
    """Ways above, steps below."""

    BINDINGS = bindings_of(Scope.PATHS)
    DEFAULT_CSS = """
    PathsScreen #header { height: 1; background: $surface; }
    PathsScreen #paths-head { height: 1; background: $panel; }
    PathsScreen #paths-state { display: none; height: 1fr; padding: 1 0; }
    PathsScreen #ways { height: 4; }
    PathsScreen #path-steps { height: 1fr; }
    PathsScreen.-waiting VTable { display: none; }
    PathsScreen.-waiting #paths-notes { display: none; }
    PathsScreen.-waiting #paths-state { display: block; }
    """

    class SearchWanted(Message):
        """A question should be answered."""

        def __init__(self, holders: HolderIndex, question: PathQuestion) -> None:
            super().__init__()
            self.holders = holders
            self.question = question

    class Left(Message):
        """The answer is no longer wanted."""

    class PlaceWanted(Message):
        """An object should be shown in the dominator tree."""

        def __init__(self, holders: HolderIndex, node: int) -> None:
            super().__init__()
            self.holders = holders
            self.node = node

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
        self.answer: PathAnswer | None = None
        self.error: HeapscopeError | None = None
        self._header = header
        self._share: float | None = None
        self._ascii_only = ascii_only

    def compose(self) -> ComposeResult:
        """From the top row to the bottom row."""
        yield Lines(id="header", ascii_only=self._ascii_only)
        yield Lines(id="paths-head", ascii_only=self._ascii_only)
        yield Lines(id="paths-state", ascii_only=self._ascii_only)
        yield VTable(id="ways", ascii_only=self._ascii_only)
        yield VTable(id="path-steps", ascii_only=self._ascii_only)
        yield Lines(id="paths-notes", ascii_only=self._ascii_only)
        yield KeyBar(Scope.PATHS, ascii_only=self._ascii_only)
        yield self.size_notice()

    def on_mount(self) -> None:
        """Say what is being searched."""
        self._draw()

    def on_screen_resume(self) -> None:
        """Draw what depends on the size."""
        self.show_header(self._header)

    @property
    def _ways(self) -> VTable:
        return self.query_one("#ways", VTable)

    @property
    def _steps(self) -> VTable:
        return self.query_one("#path-steps", VTable)

    def show_header(self, facts: HeaderFacts) -> None:
        """Draw the header."""
        self._header = facts
        if self.is_composed:
            self.query_one("#header", Lines).show([header_line(facts, self.size.width)])

    def search(self, holders: HolderIndex) -> None:
        """Ask the question, now that it can be answered."""
        self.holders, self.answer, self.error, self._share = holders, None, None, None
        self.post_message(self.SearchWanted(holders, self.question))
        self._draw()

    def show_work(self, share: float | None, error: HeapscopeError | None = None) -> None:
        """Say how far the search is, or what it waits for, or why there is no answer."""
        self._share, self.error = share, error
        self._draw()

    def show_answer(self, answer: PathAnswer) -> None:
        """Show the ways found."""
        self.answer = answer
        self._draw()
        if answer.paths and self.holders is not None and self.is_composed:
            # As high as it has rows, up to a third of the screen.
            self._ways.styles.height = max(MIN_WAYS_LINES, min(len(answer.paths) + 1, self.size.height // 3))
            self._ways.show(words.ways_model(self.holders.tree.snapshot, answer, self.writing), 0)
            self._ways.focus()

    def _draw(self) -> None:
        if not self.is_composed:
            return
        lines: list[Line] = []
        if self.error is not None:
            lines = [*failed_lines(self.error)]
        elif self.answer is None:
            lines = words.searching_lines(self._share, is_ready=self.holders is not None)
        elif not self.answer.paths:
            lines = words.no_paths(self.question)
        self.set_class(bool(lines), "-waiting")
        self.query_one("#paths-state", Lines).show(lines)
        self.query_one("#paths-head", Lines).show([words.paths_head(self.question, self.answer)])
        notes = words.paths_notes(self.answer, self.writing) if self.answer is not None else []
        self.query_one("#paths-notes", Lines).show(notes)
        self.query_one("#paths-notes", Lines).display = bool(notes)

    def current_path(self) -> FoundPath | None:
        """Return the way under the cursor."""
        model = self._ways.model
        if self.answer is None or model is None or not 0 <= self._ways.cursor < model.visible_count:
            return None
        path: FoundPath = model.row_at(self._ways.cursor).path
        return path

    def on_vtable_row_highlighted(self, event: VTable.RowHighlighted) -> None:
        """Show the steps of the way under the cursor, its end first in sight."""
        path = self.current_path()
        if event.table is self._ways and path is not None and self.holders is not None:
            model = words.path_steps_model(self.holders, path, self.writing)
            self._steps.show(model, len(path.objects) - 1)

    def on_vtable_row_selected(self, event: VTable.RowSelected) -> None:
        """Go from a way to its steps, and from a step to the tree."""
        if event.table is self._ways:
            self._steps.focus()
        else:
            self.action_show_place()

    def action_other_table(self) -> None:
        """Go to the other table."""
        (self._steps if self._ways.has_focus else self._ways).focus()

    def action_show_place(self) -> None:
        """Show the step under the cursor in the dominator tree."""
        path = self.current_path()
        if path is not None and self.holders is not None:
            self.post_message(self.PlaceWanted(self.holders, path.objects[self._steps.cursor]))

    def action_exclude(self) -> None:
        """Search again without the reference that leads to the step under the cursor."""
        path, at = self.current_path(), self._steps.cursor
        if path is None or self.holders is None:
            return
        if at == 0:
            self.notify("a root is held by no reference", markup=False)
            return
        if not path.is_shared[at]:
            self.notify("this step is one of many; choose one that all the paths share", markup=False)
            return
        excluded = (*self.question.excluded, (path.objects[at - 1], path.objects[at]))
        self.question = dataclasses.replace(self.question, excluded=excluded)
        self.search(self.holders)

    def action_copy_path(self) -> None:
        """Copy the way under the cursor."""
        path = self.current_path()
        if path is None or self.holders is None:
            self.notify("nothing here to copy", markup=False)
            return
        self.app.copy_to_clipboard(words.copy_path(self.holders, path))
        self.notify(f"copied a path of {len(path.objects):,} steps", markup=False, timeout=3)

    def action_export_view(self) -> None:
        """Write the ways with their steps."""
        model = self._ways.model
        if self.holders is not None and self.answer is not None and model is not None:
            self.post_message(self.ExportWanted(words.export_paths(self.holders, model.visible_rows(), 0)))

    def action_toggle_exact(self) -> None:
        """Write numbers the other way."""
        self.writing = Writing(exact=not self.writing.exact)
        if self.answer is not None and self.answer.paths and self.holders is not None:
            self._draw()
            model = words.ways_model(self.holders.tree.snapshot, self.answer, self.writing)
            self._ways.show(model)

    def action_retry(self) -> None:
        """Try again after an error."""
        if self.error is not None and self.holders is not None:
            self.search(self.holders)
        elif self.error is not None:
            self.post_message(self.RetryWanted())

    def action_back(self) -> None:
        """One step back: exclusions, then the screen before."""
        self.post_message(self.Left())
        if self.question.excluded and self.holders is not None:
            self.question = dataclasses.replace(self.question, excluded=self.question.excluded[:-1])
            self.search(self.holders)
        else:
            self.dismiss(None)

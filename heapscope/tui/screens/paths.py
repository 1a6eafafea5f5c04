"""Owns the Paths screen: the ways that lead from the roots to some objects, and the steps of the one under the cursor.

Never searches: it posts questions, and the application brings answers.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from textual.app import ComposeResult

from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.chrome import KeyBar
from heapscope.tui.holders import FoundPath, PathAnswer, PathQuestion
from heapscope.tui.lines import Line, Lines
from heapscope.tui.presenters import paths as words
from heapscope.tui.presenters.commands import command, paths_arguments
from heapscope.tui.presenters.dominators import failed_lines
from heapscope.tui.presenters.roots import object_words
from heapscope.tui.screens.pushed import PushedScreen
from heapscope.tui.vtable import VTable
from heapscope.units import counted

MIN_WAYS_LINES = 3


class PathsScreen(PushedScreen):
    """Ways above, steps below."""

    BINDINGS = bindings_of(Scope.PATHS)
    DEFAULT_CSS = """
    PathsScreen #ways { height: 4; }
    PathsScreen #path-steps { height: 1fr; }
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.answer: PathAnswer | None = None

    def compose(self) -> ComposeResult:
        """From the top row to the bottom row."""
        yield Lines(id="header", ascii_only=self._ascii_only)
        yield Lines(id="paths-head", classes="pushed-head", ascii_only=self._ascii_only)
        yield Lines(id="paths-state", classes="pushed-state", ascii_only=self._ascii_only)
        yield VTable(id="ways", ascii_only=self._ascii_only)
        yield VTable(id="path-steps", ascii_only=self._ascii_only)
        yield Lines(id="paths-notes", classes="pushed-notes", ascii_only=self._ascii_only)
        yield KeyBar(Scope.PATHS, ascii_only=self._ascii_only)
        yield self.size_notice()

    @property
    def _ways(self) -> VTable:
        return self.query_one("#ways", VTable)

    @property
    def _steps(self) -> VTable:
        return self.query_one("#path-steps", VTable)

    def forget(self) -> None:
        """Drop the answer before."""
        self.answer = None

    def show_answer(self, answer: PathAnswer) -> None:
        """Show the ways found."""
        self.answer = answer
        self.draw()
        if answer.paths and self.holders is not None and self.is_composed:
            self.call_after_refresh(self._ways.focus)

    def draw(self) -> None:
        """Draw the ways, or what stands in their place."""
        if not self.is_composed:
            return
        lines: list[Line] = []
        if self.error is not None:
            lines = [*failed_lines(self.error)]
        elif self.answer is None:
            lines = words.searching_lines(self.share, is_ready=self.holders is not None)
        elif not self.answer.paths:
            lines = words.no_paths(self.question)
        self.set_class(bool(lines), "-waiting")
        self.query_one("#paths-state", Lines).show(lines)
        self.query_one("#paths-head", Lines).show([words.paths_head(self.question, self.answer)])
        notes = words.paths_notes(self.answer, self.writing) if self.answer is not None else []
        self.query_one("#paths-notes", Lines).show(notes)
        self.query_one("#paths-notes", Lines).display = bool(notes)
        self._draw_ways()

    def _draw_ways(self) -> None:
        if self.answer is None or not self.answer.paths or self.holders is None:
            return
        # As high as it has rows, up to a third of the screen.
        self._ways.styles.height = max(MIN_WAYS_LINES, min(len(self.answer.paths) + 1, self.size.height // 3))
        self._ways.show(words.ways_model(self.holders.tree.snapshot, self.answer, self.writing))

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
        """Go from a way to its steps, and from a step to its object."""
        if event.table is self._ways:
            self._steps.focus()
        else:
            self.action_inspect()

    def action_other_table(self) -> None:
        """Go to the other table."""
        (self._steps if self._ways.has_focus else self._ways).focus()

    def subject(self) -> PathQuestion | None:
        """Return the step under the cursor; of a way, its end."""
        path = self.current_path()
        if path is None or self.holders is None:
            return None
        at = self._steps.cursor if self._steps.has_focus else len(path.objects) - 1
        one = path.objects[at]
        return PathQuestion.about(one, object_words(self.holders.tree.snapshot, one))

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

    def command(self, source: str) -> str:
        """Return the command line that finds the same ways; of a row of several objects, the ways to all of their type."""
        if self.holders is None:
            return ""
        snapshot, objects = self.holders.tree.snapshot, self.question.objects
        address, type_name = None, self.question.type_name
        if objects is not None:
            type_name = snapshot.types[int(snapshot.type_index[objects[0]])].name
            address = int(snapshot.address[objects[0]]) if objects.size == 1 else None
        excluded = [(int(snapshot.address[one]), int(snapshot.address[two])) for one, two in self.question.excluded]
        return command("paths", source, *paths_arguments(type_name, address, excluded))

    def action_copy_path(self) -> None:
        """Copy the way under the cursor."""
        path = self.current_path()
        if path is None or self.holders is None:
            self.notify("nothing here to copy", markup=False)
            return
        self.app.copy_to_clipboard(words.copy_path(self.holders, path))
        self.notify(f"copied a path of {counted(len(path.objects), 'step')}", markup=False, timeout=3)

    def action_export_view(self) -> None:
        """Write the ways with their steps."""
        model = self._ways.model
        if self.holders is not None and self.answer is not None and model is not None:
            self.post_message(self.ExportWanted(words.export_paths(self.holders, model.visible_rows(), 0)))

    def action_back(self) -> None:
        """One step back: exclusions, then the screen before."""
        if self.question.excluded and self.holders is not None:
            self.question = dataclasses.replace(self.question, excluded=self.question.excluded[:-1])
            self.search(self.holders)
        else:
            super().action_back()

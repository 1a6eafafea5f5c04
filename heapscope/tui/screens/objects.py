"""Owns what the screens about single objects have in common: an answer about objects in tables, and what a row leads to.

Never answers: it posts questions, and the application brings answers.
"""

from __future__ import annotations

from typing import Any, ClassVar

from heapscope.errors import HeapscopeError
from heapscope.tui.arraymodel import ArrayModel
from heapscope.tui.holders import PathQuestion
from heapscope.tui.inspection import ObjectFacts, ObjectList
from heapscope.tui.presenters import objects as words
from heapscope.tui.presenters.commands import command
from heapscope.tui.presenters.roots import address_words, object_words
from heapscope.tui.screens.pushed import PushedScreen
from heapscope.tui.textfit import cut_end
from heapscope.tui.vtable import VTable


class ObjectsScreen(PushedScreen):
    """A screen whose tables have objects as rows."""

    lists: ClassVar[bool]  # whether the question is answered by a list

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.answer: ObjectFacts | ObjectList | None = None

    def forget(self) -> None:
        """Drop the answer before."""
        self.answer = None

    def show_answer(self, answer: ObjectFacts | ObjectList | None, error: HeapscopeError | None) -> None:
        """Show what is known by now, or why nothing will be."""
        self.answer, self.error = answer if answer is not None else self.answer, error
        self.draw()
        self.take_keys()

    def take_keys(self) -> None:
        """Give the keys to the table, if no table has them; what is not drawn yet cannot have them."""

        def focus() -> None:
            if self.is_composed and (self.focused is None or not self.focused.display):
                self.table.focus()

        self.call_after_refresh(focus)

    @property
    def table(self) -> VTable:
        """The table that takes the keys."""
        raise NotImplementedError

    def shown_list(self) -> ObjectList | None:
        """Return the objects in that table."""
        raise NotImplementedError

    def current_position(self) -> int | None:
        """Return the position of the row under the cursor in the list; None without one."""
        model = self.table.model
        if not isinstance(model, ArrayModel) or not 0 <= self.table.cursor < model.visible_count:
            return None
        return model.row_at(self.table.cursor)

    def subject(self) -> PathQuestion | None:
        """Return the object of the row under the cursor."""
        position, objects = self.current_position(), self.shown_list()
        if position is None or objects is None or self.holders is None:
            return None
        index = int(objects.objects[position])
        return PathQuestion.about(index, object_words(self.holders.tree.snapshot, index))

    def on_vtable_row_selected(self) -> None:
        """Walk on to the object."""
        self.action_inspect()

    def action_sort_left(self) -> None:
        """Sort by the column to the left."""
        self.table.sort_neighbour(-1)

    def action_sort_right(self) -> None:
        """Sort by the column to the right."""
        self.table.sort_neighbour(1)

    def action_reverse_sort(self) -> None:
        """Reverse the order."""
        self.table.reverse_sort()

    def action_copy_row(self) -> None:
        """Copy the row under the cursor."""
        position, objects = self.current_position(), self.shown_list()
        if position is None or objects is None or self.holders is None:
            self.notify("nothing here to copy", markup=False)
            return
        self.copy(words.copy_row(self.holders, objects, position, self.writing))

    def copy(self, text: str) -> None:
        """Copy a text, and say so."""
        self.app.copy_to_clipboard(text)
        self.notify(f"copied: {cut_end(text.splitlines()[0], 48)}", markup=False, timeout=3)

    def command(self, source: str) -> str:
        """Return the command line about the object on the screen, or under the cursor."""
        subject = self.own_subject() or self.subject()
        if subject is None or subject.objects is None or self.holders is None:
            return ""
        return command("object", source, address_words(self.holders.tree.snapshot, int(subject.objects[0])))

    def own_subject(self) -> PathQuestion | None:
        """Return the object on the screen; None where there are many."""
        return None

    def action_export_view(self) -> None:
        """Write the rows in the order shown."""
        objects, model = self.shown_list(), self.table.model
        if self.holders is not None and objects is not None and isinstance(model, ArrayModel):
            rows = model.first_rows(words.MAX_EXPORTED)
            self.post_message(self.ExportWanted(words.export_objects(self.holders, "objects", objects, rows)))

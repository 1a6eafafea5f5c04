"""Owns the Inspect screen: one object, what it refers to, what refers to it; enter walks on, escape walks back.

Never answers: it posts questions, and the application brings answers.
"""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult

from heapscope.tui.actions import Scope, bindings_of
from heapscope.tui.arraymodel import ArrayModel
from heapscope.tui.chrome import KeyBar
from heapscope.tui.holders import PathQuestion
from heapscope.tui.inspection import ObjectFacts, ObjectList
from heapscope.tui.lines import Line, Lines
from heapscope.tui.presenters import objects as words
from heapscope.tui.presenters.dominators import failed_lines
from heapscope.tui.screens.objects import ObjectsScreen
from heapscope.tui.vtable import VTable

MIN_REFERRER_LINES = 3
MAX_TRAIL = 1_000  # steps that escape walks back


class InspectScreen(ObjectsScreen):
    """Facts above, then two tables."""

    BINDINGS = bindings_of(Scope.OBJECT)
    DEFAULT_CSS = """
    InspectScreen #inspect-facts { height: auto; padding: 0 0 1 0; }
    InspectScreen.-waiting #inspect-facts { display: none; }
    InspectScreen #members { height: 1fr; }
    InspectScreen #referrers { height: 3; }
    """
    lists = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._trail: list[PathQuestion] = []
        self._shows_referrers = False

    def compose(self) -> ComposeResult:
        """From the top row to the bottom row."""
        yield Lines(id="header", ascii_only=self._ascii_only)
        yield Lines(id="inspect-head", classes="pushed-head", ascii_only=self._ascii_only)
        yield Lines(id="inspect-state", classes="pushed-state", ascii_only=self._ascii_only)
        yield Lines(id="inspect-facts", ascii_only=self._ascii_only)
        yield VTable(id="members", ascii_only=self._ascii_only)
        yield Lines(id="inspect-values", classes="pushed-notes", ascii_only=self._ascii_only)
        yield VTable(id="referrers", ascii_only=self._ascii_only)
        yield Lines(id="inspect-notes", classes="pushed-notes", ascii_only=self._ascii_only)
        yield KeyBar(Scope.TABLE, Scope.OBJECT, ascii_only=self._ascii_only)
        yield self.size_notice()

    @property
    def facts(self) -> ObjectFacts | None:
        """What is known of the object; None until anything is."""
        return self.answer if isinstance(self.answer, ObjectFacts) else None

    @property
    def table(self) -> VTable:
        """The table that takes the keys."""
        return self.query_one("#referrers" if self._shows_referrers else "#members", VTable)

    def shown_list(self) -> ObjectList | None:
        """Return the objects in that table."""
        if self.facts is None:
            return None
        return self.facts.referrers if self._shows_referrers else self.facts.members

    def draw(self) -> None:
        """Draw the object, or what stands in its place."""
        if not self.is_composed:
            return
        facts, holders, lines = self.facts, self.holders, list[Line]()
        if self.error is not None:
            lines = [*failed_lines(self.error)]
        elif facts is None:
            lines = words.waiting_lines(self.share, is_ready=holders is not None)
        self.set_class(bool(lines), "-waiting")
        self.query_one("#inspect-state", Lines).show(lines)
        snapshot = holders.tree.snapshot if holders is not None else None
        self.query_one("#inspect-head", Lines).show([words.inspect_head(self.question, facts, snapshot)])
        if facts is None or holders is None:
            return
        facts_lines = words.inspect_lines(holders, facts, self.writing, self.size.width)
        self.query_one("#inspect-facts", Lines).show(facts_lines)
        self.query_one("#inspect-values", Lines).show(words.values_note(facts))
        if facts.referrers is not None and not facts.members.count:
            self._shows_referrers = True
        self._draw_table("#members", facts.members, "Refers to")
        self._draw_table("#referrers", facts.referrers, "Referred to by")
        note = words.referrers_note(facts)
        self.query_one("#inspect-notes", Lines).show([note] if note else [])
        self.query_one("#inspect-notes", Lines).display = bool(note)

    def _draw_table(self, name: str, objects: ObjectList | None, title: str) -> None:
        table = self.query_one(name, VTable)
        table.display = objects is not None and bool(objects.count)
        if objects is None or self.holders is None:
            return
        if name == "#referrers":
            # As high as it has rows, up to a third of the screen.
            table.styles.height = max(MIN_REFERRER_LINES, min(objects.count + 1, self.size.height // 3))
        model, before = words.neighbours_model(self.holders, objects, self.writing, title), table.model
        if isinstance(before, ArrayModel):
            model.sort_by(before.sort_key, descending=before.descending)
        table.show(model)

    def walk_to(self, question: PathQuestion) -> None:
        """Go on to another object; escape comes back."""
        self._trail = [*self._trail[-MAX_TRAIL:], self.question]
        self._go_to(question)

    def _go_to(self, question: PathQuestion) -> None:
        self.post_message(self.Left(self.question))
        self.question = question
        self._shows_referrers = False
        for table in self.query(VTable):
            table.cursor = 0
        if self.holders is not None:
            self.search(self.holders)

    def action_inspect(self) -> None:
        """Walk on to the object under the cursor."""
        subject = self.subject()
        if subject is not None:
            self.walk_to(subject)

    def action_other_table(self) -> None:
        """Go to the other table."""
        facts = self.facts
        if facts is None or facts.referrers is None or not facts.referrers.count or not facts.members.count:
            return
        self._shows_referrers = not self._shows_referrers
        self.table.focus()

    def action_paths(self) -> None:
        """Search the paths to the object on the screen."""
        if self.holders is not None:
            self.post_message(self.PathsWanted(self.holders, self.own_subject() or self.question))

    def own_subject(self) -> PathQuestion | None:
        """Return the object on the screen."""
        facts = self.facts
        if facts is None:
            return None
        return PathQuestion.about(facts.index, self.question.title)

    def action_show_place(self) -> None:
        """Show the object on the screen in the dominator tree."""
        if self.facts is not None and self.holders is not None:
            self.post_message(self.PlaceWanted(self.holders, self.facts.index))

    def action_copy_object(self) -> None:
        """Copy what is known of the object."""
        if self.facts is not None and self.holders is not None:
            self.copy(words.copy_facts(self.holders, self.facts, self.writing))

    def action_back(self) -> None:
        """Walk back to the object before, else to the screen before."""
        if self._trail:
            question = self._trail.pop()
            self._go_to(question)
        else:
            super().action_back()

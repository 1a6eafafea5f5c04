"""What every edit of one class needs to know: where it stands, what the change wants, what the file says around it.

Never edits anything. Notes are collected here; a refusal is raised.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

import libcst as cst

from heapscope.analysis.patching.hierarchy import Hierarchy, Located
from heapscope.analysis.patching.model import PatchNote, PatchOptions, Refused
from heapscope.analysis.patching.module import ClassPlace, Module
from heapscope.analysis.patching.nodes import bound_names, decorator_expressions
from heapscope.analysis.slots.model import ClassChange

DATACLASS = frozenset({"dataclasses.dataclass"})
ATTRS_OLD = frozenset({"attr.s", "attr.attrs", "attr.attributes", "attr.dataclass"})
ATTRS_NEW = frozenset(f"{module}.{name}" for module in ("attr", "attrs") for name in ("define", "mutable", "frozen"))


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Context:
    """One class to change. ``changed`` are all classes that change with it, by their place."""

    change: ClassChange
    located: Located
    hierarchy: Hierarchy
    options: PatchOptions
    changed: dict[ClassPlace, Context] = dataclasses.field(default_factory=dict)
    notes: list[PatchNote] = dataclasses.field(default_factory=list)

    @property
    def module(self) -> Module:
        """The file of the class."""
        return self.located.module

    @property
    def place(self) -> ClassPlace:
        """The class statement."""
        return self.located.place

    @property
    def tree(self) -> cst.Module:
        """The parsed file."""
        return self.module.tree

    def note(self, text: str, node: cst.CSTNode | None = None) -> None:
        """Say something about the change of this class, once."""
        line = self.module.line_of(node) if node is not None else 0
        entry = PatchNote(self.change.type_name, text, self.module.path, line)
        if entry not in self.notes:
            self.notes.append(entry)

    def refuse(self, text: str, node: cst.CSTNode | None = None) -> Refused:
        """Make the exception that leaves this class as it is."""
        return Refused(text, self.module.line_of(node) if node is not None else 0)

    def ancestors(self) -> list[Located]:
        """Give the bases that are in the files."""
        return self.hierarchy.ancestors(self.located)[0]

    def decorated_by(self, kinds: Iterable[str], node: cst.ClassDef | None = None) -> bool:
        """Tell whether a decorator of the class is one of those."""
        wanted = set(kinds)
        expressions = decorator_expressions(self.place.node if node is None else node)
        return any(self.module.meanings(expression) & wanted for expression in expressions)

    @property
    def is_frozen(self) -> bool:
        """Whether assigning to an attribute of an instance raises: a frozen dataclass."""
        return self.decorated_by(DATACLASS) and _has_true_argument(self.place.node, "frozen")

    def setter(self, receiver: str, name: str, value: str) -> str:
        """Write the assignment of a computed name, past a ``__setattr__`` of the class's own."""
        owners = [self.place.node, *(base.place.node for base in self.ancestors())]
        own = self.is_frozen or any("__setattr__" in bound_names(node) for node in owners)
        return f"{'object.__setattr__' if own else 'setattr'}({receiver}, {name}, {value})"

    def assign(self, receiver: str, name: str, value: str) -> str:
        """Write the assignment of a known name, past a ``__setattr__`` of the class's own."""
        written = self.setter(receiver, f'"{name}"', value)
        return written if written.startswith("object.") else f"{receiver}.{name} = {value}"

    def free_name(self, *candidates: str) -> str:
        """Choose a name that none of the files uses.

        Raises:
            Refused: all are in use.
        """
        texts = [module.source.text for module in self.hierarchy.modules.values()]
        for name in candidates:
            pattern = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])")
            if name not in self.change.names and not any(pattern.search(text) for text in texts):
                return name
        raise Refused(f"the name {candidates[0]}, which the change needs, is in use")


def _has_true_argument(node: cst.ClassDef, keyword: str) -> bool:
    for decorator in node.decorators:
        if isinstance(decorator.decorator, cst.Call):
            for argument in decorator.decorator.args:
                if argument.keyword is not None and argument.keyword.value == keyword:
                    return not (isinstance(argument.value, cst.Name) and argument.value.value == "False")
    return False

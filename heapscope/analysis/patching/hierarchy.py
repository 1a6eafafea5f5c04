"""Which class statements of the given files are bases and subclasses of each other, by their names.

Never claims to know a class that is in none of the files: such a base is its dotted name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import libcst as cst

from heapscope.analysis.patching.module import ClassPlace, Module, module_words

_PLAIN_MODULES = ("collections.abc.", "typing.")
# Bases that have no __init__ of their own, no instance attributes, and empty slots.
_PLAIN_BASES = frozenset(
    {
        "object",
        "abc.ABC",
        "typing.Generic",
        "typing.Protocol",
        "typing_extensions.Protocol",
        "typing_extensions.Generic",
    }
)
_MAX_DEPTH = 50  # levels of inheritance followed: text can name a base in a circle


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Located:
    """A class statement and the file that it is in."""

    module: Module
    place: ClassPlace


class Hierarchy:
    """All class statements of the files. Immutable; answers by walking the bases."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = modules
        self.all_classes = [Located(module, place) for module in modules.values() for place in module.classes]
        self._by_node = {located.place.node: located for located in self.all_classes}

    def bases_of(self, located: Located) -> tuple[list[Located], set[str]]:
        """Give the direct bases that are in the files, and the dotted names of those that are not (plain ones left out)."""
        found, unknown = [], set()
        for argument in located.place.node.bases:
            value = argument.value
            expression = value.value if isinstance(value, cst.Subscript) else value
            base = None if argument.star else self._resolve(located, expression)
            if base is not None:
                found.append(base)
            else:
                unknown |= located.module.meanings(expression) or {"?"}
        return found, {name for name in unknown - _PLAIN_BASES if not name.startswith(_PLAIN_MODULES)}

    def ancestors(self, located: Located) -> tuple[list[Located], set[str]]:
        """Give all bases, near ones first, and the names of those that are in none of the files."""
        found: list[Located] = []
        unknown: set[str] = set()
        waiting = [located]
        while waiting and len(found) < _MAX_DEPTH:
            bases, names = self.bases_of(waiting.pop(0))
            unknown |= names
            new = [base for base in bases if base not in found]
            found += new
            waiting += new
        return found, unknown

    def subclasses(self, located: Located) -> Iterator[Located]:
        """Yield the class statements that derive from one, directly or not."""
        for other in self.all_classes:
            if other is not located and other.place is not located.place:
                ancestors, _ = self.ancestors(other)
                if any(ancestor.place is located.place for ancestor in ancestors):
                    yield other

    def located(self, module: Module, place: ClassPlace) -> Located:
        """Give the entry of a class statement."""
        assert self._by_node[place.node].module is module
        return self._by_node[place.node]

    def _resolve(self, located: Located, expression: cst.BaseExpression) -> Located | None:
        module = located.module
        if isinstance(expression, cst.Name) and expression.value not in module.imported:
            scope = located.place.qualname.split(".")[:-1]
            for depth in range(len(scope), -1, -1):
                qualname = ".".join([*scope[:depth], expression.value])
                before = [place for place in module.classes if place.qualname == qualname]
                before = [place for place in before if place.first_line < located.place.first_line]
                if before:
                    return self._by_node[before[-1].node]
            return None
        for dotted in module.meanings(expression):
            owner, _, name = dotted.rpartition(".")
            for other in self.modules.values():
                if other is not module and _is_module(other.path, owner, module.path):
                    for place in other.classes:
                        if place.qualname == name:
                            return self._by_node[place.node]
        return None


def _is_module(path: str, dotted: str, importer: str) -> bool:
    """Tell whether a file can be the module of a dotted name; a relative one counts from the importing file."""
    words = module_words(path)
    relative = dotted.lstrip(".")
    levels = len(dotted) - len(relative)
    wanted = [word for word in relative.split(".") if word]
    if levels:
        folder = importer.strip("/").split("/")[:-1]
        return words == [*folder[: len(folder) - levels + 1], *wanted]
    return bool(wanted) and words[-len(wanted) :] == wanted

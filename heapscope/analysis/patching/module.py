"""One parsed source file: its class statements by qualified name, what its imported names mean, how it writes text.

Never changes the tree. Needs libcst, which takes 0.6 s to load: import it late.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from heapscope.analysis.patching.model import Refused
from heapscope.analysis.patching.source import SourceText, decode_source
from heapscope.analysis.slots.model import ClassChange

_MAIN = ("__main__", "__mp_main__")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ClassPlace:
    """A class statement; lines are of the statement with its decorators. ``column`` is its indentation."""

    qualname: str
    node: cst.ClassDef
    first_line: int
    last_line: int
    column: int

    @property
    def bare_name(self) -> str:
        """The name after ``class``."""
        return self.node.name.value

    @property
    def spelled(self) -> str:
        """How a method of the class refers to it."""
        return self.qualname.rpartition("<locals>.")[2]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Module:
    """A source file. ``imported`` are the dotted names that a name may stand for, with leading dots where relative."""

    path: str
    source: SourceText
    tree: cst.Module
    positions: dict[cst.CSTNode, CodeRange]
    classes: tuple[ClassPlace, ...]
    imported: dict[str, set[str]]
    quote: str

    def line_of(self, node: cst.CSTNode) -> int:
        """Give the line of a node of this tree, 0 for a node made since."""
        found = self.positions.get(node)
        return found.start.line if found is not None else 0

    def meanings(self, node: cst.BaseExpression) -> set[str]:
        """Give the dotted names that a name or an attribute of a module may stand for; none for other expressions."""
        if isinstance(node, cst.Name):
            return self.imported.get(node.value, {node.value})
        if isinstance(node, cst.Attribute):
            return {f"{owner}.{node.attr.value}" for owner in self.meanings(node.value)}
        return set()


def parse_module(path: str, data: bytes) -> Module:
    """Parse a source file.

    Raises:
        Refused: it is not valid, or does not come back from the parser as it was.
    """
    source = decode_source(data)
    try:
        tree = cst.parse_module(source.text)
    except (cst.ParserSyntaxError, RecursionError) as error:
        raise Refused("the source file does not parse") from error
    if tree.code != source.text:
        raise Refused("the source file does not come back from the parser as it was")
    wrapper = MetadataWrapper(tree, unsafe_skip_copy=True)
    positions = dict(wrapper.resolve(PositionProvider))
    reader = _Reader(positions)
    tree.visit(reader)
    quote = "'" if reader.quotes["'"] > reader.quotes['"'] else '"'
    return Module(path, source, tree, positions, tuple(reader.classes), reader.imported, quote)


class _Reader(cst.CSTVisitor):
    def __init__(self, positions: dict[cst.CSTNode, CodeRange]) -> None:
        super().__init__()
        self.classes: list[ClassPlace] = []
        self.imported: dict[str, set[str]] = {}
        self.quotes = {"'": 0, '"': 0}
        self._positions = positions
        self._scope: list[str] = []

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        qualname = ".".join([*self._scope, node.name.value])
        place = self._positions[node]
        lines = [place.start.line, *(self._positions[decorator].start.line for decorator in node.decorators)]
        self.classes.append(ClassPlace(qualname, node, min(lines), place.end.line, place.start.column))
        self._scope.append(node.name.value)

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:
        self._scope.pop()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._scope.append(f"{node.name.value}.<locals>")

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self._scope.pop()

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        if node.quote in self.quotes:
            self.quotes[node.quote] += 1

    def visit_Import(self, node: cst.Import) -> None:
        for alias in node.names:
            dotted = _dotted(alias.name)
            local = alias.evaluated_alias
            if local is not None:
                self.imported.setdefault(local, set()).add(dotted)
            else:
                top = dotted.partition(".")[0]
                self.imported.setdefault(top, set()).add(top)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        if isinstance(node.names, cst.ImportStar):
            return
        module = "." * len(node.relative) + (_dotted(node.module) if node.module is not None else "")
        for alias in node.names:
            name = _dotted(alias.name)
            dotted = f"{module}{name}" if module.endswith(".") else f"{module}.{name}"
            self.imported.setdefault(alias.evaluated_alias or name, set()).add(dotted)


def _dotted(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""


def find_class(module: Module, change: ClassChange) -> ClassPlace:
    """Find the class statement that a change is about.

    Raises:
        Refused: there is none, or more than one that it may be.
    """
    found = list(_candidates(module, change.type_name))
    if not found:
        raise Refused("its class statement is not in the file (made by a call, or the file has changed)")
    if len(found) > 1:
        found = [place for place in found if place.first_line <= change.line <= place.last_line]
    if len(found) != 1:
        raise Refused("the file has several class statements of this name")
    return found[0]


def _candidates(module: Module, type_name: str) -> Iterator[ClassPlace]:
    """Yield the statements whose qualified name ends the type's name; the rest must be a module's name, best this file's."""
    fitting = [place for place in module.classes if f".{type_name}".endswith(f".{place.qualname}")]
    stem = module_words(module.path)[-1:]

    def rank(place: ClassPlace) -> tuple[bool, int]:
        owner = type_name[: -len(place.qualname)].rstrip(".")
        return owner.split(".")[-1:] == stem or owner in _MAIN, len(place.qualname)

    best = max((rank(place) for place in fitting), default=None)
    yield from (place for place in fitting if rank(place) == best)


def module_words(path: str) -> list[str]:
    """Give the words of a path that the name of its module ends with."""
    words = path.removesuffix(".py").strip("/").split("/")
    return words[:-1] if words[-1] == "__init__" else words

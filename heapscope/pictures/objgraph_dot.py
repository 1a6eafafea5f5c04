"""Reads the dot that objgraph writes. It comes from the target's clone, so it may be anything: what is no line of objgraph's is an error.

Never passes a piece of it on as it is: boxes and arrows become values, and are written anew. Pure; bounded.
"""

from __future__ import annotations

import dataclasses
import re

from heapscope.pictures.graph import MAX_EDGES, MAX_NODES, Edge, Graph, Look, Node

MAX_LINES = 3  # in one box
_TEXT = r'"((?:[^"\\]|\\.)*)"'
_NUMBER = r"[-+.\de]{1,30}"
_ID = r"o(\d{1,20})"
_LABEL = re.compile(rf"  {_ID}\[label={_TEXT}\];")
_ASKED = re.compile(rf"  {_ID}\[fontcolor=red\];")
_FILLED = re.compile(rf'  {_ID}\[fillcolor="({_NUMBER}),{_NUMBER},{_NUMBER}"\];')
_EDGE = re.compile(rf"  {_ID} -> {_ID}(?: \[label={_TEXT}(?:,weight=\d+)?\])?;")
_FINALIZER = re.compile(rf"  {_ID}_has_a_del\[label=.*\];")
_MORE = re.compile(rf"  too_many_{_ID}\[label={_TEXT},.*\];")
_MORE_EDGE = re.compile(rf"  (?:{_ID}->too_many_{_ID}|too_many_{_ID}->{_ID})\[.*\];")
_DECORATION = re.compile(
    rf"digraph ObjectGraph \{{|  node\[.*\];|\}}|  (?:too_many_)?{_ID}\[fontcolor=white\];|  {_ID}->{_ID}_has_a_del\[.*\];"
)
_ESCAPE = re.compile(r"\\(\\\\0|.)", re.DOTALL)
_MODULE_HUE = "0.3"


class DotError(ValueError):
    """This is nothing that objgraph writes."""


@dataclasses.dataclass(slots=True)
class _Box:
    """What is known of a box so far."""

    label: str = ""
    look: Look = Look.OBJECT
    has_finalizer: bool = False


class _Reader:
    """Takes line after line."""

    def __init__(self) -> None:
        self.boxes: dict[str, _Box] = {}
        self.more: dict[str, str] = {}
        self.edges: list[Edge] = []

    def take(self, line: str) -> None:
        """Understand one line.

        Raises:
            DotError: it is none of objgraph's, or one too many.
        """
        if found := _LABEL.fullmatch(line):
            self._box(found[1]).label = _unquoted(found[2])
        elif found := _EDGE.fullmatch(line):
            self._arrow(f"o{found[1]}", f"o{found[2]}", _unquoted(found[3] or ""))
        elif found := _ASKED.fullmatch(line):
            self._box(found[1]).look = Look.ASKED
        elif found := _FILLED.fullmatch(line):
            box = self._box(found[1])
            if found[2] == _MODULE_HUE and box.look is Look.OBJECT:
                box.look = Look.ROOT
        elif found := _FINALIZER.fullmatch(line):
            self._box(found[1]).has_finalizer = True
        elif found := _MORE.fullmatch(line):
            self.more[found[1]] = _unquoted(found[2])
        elif found := _MORE_EDGE.fullmatch(line):
            is_down = found[1] is not None
            ends = (f"o{found[1]}", f"m{found[2]}") if is_down else (f"m{found[3]}", f"o{found[4]}")
            self._arrow(*ends, is_dashed=True)
        elif not _DECORATION.fullmatch(line):
            raise DotError("a line is not objgraph's")

    def _box(self, number: str) -> _Box:
        if number not in self.boxes and len(self.boxes) >= MAX_NODES:
            raise DotError("there are too many boxes")
        return self.boxes.setdefault(number, _Box())

    def _arrow(self, source: str, target: str, label: str = "", *, is_dashed: bool = False) -> None:
        if len(self.edges) < MAX_EDGES:
            self.edges.append(Edge(source, target, label, is_dashed))

    def graph(self, title: str, note: str) -> Graph:
        """Put together what was read; arrows to boxes that were left out go with them."""
        nodes = [Node(f"o{number}", _lines(number, box), box.look) for number, box in self.boxes.items()]
        nodes += [Node(f"m{number}", (words,), Look.MORE) for number, words in list(self.more.items())[:MAX_NODES]]
        keys = {node.key for node in nodes}
        edges = tuple(edge for edge in self.edges if edge.source in keys and edge.target in keys)
        is_cut = len(self.edges) == MAX_EDGES
        return Graph(title, tuple(nodes), edges, note or ("more arrows than can be drawn" if is_cut else ""))


def read_objgraph(dot: bytes, title: str, note: str = "") -> Graph:
    """Read objgraph's dot as a graph. O(size).

    Raises:
        DotError: it is something else.
    """
    reader = _Reader()
    for line in dot.decode("utf-8", "replace").split("\n"):
        if line:
            reader.take(line)
    if not any(box.look is Look.ASKED for box in reader.boxes.values()):
        raise DotError("the object asked about is missing")
    return reader.graph(title, note)


def _unquoted(text: str) -> str:
    return _ESCAPE.sub(lambda found: {"n": "\n", "\\\\0": "\0"}.get(found[1], found[1]), text)


def _lines(number: str, box: _Box) -> tuple[str, ...]:
    lines = [line for line in box.label.split("\n") if line][:MAX_LINES]
    finalizer = ["has a finalizer (__del__)"] if box.has_finalizer else []
    return (*lines, f"{int(number):#x}", *finalizer)

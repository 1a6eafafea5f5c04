"""What objgraph writes is read back; anything else is refused, for it comes from the target's clone."""

from __future__ import annotations

import contextlib
import io
import sys
import types

import objgraph
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.pictures.graph import MAX_NODES, Look
from heapscope.pictures.languages import write_dot
from heapscope.pictures.objgraph_dot import DotError, read_objgraph
from tests.support.examples import examples


class Thing:
    """Has a finalizer and a hostile text."""

    def __init__(self) -> None:
        self.odd = {'"];\n} \\ x -> y': [1], "many": list(range(40))}

    def __del__(self) -> None:
        """Do nothing."""


def test_what_objgraph_itself_writes_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed version, asked in this process: every line it writes is known."""
    thing, out = Thing(), io.StringIO()
    objgraph.show_refs([thing], max_depth=3, too_many=5, output=out)
    graph = read_objgraph(out.getvalue().encode(), "title")
    asked = next(node for node in graph.nodes if node.look is Look.ASKED)
    assert asked.lines[0] == "Thing"
    assert f"{id(thing):#x}" in asked.lines
    assert "has a finalizer (__del__)" in asked.lines
    assert any(node.look is Look.MORE and "more references" in node.lines[0] for node in graph.nodes)
    assert any("x -> y" in edge.label for edge in graph.edges)
    out = io.StringIO()
    module = types.ModuleType(
        "alone"
    )  # of which nobody else has the dict: of many that refer to a thing, objgraph takes any five
    monkeypatch.setitem(sys.modules, "alone", module)
    objgraph.show_backrefs([module.__dict__], max_depth=2, too_many=5, output=out)
    backwards = read_objgraph(out.getvalue().encode(), "title")
    assert any(node.look is Look.ROOT for node in backwards.nodes)
    assert write_dot(backwards).count("{") >= 1


HEAD = b"digraph ObjectGraph {\n  node[shape=box, style=filled, fillcolor=white];\n  o1[fontcolor=red];\n"


@pytest.mark.parametrize(
    "line",
    [
        b'  o1[label="a"] ; evil [URL="http://x"];',
        b'  o1[label="a", URL="x"];',
        b'  "o1"[label="a"];',
        b"  subgraph x {",
        b'  o1[label="a\\"];',
        b"  o123456789012345678901[fontcolor=red];",
        b"  o1 -> o2 [label=a];",
    ],
)
def test_lines_that_are_not_objgraphs_are_refused(line: bytes) -> None:
    """One is enough."""
    with pytest.raises(DotError, match="not objgraph's"):
        read_objgraph(HEAD + line + b"\n}\n", "title")


def test_pictures_without_end_are_refused_and_escapes_undone() -> None:
    """Bounded boxes; a backslash, a quote, a line, a NUL."""
    boxes = b"".join(b'  o%d[label="x"];\n' % number for number in range(MAX_NODES + 1))
    with pytest.raises(DotError, match="too many"):
        read_objgraph(HEAD + boxes + b"}\n", "title")
    with pytest.raises(DotError, match="missing"):
        read_objgraph(b"digraph ObjectGraph {\n}\n", "title")
    graph = read_objgraph(HEAD + rb'  o1[label="a\\b\"c\nsecond\\\0\nthird\nfourth"];' + b"\n}\n", "title")
    assert graph.nodes[0].lines == ('a\\b"c', "second\0", "third", "0x1")


@settings(max_examples=examples(60), deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_are_anything_but_a_picture_or_an_error(data: bytes) -> None:
    """Nothing else is raised."""
    with contextlib.suppress(DotError):
        read_objgraph(HEAD + data, "title")

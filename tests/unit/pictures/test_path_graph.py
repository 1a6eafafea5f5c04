"""Ways as a graph: what is shared is drawn once, and every language says the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

from heapscope.pictures.graph import MAX_NODES, Graph, Look
from heapscope.pictures.languages import write_dot, write_mermaid
from heapscope.pictures.path_graph import MAX_STEPS, Way, WayStep, graph_of_ways
from heapscope.pictures.svg import write_svg
from heapscope.pictures.text import escape_mermaid, shown
from tests.unit.pictures.test_text import HOSTILE

MODULE = WayStep("builtins.module", 0x10)
REGISTRY = WayStep("app.Registry", 0x20, ".REGISTRY", size_bytes=48)
SESSIONS = WayStep("builtins.dict", 0x30, ".sessions")
SESSION = WayStep("app.Session", 0x40, "[]", is_shared=False)
WAYS = (
    Way("module app", (MODULE, REGISTRY, SESSIONS, SESSION), 9, 0.9),
    Way("frame work app.py:9", (WayStep("builtins.frame", 0x50), SESSIONS, SESSION), 1, 0.1),
)


def lines_of(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Give the lines of every box."""
    return {node.key: node.lines for node in graph.nodes}


def arrows_of(graph: Graph) -> list[tuple[str, str, str]]:
    """Give every arrow with the first lines of both ends."""
    lines = lines_of(graph)
    return [(lines[edge.source][0], edge.label, lines[edge.target][0]) for edge in graph.edges]


def test_ways_share_their_objects_and_their_end() -> None:
    """The dict is one box, reached twice."""
    graph = graph_of_ways("title", WAYS, "10 × app.Session")
    assert arrows_of(graph) == [
        ("module app", ".REGISTRY", "app.Registry"),
        ("app.Registry", ".sessions", "dict"),
        ("dict", "[]  9 objects, 90.0%", "10 × app.Session"),
        ("frame work app.py:9", ".sessions", "dict"),
        ("dict", "[]  1 objects, 10.0%", "10 × app.Session"),
    ]
    assert [node.look for node in graph.nodes].count(Look.ASKED) == 1
    assert graph.note == ""


def test_what_ways_do_not_share_is_dashed_and_not_invented() -> None:
    """Only the first two steps are common."""
    way = Way("module app", (MODULE, REGISTRY, SESSIONS, SESSION), 5, 0.5, common=2)
    graph = graph_of_ways("title", [way], "Session")
    assert [edge.is_dashed for edge in graph.edges] == [False, True]
    assert "dict" not in str(graph)


def test_steps_that_are_one_of_several_are_told_apart_by_their_way() -> None:
    """Two lists that are not shared, behind different holders, are two boxes; behind the same one, one."""
    some = WayStep("builtins.list", 0x60, "[]", is_shared=False)
    ways = [
        Way("module a", (MODULE, SESSIONS, some, SESSION), 2, 0.2),
        Way("module a", (MODULE, SESSIONS, some, REGISTRY, SESSION), 2, 0.2),
        Way("module a", (MODULE, REGISTRY, some, SESSION), 2, 0.2),
    ]
    graph = graph_of_ways("title", ways, "Session")
    assert [node.lines for node in graph.nodes].count(("list", "one of several")) == 2


def test_a_root_itself_and_long_and_many_ways() -> None:
    """A way of one step is one box; long ways keep their ends; what has no room is counted."""
    assert len(graph_of_ways("t", [Way("module app", (MODULE,))], "module").nodes) == 1
    steps = tuple(WayStep("builtins.list", at, "[0]") for at in range(1000))
    graph = graph_of_ways("t", [Way("module app", steps)], "list")
    assert len(graph.nodes) == MAX_STEPS + 1
    assert (f"{1000 - MAX_STEPS} more steps",) in lines_of(graph).values()
    ways = [Way(f"module m{at}", tuple(WayStep("list", at * 100 + step) for step in range(50))) for at in range(20)]
    graph = graph_of_ways("t", ways, "list")
    assert len(graph.nodes) <= MAX_NODES
    assert re.fullmatch(r"\d of 20 ways", graph.note)


def hostile_graph() -> Graph:
    """Give a graph whose every text is hostile."""
    ways = [
        Way(text, (MODULE, WayStep(text, 0x1000 + at, text), SESSION), 1, 0.5, common=3)
        for at, text in enumerate(HOSTILE)
    ]
    return graph_of_ways(HOSTILE[0], ways, HOSTILE[1])


def test_svg_of_hostile_names_is_well_formed_and_holds_nothing_active() -> None:
    """Only shapes and text; every full name is there, shortened."""
    root = ET.fromstring(write_svg(hostile_graph()))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "style", "text", "g", "rect", "path"}
    names = {name for element in root.iter() for name in element.attrib}
    assert not any(name.startswith("on") or "href" in name for name in names)
    assert "alert(1)" in "".join(root.itertext())


def test_mermaid_of_hostile_names_has_one_statement_a_line() -> None:
    """Each line is a box, an arrow or a style, and nothing else."""
    text = r"(?:#\d+;|<br/>|[ .,\-a-zA-Z0-9]|[^\x00-\x7f])*"
    box = rf'  n\d+(?:\(\["{text}"\]\)|\["{text}"\]|\[\["{text}"\]\]|>"{text}"\])'
    arrow = rf'  n\d+ -\.?->(?:\|"{text}"\|)? n\d+'
    for line in write_mermaid(hostile_graph()).splitlines()[1:]:
        assert re.fullmatch(rf"{box}|{arrow}|  class [n0-9,]+ [a-z]+|  classDef [-:#,a-z0-9 ]+", line), line
    assert escape_mermaid("style a:b #1;") == "style a#58;b #35;1#59;"


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_back_what_was_written() -> None:
    """Every box and every line of text, hostile or not."""
    graph = hostile_graph()
    result = subprocess.run(
        ["dot", "-Tjson0"], input=write_dot(graph).encode(), capture_output=True, check=True, timeout=60
    )
    assert not result.stderr
    drawn = {one["name"]: one["label"] for one in json.loads(result.stdout)["objects"]}
    for node in graph.nodes:
        expected = "\\n".join(shown(line).replace("\\", "\\\\").replace("&", "&amp;") for line in node.lines)
        assert drawn[node.key] == expected

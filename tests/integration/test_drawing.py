"""objgraph draws in the clone of a running process: what is there, without running code of the target, which stays as it was."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from heapscope.errors import ExitCode, UsageError
from heapscope.pictures.graph import Graph, Look
from heapscope.service.drawing import Question, draw
from tests.support.command_line import run_heapscope
from tests.support.invariants import unharmed
from tests.support.pythons import Python, found_pythons
from tests.support.targets import Situation, Target, running

pytestmark = [pytest.mark.integration, pytest.mark.apart]

SITUATION = Situation("drawn", "drawn.py")


@pytest.fixture(scope="module")
def drawn(one_python: Python) -> Iterator[Target]:
    """Start the target once."""
    with running(one_python, SITUATION) as target:
        yield target


def arrows_of(graph: Graph) -> set[tuple[str, str, str]]:
    """Give (type of the holder, name of the reference, type of the held)."""
    kinds = {node.key: node.lines[0] for node in graph.nodes}
    return {(kinds[edge.source], edge.label, kinds[edge.target]) for edge in graph.edges}


def names_of(graph: Graph) -> set[str]:
    """Give the second lines of all boxes: what the objects are called."""
    return {node.lines[1] for node in graph.nodes if len(node.lines) > 2}


def assert_holders_are_drawn(target: Target) -> None:
    """Every holder of the session, with the name of the reference; traps on the way stay shut."""
    with unharmed(target):
        drawing = draw(target.pid, Question(target.ask()["extra"]["session"], "backrefs", 4))
    arrows = arrows_of(drawing.graph)
    assert drawing.type_name == "__main__.Session"
    assert drawing.cut == ""
    assert arrows >= {
        ("list", "[3]", "__main__.Session"),
        ("dict", "sessions", "list"),
        ("dict", "REGISTRY", "dict"),
        ("dict", "ASKED", "__main__.Session"),
        ("__main__.Slotted", "child", "__main__.Session"),
        ("__main__.DeadlyDict", "held", "__main__.Session"),
        ("frame", "session", "__main__.Session"),
        ("frame", "local", "tuple"),
        ("cell", "cell_contents", "__main__.Session"),
        ("function", "__closure__", "tuple"),
        ("module", "__dict__", "dict"),
    }
    assert {"names of module __main__", "__main__"} <= names_of(drawing.graph)
    assert any(name.startswith("work ") for name in names_of(drawing.graph))
    # Nothing of ours is in the picture: no list of all objects, no frame of the agent.
    assert "heapscope" not in str(drawing.graph)


def test_what_holds_an_object_is_drawn(drawn: Target) -> None:
    """Lists, dicts, slots, frames, cells; down to the module."""
    assert_holders_are_drawn(drawn)


@pytest.mark.matrix
@pytest.mark.parametrize(
    "python",
    [python for python in found_pythons() if python.minor >= (3, 14) or not python.free_threaded],
    ids=lambda python: python.label,
)
def test_every_version_draws(python: Python) -> None:
    """From 3.8 on, with and without a GIL."""
    with running(python, SITUATION) as target:
        assert_holders_are_drawn(target)


def test_what_an_object_refers_to_is_drawn_without_asking_it(drawn: Target, tmp_path: Path) -> None:
    """On the command line, as SVG: types and names, no values."""
    file = tmp_path / "session.svg"
    with unharmed(drawn):
        address = f"{drawn.ask()['extra']['session']:#x}"
        result = run_heapscope("object", str(drawn.pid), address, "--draw", "refs", "--depth", "4", "-o", str(file))
    assert result.returncode == 0, result.stderr
    assert "drawn with objgraph" in result.stderr
    assert "more than can be drawn" not in result.stderr
    words = "".join(ET.fromstring(file.read_text(encoding="utf-8")).itertext())
    for expected in (
        "__main__.Deadly",
        "__main__.DeadlyClass",
        "__main__.DeadlyText",
        "10 characters",
        "has a finalizer",
    ):
        assert expected in words
    assert ".user" in words or "user" in words
    assert "secret" not in words


def test_objects_that_the_collector_does_not_track_are_found(drawn: Target) -> None:
    """A text, and what it is called by; a module is a root."""
    facts = drawn.ask()["extra"]
    drawing = draw(drawn.pid, Question(facts["text"], "backrefs", 1))
    assert drawing.type_name == "builtins.str"
    assert any(label == "user" for _, label, _ in arrows_of(drawing.graph))
    module = draw(drawn.pid, Question(facts["module"], "refs", 1))
    assert next(node.look for node in module.graph.nodes) is Look.ASKED


def test_neighbours_beyond_the_breadth_are_counted_not_drawn(drawn: Target) -> None:
    """A list of a thousand: twelve are drawn, and that is not called too much."""
    facts = drawn.ask()["extra"]
    drawing = draw(drawn.pid, Question(facts["sessions"], "refs", 1))
    assert drawing.cut == ""
    assert [node.lines[0] for node in drawing.graph.nodes].count("__main__.Session") == 12
    assert ("988 more references",) in [node.lines for node in drawing.graph.nodes]


def test_an_address_without_an_object_and_a_file_are_refused(drawn: Target, tmp_path: Path) -> None:
    """Each with what to do instead."""
    with unharmed(drawn), pytest.raises(UsageError, match="no object lies at 0x1000 "):
        draw(drawn.pid, Question(0x1000))
    result = run_heapscope("object", str(tmp_path / "x.heapscope"), "0x1000", "--draw", "refs")
    assert result.returncode == ExitCode.USAGE
    assert "is a file" in result.stderr
    assert "heapscope paths FILE" in result.stderr

"""Drawing in a clone: what the clone says is checked, hung clones are tried again, and every clone is released."""

from __future__ import annotations

from typing import Any

import pytest

from heapscope.errors import CaptureInconsistent, HeapscopeError, TargetGone, UnsupportedTarget, UsageError
from heapscope.service.capture import CaptureOptions
from heapscope.service.drawing import Question, draw
from heapscope.service.payload import build_drawing_payload, build_payload
from heapscope.wire.frames import encode_frame
from heapscope.wire.protocol import PROTOCOL_VERSION, Kind
from heapscope.wire.values import encode_value
from tests.support.fakes import TARGET, FakeClone, FakeSurroundings

DOT = b'digraph ObjectGraph {\n  o16[fontcolor=red];\n  o16[label="Session\\nname"];\n}\n'
END = {"found": True, "type": "app.Session", "cut": "", "objgraph": "3.7.0"}
HELLO = (Kind.HELLO, {"protocol": PROTOCOL_VERSION})


@pytest.fixture(autouse=True)
def short_payload(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody runs the payload here, and the real one is longer than a pipe that nobody reads."""
    if "packed" not in request.node.name:
        monkeypatch.setattr("heapscope.service.drawing.build_drawing_payload", lambda: b"payload")


def words(*frames: tuple[int, Any]) -> bytes:
    """Encode what a clone says."""
    return b"".join(
        encode_frame(kind, value if isinstance(value, bytes) else encode_value(value), number)
        for number, (kind, value) in enumerate(frames)
    )


def ask(*clones: FakeClone, is_gone: bool = False) -> Any:
    """Draw in a world of these clones; each must be released."""
    world = FakeSurroundings(clones, is_gone=is_gone)
    try:
        return draw(TARGET.pid, Question(16), CaptureOptions(timeout_s=5), surroundings=world)
    finally:
        assert [clone.released for clone in clones] == [1] * len(clones)
        assert world.runs_python == [True] * len(clones)


def test_a_picture_arrives_with_what_it_leaves_out() -> None:
    """In one frame or two."""
    drawing = ask(FakeClone(words(HELLO, (Kind.PICTURE, DOT[:30]), (Kind.PICTURE, DOT[30:]), (Kind.END, END))))
    assert [node.lines for node in drawing.graph.nodes] == [("Session", "name", "0x10")]
    assert drawing.graph.title == "What app.Session at 0x10 is held by"
    cut = ask(FakeClone(words(HELLO, (Kind.PICTURE, DOT), (Kind.END, {**END, "cut": "time"}))))
    assert cut.graph.note == "stopped when its time was over"


@pytest.mark.parametrize(
    ("frames", "error", "message"),
    [
        ((HELLO, (Kind.END, {**END, "found": False})), UsageError, "no object lies at 0x10 "),
        ((HELLO, (Kind.END, END)), CaptureInconsistent, "makes no sense"),
        ((HELLO, (Kind.PICTURE, b"digraph x {"), (Kind.END, END)), CaptureInconsistent, "makes no sense"),
        ((HELLO, (Kind.ERROR, {"code": "internal", "message": "SyntaxError: x"})), UnsupportedTarget, "does not run"),
        (
            (HELLO, (Kind.ERROR, {"code": "internal", "message": "KeyError"})),
            CaptureInconsistent,
            "could not draw: KeyError",
        ),
        ((HELLO, (Kind.TYPES, [])), CaptureInconsistent, "no picture"),
        ((HELLO,), CaptureInconsistent, "broke off"),
        ((HELLO, (Kind.END, b"?")), CaptureInconsistent, "cannot be decoded"),
    ],
)
def test_what_makes_no_sense_is_an_error(frames: Any, error: type[HeapscopeError], message: str) -> None:
    """Each says what it was."""
    with pytest.raises(error, match=message):
        ask(FakeClone(words(*frames)))


def test_a_target_that_ends_is_named_as_the_cause() -> None:
    """Not the stream that broke off with it."""
    with pytest.raises(TargetGone):
        ask(FakeClone(words(HELLO)), is_gone=True)


def test_questions_are_checked() -> None:
    """Direction and depth."""
    for wrong in ({"direction": "sideways"}, {"depth": 0}, {"depth": 11}):
        with pytest.raises(UsageError):
            Question(16, **wrong)  # type: ignore[arg-type]


def test_objgraph_is_packed_for_drawing_only() -> None:
    """A capture does not carry it, nor what serves it."""
    assert b"show_backrefs" in build_drawing_payload()
    assert b"show_backrefs" not in build_payload()
    assert b"heapscope.agent.guard" not in build_payload()

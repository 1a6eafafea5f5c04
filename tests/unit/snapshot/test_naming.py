"""Names in a snapshot: what the stream may say of them, and that a file keeps them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from heapscope.errors import CaptureInconsistent
from heapscope.snapshot.builder import SnapshotBuilder
from heapscope.snapshot.file import load_snapshot, save_snapshot
from heapscope.snapshot.model import Naming
from heapscope.snapshot.naming import naming_record, parse_naming
from heapscope.snapshot.records import RecordError
from heapscope.wire.protocol import MAX_ATTRIBUTES, PROTOCOL_VERSION, Kind
from heapscope.wire.values import encode_value
from tests.support.heap import Heap, names_payload


def _heap() -> Heap:
    heap = Heap()
    text = heap.text("alpha")
    thing = heap.object("m.Thing", fingerprint=77).refers_to(text)
    heap.shapes.append((thing, ["alpha"]))
    heap.root(thing, 2, "run app.py:3", thing=thing, other=text)
    heap.names.append((heap.object("builtins.str"), "beta"))
    return heap


def test_names_shapes_and_variables_survive_a_file(tmp_path: Path) -> None:
    """By object index, whatever the order in the stream was."""
    snapshot = _heap().snapshot()
    save_snapshot(snapshot, tmp_path / "x.heapscope")
    loaded = load_snapshot(tmp_path / "x.heapscope")
    for each in (snapshot, loaded):
        assert each.naming == Naming({0: "alpha", 2: "beta"}, ((1, ("alpha",)),))
        assert each.roots[0].variables == (("thing", int(each.address[1])), ("other", int(each.address[0])))


def test_a_snapshot_without_names_has_no_such_section(tmp_path: Path) -> None:
    """As from the collector written in Python."""
    heap = Heap()
    heap.object()
    save_snapshot(heap.snapshot(), tmp_path / "x.heapscope")
    assert b"naming" not in (tmp_path / "x.heapscope").read_bytes()[:4096]
    assert load_snapshot(tmp_path / "x.heapscope").naming == Naming()


def test_names_of_what_was_not_recorded_are_left_out() -> None:
    """An address that is no object."""
    heap = _heap()
    frames = heap.frames()
    frames.insert(-1, (Kind.NAMES, names_payload([(0x1230, "stray")])))
    frames.insert(-1, (Kind.SHAPES, encode_value([[0x1230, ["stray"]]])))
    builder = SnapshotBuilder()
    for kind, payload in frames:
        builder.feed(kind, payload)
    assert "stray" not in builder.build(heap.snapshot().meta).naming.names.values()


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Kind.NAMES, b"12345678"),
        (Kind.NAMES, struct.pack("<QB", 16, 0)),
        (Kind.NAMES, struct.pack("<QB", 16, 9) + b"short"),
        (Kind.NAMES, struct.pack("<QB", 16, 2) + b"\xff\xfe"),
        (Kind.SHAPES, encode_value({})),
        (Kind.SHAPES, encode_value([[1]])),
        (Kind.SHAPES, encode_value([[-1, []]])),
        (Kind.SHAPES, encode_value([[1, [2]]])),
        (Kind.SHAPES, encode_value([[1, ["x" * 513]]])),
        (Kind.SHAPES, encode_value([[1, ["x"] * (MAX_ATTRIBUTES + 1)]])),
    ],
)
def test_names_that_make_no_sense_are_inconsistent(kind: int, payload: bytes) -> None:
    """Cut off, empty, no ASCII, no list, too long."""
    builder = SnapshotBuilder()
    builder.feed(Kind.HELLO, encode_value({"protocol": PROTOCOL_VERSION}))
    with pytest.raises(CaptureInconsistent):
        builder.feed(kind, payload)


@pytest.mark.parametrize("variables", [3, [1], [["x"]], [["x", -1]], [[1, 1]]])
def test_variables_that_make_no_sense_are_inconsistent(variables: object) -> None:
    """A root with a fourth field that is no list of names and addresses."""
    builder = SnapshotBuilder()
    builder.feed(Kind.HELLO, encode_value({"protocol": PROTOCOL_VERSION}))
    with pytest.raises(CaptureInconsistent):
        builder.feed(Kind.ROOTS, encode_value([[2, 16, "f", variables]]))


def test_a_file_may_not_name_objects_that_it_does_not_have() -> None:
    """Neither by name nor by shape."""
    record = naming_record(Naming({1: "a"}, ((2, ("b",)),)))
    assert parse_naming(record, 3) == Naming({1: "a"}, ((2, ("b",)),))
    for object_count in (1, 2):
        with pytest.raises(RecordError):
            parse_naming(record, object_count)

"""The use case "census" against a fake world."""

from __future__ import annotations

import pytest

from heapscope.errors import CaptureInconsistent
from heapscope.service.capture import CaptureOptions
from heapscope.service.census import take_census
from heapscope.snapshot.counts import TypeTotal
from heapscope.wire.frames import encode_frame
from heapscope.wire.protocol import PROTOCOL_VERSION, Kind
from heapscope.wire.values import encode_value
from tests.support.fakes import TARGET, FakeClone, FakeSurroundings, empty_stream


def census_stream(*rows: list[object]) -> bytes:
    """Return the stream of a clone that counted."""
    frames = (
        (Kind.HELLO, {"protocol": PROTOCOL_VERSION, "python_version": "3.12.1"}),
        (Kind.COUNTS, list(rows)),
        (Kind.END, {"objects": sum(int(str(row[1])) for row in rows), "warnings": []}),
    )
    return b"".join(encode_frame(kind, encode_value(value), number) for number, (kind, value) in enumerate(frames))


def test_a_census_has_totals_and_the_facts_of_the_capture() -> None:
    """No memory is read for it; the clone is released."""
    clone = FakeClone(census_stream(["dict", 2, 100, 128], ["app.Thing", 1, 300, 304]))
    world = FakeSurroundings([clone], memory=None)
    census = take_census(TARGET.pid, surroundings=world)
    assert census.types == (TypeTotal("app.Thing", 1, 300, 304), TypeTotal("dict", 2, 100, 128))
    assert (census.object_count, census.heap_bytes) == (3, 400)
    assert (census.meta.collector, census.meta.pause_ns, census.meta.warnings) == ("native-clone", clone.pause_ns, ())
    assert world.censuses == [True]
    assert clone.released == 1


def test_where_the_clone_cannot_count_a_snapshot_is_counted() -> None:
    """The other collector knows no censuses; the census says what happened."""
    error = encode_frame(Kind.ERROR, encode_value({"code": "refused", "message": "unknown layout"}), 0)
    world = FakeSurroundings([FakeClone(error), FakeClone(empty_stream())])
    census = take_census(TARGET.pid, surroundings=world)
    assert census.types == ()
    assert census.meta.collector == "python-clone"
    assert "unknown layout" in census.meta.warnings[0]
    assert world.censuses == [True, False]
    assert [clone.released for clone in world.clones] == [1, 1]


def test_a_census_that_contradicts_itself_is_none() -> None:
    """Where only the compiled walker was asked for."""
    clone = FakeClone(census_stream(["dict", 2, -100, 128]))
    with pytest.raises(CaptureInconsistent):
        take_census(TARGET.pid, CaptureOptions(collector="native"), surroundings=FakeSurroundings([clone]))
    assert clone.released == 1

"""What lru_caches have counted: what the stream may say of it, and that a file keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from heapscope.errors import CaptureInconsistent
from heapscope.snapshot.builder import SnapshotBuilder
from heapscope.snapshot.caches import caches_record, parse_caches
from heapscope.snapshot.file import load_snapshot, save_snapshot
from heapscope.snapshot.model import CacheCounts
from heapscope.snapshot.records import RecordError
from heapscope.wire.protocol import MAX_CACHES, PROTOCOL_VERSION, Kind
from heapscope.wire.values import encode_value
from tests.support.heap import Heap

FOUND = (CacheCounts(1, 0, 5, 7, None), CacheCounts(2, 0, 0, 3, 128))


def _heap() -> Heap:
    heap = Heap()
    table, first, second = heap.object("builtins.dict", length=0), *(heap.object("m.Cache") for _ in range(2))
    heap.caches += [(first, table, 5, 7, -1), (second, table, 0, 3, 128)]
    return heap


def test_counts_survive_a_file(tmp_path: Path) -> None:
    """By object index; a maxsize of -1 is none."""
    snapshot = _heap().snapshot()
    save_snapshot(snapshot, tmp_path / "x.heapscope")
    assert snapshot.caches == load_snapshot(tmp_path / "x.heapscope").caches == FOUND
    assert parse_caches(caches_record(FOUND), 3) == FOUND


def test_counts_of_what_was_not_recorded_are_left_out() -> None:
    """A cache, or a dict, that is no object of the snapshot."""
    heap = _heap()
    frames = heap.frames()
    stray = [[0x1230, heap.objects[0].address, 1, 1, -1], [heap.objects[1].address, 0x1230, 1, 1, -1]]
    frames.insert(-1, (Kind.CACHES, encode_value(stray)))
    builder = SnapshotBuilder()
    for kind, payload in frames:
        builder.feed(kind, payload)
    assert builder.build(heap.snapshot().meta).caches == FOUND


@pytest.mark.parametrize(
    "value",
    [
        {},
        [[1, 1, 1, 1]],
        [[1, 1, -1, 1, 1]],
        [[1, 1, 1, 1, -2]],
        [[1, 1, True, 1, 1]],
        [[0, 0, 0, 0, 0]] * (MAX_CACHES + 1),
    ],
)
def test_counts_that_make_no_sense_are_inconsistent(value: object) -> None:
    """No list, too few, negative, no numbers, too many."""
    builder = SnapshotBuilder()
    builder.feed(Kind.HELLO, encode_value({"protocol": PROTOCOL_VERSION}))
    with pytest.raises(CaptureInconsistent):
        builder.feed(Kind.CACHES, encode_value(value))
    with pytest.raises(RecordError):
        parse_caches(value, 10)


def test_counts_in_a_file_belong_to_objects() -> None:
    """An index beyond the last one."""
    with pytest.raises(RecordError):
        parse_caches([[3, 0, 1, 1, -1]], 3)

"""The builder takes PACKED frames beside the plain ones, and gives the same snapshot."""

from __future__ import annotations

import pytest

from heapscope.errors import CaptureInconsistent
from heapscope.snapshot.builder import SnapshotBuilder
from heapscope.snapshot.model import COLUMN_TYPES, Snapshot, SnapshotMeta
from heapscope.wire.protocol import Flag, Kind
from tests.support.heap import FIRST_OBJECT, Frame, Heap, build
from tests.support.packing import PackedRow, PackedWriter, payload_of


def heap_of(count: int = 60) -> Heap:
    """A heap of three types with references forth, back, to itself and to nothing."""
    heap = Heap()
    items = [
        heap.object(
            f"m.T{number % 3}",
            size=16 + 8 * (number % 5),
            flags=Flag.TRACKED if number % 2 else Flag.OPAQUE,
            length=number,
            fingerprint=number * 0x0123_4567_89AB_CDEF % (1 << 64),
        )
        for number in range(count)
    ]
    for number, item in enumerate(items):
        item.refers_to(*items[number // 2 : number // 2 + number % 4], item, FIRST_OBJECT - 64)
    heap.root(items[-1])
    return heap


def columns_of(snapshot: Snapshot) -> dict[str, list[int]]:
    """All columns as lists."""
    return {name: getattr(snapshot, name).tolist() for name in COLUMN_TYPES}


@pytest.mark.parametrize("packed_from", [0, 1, 30, 59])
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_packed_and_plain_frames_may_be_mixed(packed_from: int, batch: int) -> None:
    """Types, references and rows are the same however each object came."""
    heap = heap_of()
    found = build(heap.frames(batch=batch, packed_from=packed_from))
    expected = heap.snapshot()
    assert columns_of(found) == columns_of(expected)
    assert found.roots == expected.roots
    assert found.dangling_reference_count == expected.dangling_reference_count == 60


def test_plain_frames_may_follow_packed_ones() -> None:
    """The numbers of types on the wire and the addresses in plain frames name the same types."""
    heap = heap_of()
    frames = heap.frames(batch=10, packed_from=20)
    (start,) = [number for number, (kind, _) in enumerate(frames) if kind == Kind.OBJECTS][:1]
    plain, packed = frames[start : start + 2], frames[start + 2 : -3]
    found = build([*frames[:start], *packed, *plain, *frames[-3:]])
    expected = heap.snapshot()
    assert sorted(zip(found.address.tolist(), found.type_index.tolist(), strict=True)) == list(
        zip(expected.address.tolist(), expected.type_index.tolist(), strict=True)
    )


def _open_row() -> tuple[Heap, list[Frame]]:
    """An object whose references are cut between two PACKED frames; then END."""
    heap = Heap()
    item = heap.object().refers_to(FIRST_OBJECT, FIRST_OBJECT, FIRST_OBJECT)
    row = PackedRow(item.address, heap.type("m.Thing"), 16, 16, length=item.length, chunks=[[FIRST_OBJECT]] * 3)
    first, rest = PackedWriter().payloads([row], {1})
    frames = heap.frames()
    return heap, [*frames[:2], (Kind.PACKED, first), (Kind.PACKED, rest), *frames[3:]]


def test_other_frames_may_come_between_the_references_of_a_row() -> None:
    """Progress, types and roots have nothing to do with rows."""
    heap, frames = _open_row()
    between = [*frames[:3], frames[4], frames[1], *frames[3:4], *frames[5:]]
    del between[1]
    assert build(between).reference_offsets.tolist() == heap.snapshot().reference_offsets.tolist() == [0, 3]


@pytest.mark.parametrize("kind", [Kind.OBJECTS, Kind.REFERENCES, Kind.END])
def test_an_open_row_must_be_closed_first(kind: int) -> None:
    """Neither the end nor a plain row may come while references are due."""
    heap, frames = _open_row()
    payload = dict(heap.frames()).get(kind, b"12345678")
    with pytest.raises(CaptureInconsistent, match="cut off"):
        build([*frames[:3], (kind, payload)])


def test_a_wrong_packed_frame_is_named() -> None:
    """The words of the kernel's answer reach the user."""
    frames = heap_of().frames(packed_from=0)
    position = [kind for kind, _ in frames].index(Kind.PACKED)
    broken = bytearray(frames[position][1])
    broken[40] ^= 4
    with pytest.raises(CaptureInconsistent, match="checksum") as caught:
        build([*frames[:position], (Kind.PACKED, bytes(broken))])
    assert caught.value.hint


def test_limits_hold_for_packed_frames_before_memory_is_taken() -> None:
    """Neither more objects nor more references than allowed, whatever a head announces."""
    payload = PackedWriter().payloads([PackedRow(16, 16, chunks=[[8, 8]])] * 3)[0]
    for limits in ({"max_objects": 2}, {"max_references": 5}):
        with pytest.raises(CaptureInconsistent, match="too many"):
            SnapshotBuilder(**limits).feed(Kind.PACKED, payload)
    with pytest.raises(CaptureInconsistent, match="does not fit"):
        SnapshotBuilder().feed(Kind.PACKED, payload_of(0xFFFF_FFFF, 0xFFFF_FFFF, b"123"))


def test_subclasses_are_those_that_were_recorded() -> None:
    """Counted once each, even where a base is named twice."""
    heap = Heap()
    base = heap.type("m.Base")
    heap.type("m.One", bases=[base, base])
    heap.type("m.Two", bases=[base, 0x1234])
    counts = {info.name: info.subclasses for info in heap.snapshot().types}
    assert counts == {"m.Base": 2, "m.One": 0, "m.Two": 0}


def test_columns_own_no_spare_memory() -> None:
    """A snapshot lives long: what a column has beyond its values is given back."""
    snapshot = build(heap_of(5000).frames(packed_from=0), SnapshotMeta())
    targets = snapshot.reference_targets
    assert targets.base.size < targets.nbytes + (1 << 16)

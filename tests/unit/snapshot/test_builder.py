"""The builder turns frames into a snapshot, and believes nothing that contradicts itself."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from heapscope.errors import CaptureInconsistent
from heapscope.snapshot.builder import SnapshotBuilder
from heapscope.snapshot.model import NO_OBJECT, SnapshotMeta
from heapscope.wire.protocol import Kind
from heapscope.wire.values import encode_value
from tests.support.heap import FIRST_OBJECT, FIRST_TYPE, Heap, build, instances_record, objects_payload


def small_heap() -> Heap:
    """A dict that holds two strings, one of them twice."""
    heap = Heap()
    holder = heap.object("builtins.dict", size=64, length=2)
    first, second = heap.object("builtins.str", size=50), heap.object("builtins.str", size=51)
    holder.refers_to(first, second, first)
    heap.root(holder, kind=1, label="sys.modules")
    return heap


def test_columns_hold_what_the_frames_said() -> None:
    """Every figure of every object arrives, in the order of the stream."""
    snapshot = small_heap().snapshot()
    assert snapshot.object_count == 3
    assert snapshot.reference_count == 3
    assert snapshot.shallow.tolist() == [64, 50, 51]
    assert snapshot.allocated.tolist() == [64, 64, 64]
    assert snapshot.length.tolist() == [2, -1, -1]
    assert snapshot.heap_bytes == 165
    assert snapshot.allocated_bytes == 192
    assert [snapshot.types[index].name for index in snapshot.type_index] == ["builtins.dict"] + 2 * ["builtins.str"]
    assert snapshot.reference_offsets.tolist() == [0, 3, 3, 3]
    assert snapshot.reference_targets.tolist() == [1, 2, 1]
    assert snapshot.roots[0].object_index == 0
    assert snapshot.meta.warnings == ()


def test_batches_of_any_size_give_the_same_snapshot() -> None:
    """References may lead to objects of later and earlier batches."""
    heap = small_heap()
    whole, single = build(heap.frames(batch=1000)), build(heap.frames(batch=1))
    assert whole.reference_targets.tolist() == single.reference_targets.tolist()
    assert whole.address.tolist() == single.address.tolist()


def test_columns_cannot_be_written() -> None:
    """A snapshot may be shared between threads because nobody can change it."""
    snapshot = small_heap().snapshot()
    with pytest.raises(ValueError, match="read-only"):
        snapshot.shallow[0] = 1


def test_empty_heap_is_a_snapshot_too() -> None:
    """No object, no type, no root."""
    snapshot = Heap().snapshot()
    assert snapshot.object_count == 0
    assert snapshot.reference_offsets.tolist() == [0]


def test_references_to_what_was_not_recorded_are_dropped_and_counted() -> None:
    """The others keep their order."""
    heap = Heap()
    first, second = heap.object(), heap.object()
    first.refers_to(0, second, 0xDEAD, first)
    second.refers_to(FIRST_OBJECT + 8, first)
    heap.root(0x1234, label="gone")
    snapshot = heap.snapshot(SnapshotMeta(warnings=("before",)))
    assert snapshot.reference_offsets.tolist() == [0, 2, 3]
    assert snapshot.reference_targets.tolist() == [1, 0, 0]
    assert snapshot.dangling_reference_count == 3
    assert snapshot.meta.warnings[0] == "before"
    assert snapshot.meta.warnings[1].startswith("3 references lead to objects")
    assert snapshot.roots[0].object_index == NO_OBJECT


def test_warnings_of_the_clone_reach_the_meta_record() -> None:
    """Those in END come after those that the caller knew."""
    heap = small_heap()
    frames = [*heap.frames()[:-1], heap.end(warnings=["opaque type"])]
    assert build(frames).meta.warnings == ("opaque type",)


def test_impossible_length_is_no_length() -> None:
    """A foreign type may keep anything where its length belongs."""
    heap = Heap()
    heap.object(length=(1 << 64) - 5)
    snapshot = heap.snapshot()
    assert snapshot.length.tolist() == [-1]
    assert "impossible length" in snapshot.meta.warnings[0]


def test_instances_arrive_with_their_states() -> None:
    """What the walker found out per class stays readable per class."""
    heap = small_heap()
    heap.instances.append(instances_record(FIRST_TYPE, 5, states={1: [5, 400, 480]}, attributes={"x": 5}))
    facts = heap.snapshot().instances[0]
    assert facts.states[1].allocated == 480
    assert facts.attributes == {"x": 5}


def _replace(frames: list[tuple[int, bytes]], kind: int, payload: bytes) -> list[tuple[int, bytes]]:
    return [(k, payload if k == kind else p) for k, p in frames]


def _objects(**changes: int) -> bytes:
    """One object's payload with single fields changed."""
    fields = {"n": 1, "m": 0, "address": FIRST_OBJECT, "type": FIRST_TYPE, "shallow": 16, "allocated": 16, "packed": 0}
    fields |= changes
    words = (fields["address"], fields["type"], fields["shallow"], fields["allocated"], 1, 0, 0, fields["packed"])
    return struct.pack("<II8Q", fields["n"], fields["m"], *words)


def _one_object(payload: bytes) -> list[tuple[int, bytes]]:
    heap = Heap()
    heap.object()
    return _replace(heap.frames(), Kind.OBJECTS, payload)


@pytest.mark.parametrize(
    ("payload", "match"),
    [
        (b"\1\0\0", "cut off"),
        (_objects(n=2), "does not fit"),
        (_objects(n=0xFFFFFFFF, m=0xFFFFFFFF), "does not fit"),
        (_objects()[:-1], "does not fit"),
        (_objects(m=1) + b"\0" * 8, "do not add up"),
        (_objects(packed=1), "cut off"),
        (_objects(address=0), "no address"),
        (_objects(type=5), "not described"),
        (_objects(shallow=1 << 63), "address space"),
        (_objects(allocated=1 << 63), "address space"),
    ],
)
def test_objects_that_contradict_themselves_are_refused(payload: bytes, match: str) -> None:
    """Whatever is wrong with a batch of objects, the error says so and nothing is built."""
    with pytest.raises(CaptureInconsistent, match=match) as caught:
        build(_one_object(payload))
    assert caught.value.hint


def _long_list() -> tuple[Heap, list[tuple[int, bytes]]]:
    """A list of six references, of which its frame holds two; then another object."""
    heap = Heap()
    holder, other = heap.object("builtins.list"), heap.object()
    holder.refers_to(*[other] * 6)
    frames = heap.frames(batch=1)
    whole = frames[2][1]
    short = struct.pack("<II", 1, 2) + whole[8 : 8 + 64 + 16]
    rest = [(Kind.REFERENCES, whole[88:112]), (Kind.REFERENCES, whole[112:])]
    return heap, [*frames[:2], (Kind.OBJECTS, short), *rest, *frames[3:]]


def test_references_of_a_huge_object_follow_in_frames_of_their_own() -> None:
    """The snapshot is the same as if they had come at once."""
    heap, frames = _long_list()
    assert build(frames).reference_offsets.tolist() == heap.snapshot().reference_offsets.tolist() == [0, 6, 6]


@pytest.mark.parametrize("change", ["missing", "early", "surplus", "odd", "empty", "lost"])
def test_following_references_must_be_those_announced(change: str) -> None:
    """Neither fewer nor more, nor anything else in between."""
    _, frames = _long_list()
    addresses = frames[3][1]
    changed = {
        "missing": [*frames[:4], *frames[5:]],
        "early": [*frames[:2], frames[3], *frames[2:]],
        "surplus": [*frames[:5], frames[4], *frames[5:]],
        "odd": [*frames[:3], (Kind.REFERENCES, addresses[:-1]), *frames[4:]],
        "empty": [*frames[:3], (Kind.REFERENCES, b""), *frames[3:]],
        "lost": [*frames[:3], *frames[5:]],
    }[change]
    with pytest.raises(CaptureInconsistent):
        build(changed)


def test_only_a_single_object_may_have_references_that_follow() -> None:
    """Of two objects nobody could tell whose they are."""
    table = [[16, 32], [1, 1], [1, 1], [1, 1], [1, 1], [0, 0], [0, 0], [0, 1]]
    payload = struct.pack("<II", 2, 0) + np.array(table, "<u8").tobytes()
    with pytest.raises(CaptureInconsistent, match="do not add up"):
        SnapshotBuilder().feed(Kind.OBJECTS, payload)


def test_an_address_that_comes_twice_is_refused() -> None:
    """One object recorded twice would count twice."""
    heap = Heap()
    heap.object().address = heap.object().address
    with pytest.raises(CaptureInconsistent, match="same address"):
        heap.snapshot()


@pytest.mark.parametrize("field", ["objects", "references", "types", "roots"])
@pytest.mark.parametrize("value", [77, None, "3\x1b[2J", -1])
def test_counts_of_the_end_must_match(field: str, value: object) -> None:
    """A stream that lost a batch is not a snapshot."""
    heap = small_heap()
    with pytest.raises(CaptureInconsistent, match=field) as caught:
        build([*heap.frames()[:-1], heap.end(**{field: value})])
    assert "\x1b" not in caught.value.message


def test_a_stream_without_an_end_is_refused() -> None:
    """The clone may have died."""
    with pytest.raises(CaptureInconsistent, match="stops short"):
        build(small_heap().frames()[:-1])


def test_frames_after_the_end_are_refused() -> None:
    """END is the last frame."""
    frames = small_heap().frames()
    with pytest.raises(CaptureInconsistent, match="follow its end"):
        build([*frames, frames[1]])


def test_an_error_of_the_clone_is_shown_without_control_characters() -> None:
    """Its text is foreign."""
    with pytest.raises(CaptureInconsistent, match=r"no memory\\x1b") as caught:
        build([(Kind.ERROR, encode_value({"code": "alloc", "message": "no memory\x1b"}))])
    assert "\x1b" not in caught.value.message


def test_bytes_that_are_no_value_are_refused() -> None:
    """The wire's own error does not leak out."""
    with pytest.raises(CaptureInconsistent):
        SnapshotBuilder().feed(Kind.TYPES, b"\xff\xff")


def test_instances_of_an_unknown_class_are_refused() -> None:
    """They could not be shown."""
    heap = small_heap()
    heap.instances.append(instances_record(12345, 1))
    with pytest.raises(CaptureInconsistent, match="not described"):
        heap.snapshot()


def test_limits_bound_what_a_sender_can_make_us_keep() -> None:
    """Objects and references beyond the builder's limits are refused at once."""
    heap = small_heap()
    payload = objects_payload(heap.objects, {name: record["address"] for name, record in heap.types.items()})
    for limits in ({"max_objects": 2}, {"max_references": 2}):
        with pytest.raises(CaptureInconsistent, match="too many"):
            SnapshotBuilder(**limits).feed(Kind.OBJECTS, payload)


def test_progress_counts_objects_and_names_the_phase() -> None:
    """What a progress bar needs."""
    builder, heap = SnapshotBuilder(), small_heap()
    for kind, payload in heap.frames(batch=2)[:3]:
        builder.feed(kind, payload)
    builder.feed(Kind.PROGRESS, encode_value({"objects": 2, "phase": "walk"}))
    assert builder.progress_objects == 2
    assert builder.phase == "walk"


def test_payload_may_be_reused_after_feeding() -> None:
    """A reader may hand out views into its own buffer."""
    builder, heap = SnapshotBuilder(), small_heap()
    for kind, payload in heap.frames():
        buffer = bytearray(payload)
        builder.feed(kind, memoryview(buffer))
        buffer[:] = b"\xff" * len(buffer)
    assert builder.build(SnapshotMeta()).shallow.tolist() == [64, 50, 51]


def test_building_twice_is_a_mistake_of_the_caller() -> None:
    """The columns were given away."""
    builder = SnapshotBuilder()
    for kind, payload in small_heap().frames():
        builder.feed(kind, payload)
    builder.build(SnapshotMeta())
    with pytest.raises(RuntimeError):
        builder.build(SnapshotMeta())


def random_bytes(generator: np.random.Generator, size: int) -> Any:
    """Noise."""
    return generator.integers(0, 256, size, dtype=np.uint8).tobytes()


def test_noise_never_raises_anything_else() -> None:
    """Whatever bytes come in any frame, the error is ours."""
    generator = np.random.default_rng(7)
    for kind in range(12):
        for size in range(40):
            try:
                SnapshotBuilder().feed(kind, random_bytes(generator, size))
            except CaptureInconsistent:
                continue

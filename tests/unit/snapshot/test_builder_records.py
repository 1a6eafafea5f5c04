"""Records in frames are refused unless their form, counts and lengths are right."""

from __future__ import annotations

import pytest

from heapscope.errors import CaptureInconsistent
from heapscope.snapshot.builder import SnapshotBuilder
from heapscope.wire.protocol import PROTOCOL_VERSION, Kind
from heapscope.wire.values import encode_value
from tests.support.heap import FIRST_TYPE, instances_record, type_record

TYPE = type_record(FIRST_TYPE, "m.Thing")
FACTS = instances_record(FIRST_TYPE, 2)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (99, {}),
        (Kind.HELLO, {"protocol": PROTOCOL_VERSION + 1}),
        (Kind.HELLO, []),
        (Kind.TYPES, {}),
        (Kind.TYPES, [TYPE, TYPE]),
        (Kind.TYPES, [5]),
        (Kind.TYPES, [{}]),
        (Kind.TYPES, [TYPE | {"name": "x" * 513}]),
        (Kind.TYPES, [TYPE | {"address": -1}]),
        (Kind.TYPES, [TYPE | {"address": True}]),
        (Kind.TYPES, [TYPE | {"mro": [-1]}]),
        (Kind.TYPES, [TYPE | {"mro": "abc"}]),
        (Kind.TYPES, [TYPE | {"own_names": ["a"], "own_kinds": []}]),
        (Kind.TYPES, [TYPE | {"own_names": [1], "own_kinds": ["int"]}]),
        (Kind.TYPES, [TYPE | {"is_heap": "yes"}]),
        (Kind.ROOTS, [[1, 2]]),
        (Kind.ROOTS, [[0, 2, ""]]),
        (Kind.ROOTS, [[7, 2, ""]]),
        (Kind.ROOTS, [[1, 2, "x" * 513]]),
        (Kind.ROOTS, [[1, 2, b"x"]]),
        (Kind.INSTANCES, [FACTS, FACTS]),
        (Kind.INSTANCES, [FACTS | {"states": {9: [1, 1, 1]}}]),
        (Kind.INSTANCES, [FACTS | {"states": {1: [1, 1]}}]),
        (Kind.INSTANCES, [FACTS | {"states": {1: [3, 1, 1]}}]),
        (Kind.INSTANCES, [FACTS | {"states": []}]),
        (Kind.INSTANCES, [FACTS | {"attributes": {"x": 3}}]),
        (Kind.INSTANCES, [FACTS | {"attributes": {1: 1}}]),
        (Kind.INSTANCES, [FACTS | {"attributes": {f"a{i}": 1 for i in range(513)}}]),
        (Kind.INSTANCES, [FACTS | {"weakly_referenced": 3}]),
        (Kind.INSTANCES, [FACTS | {"own_sizes": [40, 2]}]),
        (Kind.INSTANCES, [FACTS | {"own_sizes": {40: 1}}]),
        (Kind.INSTANCES, [FACTS | {"own_sizes": {40: 3}}]),
        (Kind.INSTANCES, [FACTS | {"own_sizes": {40: 0, 48: 2}}]),
        (Kind.INSTANCES, [FACTS | {"own_sizes": {-8: 2}}]),
        (Kind.INSTANCES, [FACTS | {"own_sizes": {"40": 2}}]),
        (Kind.INSTANCES, [FACTS | {"count": 600, "own_sizes": dict.fromkeys(range(600), 1)}]),
        (Kind.END, {"warnings": [5]}),
        (Kind.END, {"warnings": ["x"] * 2000}),
    ],
)
def test_hostile_records_are_refused(kind: int, value: object) -> None:
    """Wrong forms, counts and lengths end in one kind of error."""
    with pytest.raises(CaptureInconsistent):
        SnapshotBuilder().feed(kind, encode_value(value))

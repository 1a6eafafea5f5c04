"""From the frames of a census to totals; the sender is not trusted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapscope.errors import CaptureInconsistent
from heapscope.snapshot.counts import CountsBuilder, TypeTotal
from heapscope.wire.protocol import PROTOCOL_VERSION, Kind
from heapscope.wire.values import encode_value

HELLO = (Kind.HELLO, {"protocol": PROTOCOL_VERSION, "python_version": "3.12.1"})


def end_of(objects: int, *warnings: str) -> tuple[int, dict[str, Any]]:
    """Make the last frame."""
    return Kind.END, {"objects": objects, "warnings": list(warnings)}


def built(*frames: tuple[int, Any]) -> tuple[tuple[TypeTotal, ...], tuple[str, ...]]:
    """Feed frames, and build."""
    builder = CountsBuilder()
    for kind, value in frames:
        builder.feed(kind, encode_value(value))
    return builder.build()


def test_types_of_one_name_are_one_row_and_the_largest_comes_first() -> None:
    """Also where they come in several frames."""
    counts = [["a", 2, 10, 20], ["b", 1, 50, 60]], [["a", 1, 5, 6]]
    frames = [(Kind.COUNTS, rows) for rows in counts]
    rows, warnings = built(HELLO, frames[0], (Kind.PROGRESS, {"objects": 3}), frames[1], end_of(4, "so it is"))
    assert rows == (TypeTotal("b", 1, 50, 60), TypeTotal("a", 3, 15, 26, type_count=2))
    assert warnings == ("so it is",)


@pytest.mark.parametrize(
    "frames",
    [
        [(Kind.HELLO, {"protocol": PROTOCOL_VERSION + 1})],
        [HELLO, (Kind.COUNTS, [["a", 1, 1]])],
        [HELLO, (Kind.COUNTS, [["a", -1, 1, 1]]), end_of(-1)],
        [HELLO, (Kind.COUNTS, [["a", 1 << 62, 1, 1], ["a", 1 << 62, 1, 1]]), end_of(1 << 63)],
        [HELLO, (Kind.COUNTS, [["a" * 513, 1, 1, 1]]), end_of(1)],
        [HELLO, (Kind.COUNTS, [[1, 1, 1, 1]]), end_of(1)],
        [HELLO, (Kind.COUNTS, {"a": 1}), end_of(1)],
        [HELLO, (Kind.COUNTS, [["a", 1, 1, 1]]), end_of(2)],
        [HELLO, (Kind.TYPES, []), end_of(0)],
        [HELLO, (Kind.ERROR, {"code": "refused", "message": "no"})],
        [HELLO, end_of(0), (Kind.COUNTS, [])],
        [HELLO],
    ],
)
def test_what_makes_no_sense_is_refused(frames: list[tuple[int, Any]]) -> None:
    """Wrong versions, forms, ranges, sums, kinds; an error; frames behind the end; no end."""
    with pytest.raises(CaptureInconsistent):
        built(*frames)


@given(st.binary(max_size=200), st.sampled_from([Kind.COUNTS, Kind.END, Kind.PROGRESS, Kind.HELLO, Kind.PACKED]))
def test_no_bytes_do_harm(payload: bytes, kind: int) -> None:
    """They are refused, or they are a frame."""
    builder = CountsBuilder()
    try:
        builder.feed(kind, payload)
        builder.build()
    except CaptureInconsistent:
        return

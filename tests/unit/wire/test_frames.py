"""Framing: any split gives the same frames, and every broken stream gives FrameError."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapscope.wire.frames import FrameError, FrameReader, encode_frame
from heapscope.wire.protocol import MAX_FRAME_SIZE, PROTOCOL_VERSION, Kind
from heapscope.wire.values import encode_value

HELLO = encode_value({"protocol": PROTOCOL_VERSION})
FRAMES = [
    (Kind.HELLO, HELLO),
    (Kind.OBJECTS, b"x" * 40),
    (Kind.ROOTS, b""),
    (Kind.REFERENCES, b"12345678"),
    (Kind.PACKED, bytes(range(256)) * 40),
    (Kind.END, b"N"),
]


def stream_of(frames: list[tuple[int, bytes]]) -> bytes:
    """Encode frames in order."""
    return b"".join(encode_frame(kind, payload, number) for number, (kind, payload) in enumerate(frames))


@given(st.lists(st.integers(0, len(stream_of(FRAMES))), max_size=8))
def test_any_split_of_the_stream_gives_the_same_frames(cuts: list[int]) -> None:
    """Where the pipe cuts does not matter."""
    data = stream_of(FRAMES)
    reader = FrameReader()
    seen: list[tuple[int, bytes]] = []
    edges = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        seen += reader.feed(data[start:end])
    reader.close()
    assert seen == FRAMES


@given(st.binary(), st.booleans())
def test_random_bytes_never_complete_a_stream(data: bytes, after_hello: bool) -> None:
    """Garbage is an error at once or at the end; nothing else is raised."""
    reader = FrameReader()
    if after_hello:
        reader.feed(stream_of(FRAMES[:1]))
    try:
        reader.feed(data)
    except FrameError:
        with pytest.raises(FrameError):
            reader.feed(b"")
        return
    if not reader.is_done:
        with pytest.raises(FrameError):
            reader.close()


@given(st.integers(0, len(stream_of(FRAMES)) - 1))
def test_every_truncation_is_noticed(cut: int) -> None:
    """Only a stream with its last frame is whole."""
    reader = FrameReader()
    reader.feed(stream_of(FRAMES)[:cut])
    with pytest.raises(FrameError, match="ends"):
        reader.close()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (encode_frame(Kind.OBJECTS, b"", 0), "HELLO"),
        (encode_frame(99, b"", 0), "unknown"),
        (encode_frame(Kind.HELLO, HELLO, 1), "missing"),
        (encode_frame(Kind.HELLO, encode_value({"protocol": 999}), 0), "version"),
        (encode_frame(Kind.HELLO, b"?", 0), "decoded"),
        ((MAX_FRAME_SIZE + 1).to_bytes(4, "little") + b"\x01\0\0\0", "large"),
        (stream_of([*FRAMES, (Kind.ROOTS, b"")]), "follow"),
        (stream_of([FRAMES[0], FRAMES[0]]), "twice"),
        (stream_of(FRAMES[:2]) * 2, "missing"),
    ],
)
def test_a_stream_that_breaks_the_protocol_is_refused(data: bytes, message: str) -> None:
    """Order, kinds, sizes and the version are checked."""
    with pytest.raises(FrameError, match=message):
        FrameReader().feed(data)


def test_sequence_numbers_wrap() -> None:
    """A long capture has more than 65536 frames."""
    reader = FrameReader()
    reader.feed(stream_of([FRAMES[0]] + [(Kind.PROGRESS, b"")] * 70_000))
    assert reader.feed(encode_frame(Kind.END, b"N", 70_001)) == [(Kind.END, b"N")]


@pytest.mark.parametrize("size", [1, 100, 4095, 4096, 5000, 65536])
def test_pieces_of_any_size_give_the_same_large_frame(size: int) -> None:
    """Small and large pieces are gathered in different ways."""
    payload = bytes(range(251)) * 800
    data = stream_of([FRAMES[0], (Kind.PACKED, payload), FRAMES[-1]])
    reader = FrameReader()
    seen = []
    for start in range(0, len(data), size):
        buffer = bytearray(data[start : start + size])
        seen += reader.feed(buffer)
        buffer[:] = bytes(len(buffer))  # the caller may use it again
    assert seen == [FRAMES[0], (Kind.PACKED, payload), FRAMES[-1]]
    assert all(type(payload) is bytes for _, payload in seen)


def test_tiny_pieces_are_not_kept_one_by_one() -> None:
    """A hostile sender could otherwise make a frame cost a hundred times its size."""
    reader = FrameReader()
    reader.feed(stream_of(FRAMES[:1]))
    reader.feed((1 << 20).to_bytes(4, "little") + Kind.PACKED.to_bytes(2, "little") + b"\x01\0")
    for _ in range(1000):
        reader.feed(b"abc")
    assert len(reader._pieces) == 1


def test_an_oversized_payload_cannot_be_sent() -> None:
    """The sender fails before the reader would."""
    with pytest.raises(FrameError):
        encode_frame(Kind.OBJECTS, bytes(MAX_FRAME_SIZE + 1), 0)

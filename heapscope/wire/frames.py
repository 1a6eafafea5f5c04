"""Framing of the capture stream: bytes in, frames out, and one frame to bytes.

Never does I/O and never blocks; after the first fault it stays failed, so that no garbage is read as frames.

    states:  start --HELLO--> body --END or ERROR--> done          (ERROR may also come first)

Runs on both sides: the syntax of Python 3.8, no imports but heapscope.wire.
"""

from heapscope.wire.protocol import HEADER_SIZE, MAX_FRAME_SIZE, PROTOCOL_VERSION, Kind
from heapscope.wire.values import ValueFormatError, decode_value

KNOWN_KINDS = frozenset(
    (
        Kind.HELLO,
        Kind.TYPES,
        Kind.OBJECTS,
        Kind.ROOTS,
        Kind.INSTANCES,
        Kind.PROGRESS,
        Kind.END,
        Kind.ERROR,
        Kind.REFERENCES,
    )
)
LAST_KINDS = frozenset((Kind.END, Kind.ERROR))


class FrameError(ValueError):
    """The stream breaks the protocol or ends too early."""


def encode_frame(kind: int, payload: bytes, sequence: int) -> bytes:
    """Encode one frame; ``sequence`` counts frames from 0 and wraps by itself."""
    return encode_header(kind, len(payload), sequence) + payload


def encode_header(kind: int, length: int, sequence: int) -> bytes:
    """Encode the header alone, for senders that write a large payload in pieces."""
    if length > MAX_FRAME_SIZE:
        raise FrameError("payload is larger than a frame may be")
    return length.to_bytes(4, "little") + kind.to_bytes(2, "little") + (sequence & 0xFFFF).to_bytes(2, "little")


class FrameReader:
    """Turns the bytes of one stream into frames. Buffers at most one frame. Not thread-safe."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._sequence = 0
        self._started = False
        self._done = False
        self._fault = None  # type: str | None

    @property
    def is_done(self) -> bool:
        """Whether the last frame (END or ERROR) was seen."""
        return self._done

    def feed(self, data: "bytes | bytearray | memoryview") -> "list[tuple[int, bytes]]":
        """Take more bytes; return the frames that are complete now as (kind, payload).

        Raises:
            FrameError: the bytes cannot be a capture stream. Every later call raises again.
        """
        if self._fault is not None:
            raise FrameError(self._fault)
        self._buffer += data
        frames = []  # type: list[tuple[int, bytes]]
        position = 0
        while True:
            if self._done and len(self._buffer) > position:
                self._fail("bytes follow the last frame")
            if len(self._buffer) - position < HEADER_SIZE:
                break
            length, kind = self._check_header(position)
            start = position + HEADER_SIZE
            if len(self._buffer) - start < length:
                break
            payload = bytes(memoryview(self._buffer)[start : start + length])
            self._accept(kind, payload)
            frames.append((kind, payload))
            position = start + length
        del self._buffer[:position]
        return frames

    def close(self) -> None:
        """Say that no more bytes come.

        Raises:
            FrameError: the stream did not end with END or ERROR.
        """
        if self._fault is not None:
            raise FrameError(self._fault)
        if not self._done:
            self._fail("the stream ends inside a frame" if self._buffer else "the stream ends too early")

    def _check_header(self, position: int) -> "tuple[int, int]":
        header = self._buffer[position : position + HEADER_SIZE]
        length = int.from_bytes(header[0:4], "little")
        kind = int.from_bytes(header[4:6], "little")
        sequence = int.from_bytes(header[6:8], "little")
        if kind not in KNOWN_KINDS:
            self._fail("unknown kind of frame")
        if length > MAX_FRAME_SIZE:
            self._fail("frame is too large")
        if sequence != self._sequence & 0xFFFF:
            self._fail("a frame is missing or repeated")
        if not self._started and kind not in (Kind.HELLO, Kind.ERROR):
            self._fail("the stream does not begin with HELLO")
        if self._started and kind == Kind.HELLO:
            self._fail("HELLO comes twice")
        return length, kind

    def _accept(self, kind: int, payload: bytes) -> None:
        if kind == Kind.HELLO:
            self._check_hello(payload)
        self._started = True
        self._sequence += 1
        self._done = kind in LAST_KINDS

    def _check_hello(self, payload: bytes) -> None:
        try:
            hello = decode_value(payload)
        except ValueFormatError as error:
            self._fail("HELLO cannot be decoded: " + str(error))
        if type(hello) is not dict or hello.get("protocol") != PROTOCOL_VERSION:
            self._fail("the other side speaks another version of the protocol")

    def _fail(self, message: str) -> None:
        self._fault = message
        self._buffer = bytearray()
        raise FrameError(message)

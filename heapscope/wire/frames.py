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
        Kind.PACKED,
        Kind.SHAPES,
        Kind.NAMES,
        Kind.CODES,
        Kind.COUNTS,
        Kind.CACHES,
        Kind.PICTURE,
    )
)
LAST_KINDS = frozenset((Kind.END, Kind.ERROR))
_SMALL_PIECE = 4096  # shorter ones are put together at once, so that many tiny ones cost no more memory than they hold


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
    """Turns the bytes of one stream into frames. Holds at most one frame. Not thread-safe.

    Bytes are copied once, into the payload that is handed out; those of a frame that is not complete yet twice, unless they are ``bytes``.
    """

    def __init__(self) -> None:
        self._header = b""
        self._kind = 0
        self._missing = HEADER_SIZE  # bytes of the header, or of the payload once the header is whole
        self._pieces = []  # type: list[bytes | bytearray | memoryview]
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
        view = memoryview(data)
        frames = []  # type: list[tuple[int, bytes]]
        while view:
            if self._done:
                self._fail("bytes follow the last frame")
            if len(self._header) < HEADER_SIZE:
                self._header += view[: self._missing]
                view = view[self._missing :]
                self._missing = HEADER_SIZE - len(self._header)
                if self._missing:
                    break
                self._missing, self._kind = self._check_header(self._header)
            taken = view[: self._missing]
            view = view[len(taken) :]
            self._keep(taken)
            if not self._missing:
                frames.append(self._finish())
        if self._pieces and type(self._pieces[-1]) is memoryview and type(data) is not bytes:
            self._pieces[-1] = bytes(self._pieces[-1])  # kept until the next call: the caller may use its buffer again
        return frames

    def _keep(self, piece: memoryview) -> None:
        self._missing -= len(piece)
        if len(piece) >= _SMALL_PIECE or not self._missing:
            self._pieces.append(piece)
        elif self._pieces and type(self._pieces[-1]) is bytearray:
            self._pieces[-1] += piece
        else:
            self._pieces.append(bytearray(piece))

    def _finish(self) -> "tuple[int, bytes]":
        payload = b"".join(self._pieces)
        self._accept(self._kind, payload)
        self._pieces, self._header, self._missing = [], b"", HEADER_SIZE
        return self._kind, payload

    def close(self) -> None:
        """Say that no more bytes come.

        Raises:
            FrameError: the stream did not end with END or ERROR.
        """
        if self._fault is not None:
            raise FrameError(self._fault)
        if not self._done:
            self._fail("the stream ends inside a frame" if self._header else "the stream ends too early")

    def _check_header(self, header: bytes) -> "tuple[int, int]":
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
        self._pieces = []
        raise FrameError(message)

"""Writes frames to the host and packs columns of 64-bit words without any module.

Never blocks on anything but the pipe, and never keeps a reference to an object that it was told about.
"""

from heapscope.wire.frames import encode_header
from heapscope.wire.protocol import COLUMNS, NO_LENGTH, OBJECTS_PER_FRAME, Kind
from heapscope.wire.values import encode_value

RESULT_DESCRIPTOR = 3
REFERENCES_PER_FRAME = 1 << 20  # 8 MiB, far below MAX_FRAME_SIZE, and little to hold at once
PACK_CACHE_LIMIT = 1 << 17


class WordPacker(dict):
    """Map from an integer to its eight bytes; filled on demand, emptied when it has grown too large."""

    def __missing__(self, value):
        if len(self) > PACK_CACHE_LIMIT:
            self.clear()
        packed = self[value] = (value & NO_LENGTH).to_bytes(8, "little")
        return packed


PACKED = WordPacker()


def pack_words(values):
    """Return the values as little-endian u64."""
    return b"".join(map(PACKED.__getitem__, values))


class Stream:
    """The frames that leave the clone: numbers them, gathers objects into batches."""

    def __init__(self, write):
        self.write = write
        self.sequence = 0
        self.objects = 0
        self.references = 0
        self._columns = [[] for _ in COLUMNS]
        self._references = []
        self._count = 0
        self._reference_count = 0

    def send(self, kind, payload):
        """Write one frame, all of it."""
        self._write_all(encode_header(kind, len(payload), self.sequence))
        self._write_all(payload)
        self.sequence += 1

    def send_value(self, kind, value):
        """Write one frame that holds one value."""
        self.send(kind, encode_value(value))

    def _write_all(self, data):
        view = memoryview(data)
        while view:
            view = view[self.write(RESULT_DESCRIPTOR, view) :]

    def add_objects(self, count, columns, references, reference_count):
        """Append a batch: eight packed columns and packed reference addresses."""
        if self._count and (
            self._count + count > OBJECTS_PER_FRAME or self._reference_count + reference_count > REFERENCES_PER_FRAME
        ):
            self.flush()
        for column, part in zip(self._columns, columns):
            column.append(part)
        self._references.append(references)
        self._count += count
        self._reference_count += reference_count

    def flush(self):
        """Send the objects gathered so far."""
        if not self._count:
            return
        head = self._count.to_bytes(4, "little") + self._reference_count.to_bytes(4, "little")
        parts = [head]
        for column in self._columns:
            parts += column
        self.send(Kind.OBJECTS, b"".join(parts + self._references))
        self.objects += self._count
        self.references += self._reference_count
        self._columns = [[] for _ in COLUMNS]
        self._references = []
        self._count = self._reference_count = 0

    def add_huge_object(self, columns, reference_pieces):
        """Send one object whose references need several frames; the pieces may be made one at a time."""
        self.flush()
        first = True
        for piece in reference_pieces:
            if first:
                self.add_objects(1, columns, piece, len(piece) // 8)
                self.flush()
                first = False
            else:
                self.send(Kind.REFERENCES, piece)
                self.references += len(piece) // 8

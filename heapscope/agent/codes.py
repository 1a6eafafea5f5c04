"""Where each code object was written: its file, first line and name, as CODES frames.

Never keeps a code object, and makes nothing on demand in one: only what the compiler has put there is read.
"""

from heapscope.agent import facts
from heapscope.wire.protocol import MAX_CODE_FILES, MAX_CODES, MAX_NAME, MAX_PATH, Kind

CODE = id(type((lambda: None).__code__))
FRAME_SIZE = 1 << 16


class CodePlaces:
    """Sends where code was written, the path of each file once. ``left_out`` counts what exceeds the limits."""

    def __init__(self, stream, minor):
        self._stream = stream
        self._name_of = "co_qualname" if minor >= 11 else "co_name"
        self._files = {}
        self._items = []
        self._count = 0
        self.left_out = 0

    def take(self, codes):
        """Note some code objects."""
        name_of = self._name_of
        for code in codes:
            path = short_text(code.co_filename, MAX_PATH)
            number = self._files.get(path, len(self._files))
            if self._count >= MAX_CODES or number >= MAX_CODE_FILES:
                self.left_out += 1
                continue
            line = code.co_firstlineno
            self._items.append(
                id(code).to_bytes(8, "little")
                + (line if 0 < line < 1 << 31 else 0).to_bytes(4, "little")
                + number.to_bytes(4, "little")
                + short_text(getattr(code, name_of), MAX_NAME)
            )
            if number == len(self._files):
                self._files[path] = number
                self._items.append(path)
            self._count += 1
        if len(self._items) > FRAME_SIZE // 64:
            self.flush()

    def flush(self):
        """Send what has come together."""
        if self._items:
            self._stream.send(Kind.CODES, b"".join(self._items))
            self._items = []


def short_text(value, limit):
    """Return u16 length | UTF-8 of at most ``limit`` bytes; lone surrogates as their backslash escapes."""
    data = facts.plain_text(value, limit).encode("utf-8", "backslashreplace")
    if len(data) > limit:
        data = data[:limit].decode("utf-8", "ignore").encode("utf-8")
    return len(data).to_bytes(2, "little") + data

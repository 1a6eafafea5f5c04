"""A source file between bytes and text, so that what is not changed comes back as the same bytes.

Never guesses an encoding: it is what the file's first lines say. No I/O.
"""

from __future__ import annotations

import codecs
import dataclasses
import io
import tokenize

from heapscope.analysis.patching.model import Refused

MAX_SOURCE_BYTES = 4 << 20  # the largest modules written by hand have a quarter of it; parsing takes 3 s per megabyte


@dataclasses.dataclass(frozen=True, slots=True)
class SourceText:
    """The text of a file without its byte order mark; line ends are as in the file."""

    text: str
    encoding: str = "utf-8"
    mark: bytes = b""

    def encode(self, text: str) -> bytes:
        """Give another text of this file as bytes."""
        return self.mark + text.encode(self.encoding)


def decode_source(data: bytes) -> SourceText:
    """Read a source as Python reads it.

    Raises:
        Refused: it is too large, not text, or text that would not come back as the same bytes.
    """
    if len(data) > MAX_SOURCE_BYTES:
        raise Refused("the source file is too large")
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        encoding = "utf-8" if mark else encoding
        text = data[len(mark) :].decode(encoding)
        source = SourceText(text, encoding, mark)
        same = source.encode(text) == data
    except (SyntaxError, ValueError, LookupError) as error:
        raise Refused("the source file is no text in the encoding that it names") from error
    if not same:
        raise Refused(f"text in the encoding {encoding} does not come back as the same bytes")
    return source

"""The wire format of protocol buffers, as far as a profile needs it: varints and length-delimited fields.

Never knows a message: pprof.py does. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable

_VARINT, _BYTES = 0, 2


def varint(value: int) -> bytes:
    """Encode an unsigned integer below 2**64; a negative one as its two's complement, as int64 fields are."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """Encode an integer field; nothing for 0, which is what an absent field means."""
    return varint(field << 3 | _VARINT) + varint(value) if value else b""


def chunk(field: int, data: bytes) -> bytes:
    """Encode a field of bytes, a text or a message."""
    return varint(field << 3 | _BYTES) + varint(len(data)) + data


def packed(field: int, values: Iterable[int]) -> bytes:
    """Encode a repeated integer field."""
    return chunk(field, b"".join(map(varint, values)))

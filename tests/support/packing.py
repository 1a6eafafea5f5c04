"""PACKED payloads written from the words of heapscope/wire/protocol.py: slow, plain, and independent of the real walkers.

Never shares code with the decoder.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable, Sequence

from heapscope.wire.protocol import NO_LENGTH, Packed

_WORD = (1 << 64) - 1


@dataclasses.dataclass
class PackedRow:
    """One object as a PACKED frame describes it. ``chunks`` are its references in the pieces in which they are sent."""

    address: int
    type_address: int
    shallow: int = 0
    allocated: int = 0
    refcount: int = 1
    length: int = NO_LENGTH
    flags: int = 0
    fingerprint: int = 0
    chunks: Sequence[Sequence[int]] = ()

    @property
    def references(self) -> list[int]:
        """All references, in order."""
        return [target for chunk in self.chunks for target in chunk]


def varint(value: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def zigzag(value: int) -> int:
    """Signed to unsigned, small figures staying small."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def checksum(items: bytes) -> int:
    """The sum over the items."""
    items += bytes(-len(items) % 8)
    total = 0
    for (word,) in struct.iter_unpack("<Q", items):
        rotated = (total << 5 | total >> 59) & _WORD
        total = (rotated ^ word) * 0x9E3779B97F4A7C15 & _WORD
    return total


def payload_of(rows: int, references: int, items: bytes) -> bytes:
    """Put the head before the items."""
    return struct.pack("<IIQ", rows, references, checksum(items)) + items


class PackedWriter:
    """Encodes rows for one stream. A row's chunk may be cut between two payloads: see ``payloads``."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._last: dict[int, tuple[int, int, int]] = {}

    def payloads(self, rows: Iterable[PackedRow], cuts: Iterable[int] = ()) -> list[bytes]:
        """Encode rows; ``cuts`` are the numbers of the rows and further chunks before which a new payload begins."""
        made: list[bytes] = []
        parts, row_count, reference_count = bytearray(), 0, 0
        position, before, wanted = 0, 0, set(cuts)

        def cut() -> None:
            nonlocal parts, row_count, reference_count, before
            made.append(payload_of(row_count, reference_count, bytes(parts)))
            parts, row_count, reference_count, before = bytearray(), 0, 0, 0

        for row in rows:
            if position in wanted:
                cut()
            position += 1
            parts += self._row(row, before)
            before, target = row.address, row.address
            row_count += 1
            for number, chunk in enumerate(row.chunks):
                if number:
                    if position in wanted:
                        cut()
                    position += 1
                parts += varint(len(chunk) << 1 | (number + 1 < len(row.chunks)))
                for reference in chunk:
                    parts += varint(zigzag((reference - target) >> 3))
                    target = reference
                reference_count += len(chunk)
        cut()
        return made

    def _row(self, row: PackedRow, before: int) -> bytes:
        assert not (row.address | row.type_address) % 8
        assert not any(target % 8 for target in row.references)
        number = self._numbers.setdefault(row.type_address, len(self._numbers))
        is_new = number not in self._last
        last = self._last.get(number, (0, 0, 0))
        self._last[number] = (row.shallow, row.allocated, row.flags)
        optional = (
            (Packed.SHALLOW, row.shallow != last[0], varint(row.shallow)),
            (Packed.ALLOCATED, row.allocated != last[1], varint(row.allocated)),
            (Packed.REFCOUNT, row.refcount != 1, varint(row.refcount)),
            (Packed.LENGTH, row.length != NO_LENGTH, varint(row.length)),
            (Packed.FLAGS, row.flags != last[2], varint(row.flags)),
            (Packed.FINGERPRINT, row.fingerprint != 0, row.fingerprint.to_bytes(8, "little")),
        )
        bits = sum(bit for bit, is_there, _ in optional if is_there) | (Packed.REFERENCES if row.chunks else 0)
        head = bytes((bits,)) + varint(zigzag((row.address - before) >> 3)) + varint(number)
        fields = b"".join(data for _, is_there, data in optional if is_there)
        return head + (varint(row.type_address >> 3) if is_new else b"") + fields

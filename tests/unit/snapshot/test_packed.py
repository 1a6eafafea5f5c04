"""PACKED payloads arrive as the rows that were written, and anything else is an error."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapscope.snapshot.columns import RowColumns
from heapscope.snapshot.packed import PackedDecoder, PackedError
from heapscope.wire.protocol import NO_LENGTH
from tests.support.packing import PackedRow, PackedWriter, payload_of, varint, zigzag

U64 = st.one_of(st.integers(0, 300), st.integers(0, (1 << 64) - 1))
ADDRESS = st.one_of(st.integers(0, 1 << 20), st.integers(0, (1 << 61) - 1)).map(lambda granule: granule << 3)
TYPE = st.one_of(st.integers(1, 4), st.integers(1, (1 << 61) - 1)).map(lambda granule: granule << 3)
ROW = st.builds(
    PackedRow,
    address=ADDRESS,
    type_address=TYPE,
    shallow=U64,
    allocated=U64,
    refcount=U64,
    length=st.one_of(U64, st.just(NO_LENGTH)),
    flags=st.one_of(st.integers(0, 3), st.integers(0, (1 << 32) - 1)),
    fingerprint=st.one_of(st.just(0), U64),
    chunks=st.lists(st.lists(ADDRESS, max_size=6), max_size=4),
)

ROWS = [
    PackedRow(0x7F00_0000_0100, 0x55E0_0000_0000, 64, 64, 3, 2, 5, 0, [[0x7F00_0000_0200, 0x7F00_0000_0100]]),
    PackedRow(0x7F00_0000_0200, 0x55E0_0000_0400, 50, 64, 1, 1, 0, (1 << 64) - 7, []),
    PackedRow(0x7F00_0000_0080, 0x55E0_0000_0400, 50, 64, 1, NO_LENGTH, 1 << 31, 9, [[0], [(1 << 64) - 8, 16], [32]]),
    PackedRow(0x10, 0x55E0_0000_0000, 64, 64, 1 << 40, 2, 5, 0, [[0x7F00_0000_0200] * 3]),
]


def rows_of(columns: RowColumns, decoder: PackedDecoder) -> list[list[Any]]:
    """Return what the columns hold, row by row, type addresses in place of ids."""
    references = columns.references.take().tolist()
    ends = np.cumsum(columns.reference_count.take()).tolist()
    types = decoder.type_addresses().tolist()
    per_object = [column.take().tolist() for column in columns.per_object[:-1]]
    per_object[1] = [types[number] for number in per_object[1]]
    starts = [0, *ends][: len(ends)]
    return [
        [*figures, references[start:end]]
        for figures, start, end in zip(zip(*per_object, strict=True), starts, ends, strict=True)
    ]


def decode(payloads: list[bytes]) -> list[list[Any]]:
    """Decode the payloads of one stream."""
    columns = RowColumns()
    decoder = PackedDecoder(columns, max_types=100)
    for payload in payloads:
        decoder.feed(payload)
    if decoder.is_open:
        raise PackedError("left open")
    return rows_of(columns, decoder)


def expected(rows: list[PackedRow]) -> list[list[Any]]:
    """Return rows as ``rows_of`` gives them."""
    return [
        [
            *(row.address, row.type_address, row.shallow, row.allocated, row.refcount, row.length, row.flags),
            *(row.fingerprint, row.references),
        ]
        for row in rows
    ]


@given(st.lists(ROW, max_size=12), st.sets(st.integers(0, 40)))
def test_rows_arrive_as_they_were_written(rows: list[PackedRow], cuts: set[int]) -> None:
    """Any rows, in payloads that are cut between any two rows or chunks."""
    assert decode(PackedWriter().payloads(rows, cuts)) == expected(rows)


def test_a_long_stream_grows_every_column() -> None:
    """Columns move in memory while a row is open; what was read before stays."""
    rows = [
        PackedRow(64 * number, 64 * (number % 7 + 1), number, number, chunks=[[8 * number] * 3, [number * 64]])
        for number in range(30_000)
    ]
    payloads = PackedWriter().payloads(rows, range(1, 60_000, 501))
    assert len(payloads) > 100
    assert decode(payloads) == expected(rows)


@pytest.mark.parametrize("kept", range(len(PackedWriter().payloads(ROWS)[0])))
def test_every_truncation_is_an_error(kept: int) -> None:
    """No payload is the beginning of another."""
    with pytest.raises(PackedError):
        decode([PackedWriter().payloads(ROWS)[0][:kept]])


def test_every_truncation_with_a_right_head_is_an_error() -> None:
    """The items alone tell where they are cut off."""
    items = PackedWriter().payloads(ROWS)[0][16:]
    for kept in range(len(items)):
        with pytest.raises(PackedError):
            decode([payload_of(4, 9, items[:kept])])


def test_every_changed_byte_is_an_error() -> None:
    """Whatever one byte becomes, in the head or in the items."""
    payload = PackedWriter().payloads(ROWS)[0]
    for position, value in itertools.product(range(len(payload)), range(256)):
        if payload[position] != value:
            changed = payload[:position] + bytes((value,)) + payload[position + 1 :]
            with pytest.raises(PackedError):
                decode([changed])


@given(st.integers(0, 6), st.integers(0, 12), st.binary(max_size=80))
def test_random_items_with_a_right_checksum_never_do_harm(rows: int, references: int, items: bytes) -> None:
    """They are rows by chance, or an error; after an error the decoder takes nothing any more."""
    columns = RowColumns()
    decoder = PackedDecoder(columns, max_types=4)
    good = PackedWriter().payloads(ROWS)[0]
    decoder.feed(good)
    before = len(columns.address), len(columns.references)
    try:
        decoder.feed(payload_of(rows, references, items))
    except PackedError:
        assert (len(columns.address), len(columns.references)) == before
        if rows * 3 + references <= len(items):
            with pytest.raises(PackedError, match="before"):
                decoder.feed(good)
        return
    assert (len(columns.address), len(columns.references)) == (before[0] + rows, before[1] + references)


def _items(*fields: int, bits: int = 0, address: int = 2, number: int = 0) -> bytes:
    """One row of type 0, which is new."""
    head = bytes((bits,)) + varint(zigzag(address)) + varint(number)
    return head + b"".join(varint(field) for field in fields)


@pytest.mark.parametrize(
    ("rows", "references", "items", "match"),
    [
        (1, 0, _items(4, bits=1 << 7), "fields"),
        (1, 0, _items(1 << 61), "address"),
        (1, 0, _items(4, address=1 << 61), "address"),
        (1, 0, _items(4, address=-1), "address"),
        (1, 0, _items(4, number=1), "type number"),
        (1, 0, _items(4, number=(1 << 64) - 1), "type number"),
        (1, 0, _items(4, 1 << 64, bits=1), "64 bits"),
        (1, 0, _items(4, bits=1) + b"\x80" * 9 + b"\x02", "64 bits"),
        (1, 0, _items(4, bits=1) + b"\x80" * 10 + b"\x01", "64 bits"),
        (1, 0, _items(4, bits=1) + b"\xff" * 64, "64 bits"),
        (1, 0, _items(4, 1 << 32, bits=1 << 4), "32 bits"),
        (1, 0, _items(4, bits=1 << 5) + b"1234567", "cut off"),
        (1, 0, _items(4, bits=1 << 6), "cut off"),
        (1, 0, _items(4, 2, bits=1 << 6), "cut off"),
        (1, 0, _items(4, 2, 1, bits=1 << 6), "counts"),
        (1, 0, _items(4, ((1 << 63) - 1) << 1, bits=1 << 6), "cut off"),
        (1, 1, _items(4, 4, 1, 1, bits=1 << 6), "counts"),
        (1, 2, _items(4, 2, 1, bits=1 << 6), "counts"),
        (1, 1, _items(4, 2, zigzag(-3), bits=1 << 6), "address"),
        (0, 0, _items(4), "counts"),
        (1, 0, _items(4) + b"\0", "counts"),
        (2, 0, _items(4) + b"\0\0", "cut off"),
        (2, 0, _items(4) + b"\0\x02", "cut off"),
        (0, 5, b"1234", "does not fit"),
    ],
)
def test_each_rule_of_the_format_is_enforced(rows: int, references: int, items: bytes, match: str) -> None:
    """With a right checksum, as a hostile sender would have it."""
    with pytest.raises(PackedError, match=match):
        decode([payload_of(rows, references, items)])


def test_the_checksum_is_looked_at_before_the_items() -> None:
    """A payload that was damaged on the way is not taken apart."""
    payload = bytearray(PackedWriter().payloads(ROWS)[0])
    payload[-1] ^= 1
    with pytest.raises(PackedError, match="checksum"):
        decode([bytes(payload)])


def test_a_row_left_open_needs_its_rest() -> None:
    """An empty payload, or one that begins with a row, is not the rest."""
    first, rest = PackedWriter().payloads([PackedRow(16, 32, chunks=[[8], [16]])], {1})
    assert decode([first, rest]) == expected([PackedRow(16, 32, chunks=[[8, 16]])])
    for wrong in ([], [payload_of(0, 0, b"")]):
        with pytest.raises(PackedError):
            decode([first, *wrong])


def test_types_are_bounded() -> None:
    """A sender cannot fill memory with types, neither here nor through OBJECTS."""
    rows = [PackedRow(16 * number, 16 * number) for number in range(1, 6)]
    decoder = PackedDecoder(RowColumns(), max_types=4)
    with pytest.raises(PackedError, match="type"):
        decoder.feed(PackedWriter().payloads(rows)[0])
    with pytest.raises(PackedError, match="type"):
        PackedDecoder(RowColumns(), max_types=4).intern(np.arange(5, dtype=np.uint64))


@given(st.lists(st.one_of(st.integers(0, 50), st.integers(0, (1 << 64) - 1)), max_size=3000))
def test_ids_of_types_are_the_same_for_the_same_address(addresses: list[int]) -> None:
    """However many there are, and from whichever kind of frame they come."""
    decoder = PackedDecoder(RowColumns(), max_types=4000)
    decoder.feed(PackedWriter().payloads([PackedRow(16, 32), PackedRow(32, 16)])[0])
    ids = decoder.intern(np.array(addresses, dtype=np.uint64))
    known = decoder.type_addresses().tolist()
    assert [known[number] for number in ids.tolist()] == addresses
    assert len(set(known)) == len(known) == len({16, 32, *addresses})


def test_overlong_integers_mean_what_they_say() -> None:
    """LEB128 may end in zeros; ten bytes are the most."""
    items = b"\x01" + b"\x84" + b"\x80" * 8 + b"\0" + varint(0) + varint(4) + b"\x85\x80\0"
    assert decode([payload_of(1, 0, items)])[0][:3] == [16, 32, 5]


def test_the_payload_is_not_kept() -> None:
    """It may be a view into a buffer that is used again."""
    columns = RowColumns()
    decoder = PackedDecoder(columns, max_types=9)
    buffer = bytearray(PackedWriter().payloads(ROWS)[0])
    assert decoder.feed(memoryview(buffer)) == (4, 9)
    buffer[:] = bytes(len(buffer))
    assert rows_of(columns, decoder) == expected(ROWS)
    assert struct.unpack_from("<I", buffer) == (0,)

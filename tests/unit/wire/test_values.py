"""The value encoding: exact round trips, and errors instead of surprises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapscope.wire.values import MAX_DEPTH, ValueFormatError, decode_value, encode_value

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
KEYS = st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-(1 << 63), (1 << 64) - 1)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)


@given(VALUES)
def test_what_is_encoded_comes_back(value: object) -> None:
    """decode(encode(x)) is x."""
    assert decode_value(encode_value(value)) == value


@given(st.binary())
def test_random_bytes_give_a_value_or_a_format_error(data: bytes) -> None:
    """Nothing but ValueFormatError comes out of garbage."""
    try:
        decode_value(data)
    except ValueFormatError:
        return
    assert encode_value(decode_value(data)) is not None


@given(VALUES, st.data())
def test_every_cut_is_an_error(value: object, data: st.DataObject) -> None:
    """A prefix of an encoding is never a value."""
    encoded = encode_value(value)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(ValueFormatError):
        decode_value(encoded[:cut])


def test_bytes_behind_the_value_are_an_error() -> None:
    """One value fills the bytes."""
    with pytest.raises(ValueFormatError, match="follow"):
        decode_value(encode_value(1) + b"N")


def test_nesting_beyond_the_limit_is_an_error_on_both_sides() -> None:
    """No depth of brackets can exhaust the stack."""
    with pytest.raises(ValueFormatError, match="deep"):
        decode_value(b"l\x01\0\0\0" * 100_000 + b"N")
    value: list[object] = []
    for _ in range(MAX_DEPTH):
        value = [value]
    with pytest.raises(ValueFormatError, match="deep"):
        encode_value(value)


def test_a_count_larger_than_the_bytes_is_refused_before_anything_is_built() -> None:
    """Four billion items are claimed, none sent."""
    with pytest.raises(ValueFormatError, match="count"):
        decode_value(b"l\xff\xff\xff\xff")


def test_a_key_twice_is_an_error() -> None:
    """A dict cannot say two things about one key."""
    with pytest.raises(ValueFormatError, match="twice"):
        decode_value(b"d\x02\0\0\0" + (encode_value("a") + b"N") * 2)


def test_lone_surrogates_arrive_as_their_escapes() -> None:
    """A hostile name can be sent and shown."""
    assert decode_value(encode_value("a\ud800b")) == "a\\ud800b"


@pytest.mark.parametrize("value", [1 << 64, -(1 << 63) - 1, object(), {None: 1}, {1.5: 2}, {1, 2}])
def test_other_values_cannot_be_encoded(value: object) -> None:
    """The sender hears of it, not the reader."""
    with pytest.raises(ValueFormatError):
        encode_value(value)

"""Figures and foreign text as people see them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapscope.units import (
    clean_text,
    counted,
    format_bytes,
    format_count,
    format_delta,
    format_duration_ns,
    format_exact,
    short_type_name,
)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (999, "999B"),
        (1023, "1023B"),
        (1024, "1.00K"),
        (1536, "1.50K"),
        (10_240, "10.0K"),
        (102_400, "100K"),
        (1000 * 1024, "0.98M"),
        (622 << 20, "622M"),
        (5 << 40, "5.00T"),
        (3 << 60, "3072P"),
        (-2048, "-2.00K"),
    ],
)
def test_sizes_have_three_digits_and_a_binary_unit(size: int, text: str) -> None:
    """Never more than five characters below a petabyte."""
    assert format_bytes(size) == text


@given(st.integers(min_value=0, max_value=(1 << 60) - 1))
def test_sizes_stay_narrow(size: int) -> None:
    """So that a column of eight cells always holds one."""
    assert len(format_bytes(size)) <= 5


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (412_902, "412,902"), (-1_000, "-1,000")])
def test_exact_numbers_have_separators(number: int, text: str) -> None:
    """Nothing is rounded."""
    assert format_exact(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (999_999, "999,999"),
        (1_240_000, "1.24M"),
        (12_400_000, "12.4M"),
        (124_000_000, "124M"),
        (2_000_000_000, "2,000M"),
    ],
)
def test_counts_are_exact_below_a_million(number: int, text: str) -> None:
    """Above, three digits."""
    assert format_count(number) == text


@pytest.mark.parametrize(("change", "text"), [(0, "·"), (3_774_874, "+3.60M"), (-925_696, "-904K")])
def test_changes_carry_a_sign(change: int, text: str) -> None:
    """Colour is not needed to read them."""
    assert format_delta(change) == text


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0 ns"),
        (850, "850 ns"),
        (12_300, "12.3 µs"),
        (8_400_000, "8.4 ms"),
        (1_250_000_000, "1.25 s"),
        (2_000_000_000_000, "2,000 s"),
    ],
)
def test_durations_pick_their_unit(duration_ns: int, text: str) -> None:
    """From nanoseconds to seconds."""
    assert format_duration_ns(duration_ns) == text


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("builtins.dict", "dict"),
        ("dict", "dict"),
        ("app.builtins.dict", "app.builtins.dict"),
        ("builtins.", "builtins."),
        ("", ""),
    ],
)
def test_builtins_are_called_by_their_short_names(name: str, short: str) -> None:
    """Only theirs."""
    assert short_type_name(name) == short


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("naïve 日本語 é", "naïve 日本語 é"),
        ("a\x1b[2Jb\n", "a\\x1b[2Jb\\x0a"),
        ("\x85", "\\x85"),
        ("soft\u00adhyphen", "soft\\xadhyphen"),
        ("bidi\u202e\u2066\u061c", "bidi\\u202e\\u2066\\u061c"),
        ("zero\u200bwidth\u200d\ufeff", "zero\\u200bwidth\\u200d\\ufeff"),
        ("heart\ufe0f", "heart\\ufe0f"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("selector\U000e0100", "selector\\U000e0100"),
        ("lone\ud800", "lone\\ud800"),
        ("line\u2028paragraph\u2029", "line\\u2028paragraph\\u2029"),
    ],
)
def test_what_cannot_be_seen_becomes_an_escape(text: str, shown: str) -> None:
    """Controls, formats, variation selectors, lone surrogates, separators."""
    assert clean_text(text) == shown


@given(st.text(max_size=80), st.integers(min_value=1, max_value=30))
def test_cleaned_text_is_safe_and_bounded(text: str, limit: int) -> None:
    """Whatever comes; cleaning twice changes nothing."""
    shown = clean_text(text, limit)
    assert len(shown) <= limit
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert clean_text(shown, limit) == shown


def test_long_text_keeps_its_end() -> None:
    """Type names differ there; a limit of nothing shows nothing."""
    assert clean_text("sqlalchemy.orm.state.InstanceState", 14) == "…InstanceState"
    assert clean_text("x" * 10_000, 5) == "…xxxx"
    assert clean_text("abc", 0) == ""


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (1, "snapshot", "1 snapshot"),
        (0, "snapshot", "0 snapshots"),
        (2, "entry", "2 entries"),
        (1, "entry", "1 entry"),
        (3, "way", "3 ways"),
        (3, "class", "3 classes"),
        (2, "box", "2 boxes"),
        (412_902, "object", "412,902 objects"),
        (1_240_551, "object", "1.24M objects"),
    ],
)
def test_a_noun_agrees_with_its_count(count: int, noun: str, text: str) -> None:
    """Only one is one."""
    assert counted(count, noun) == text

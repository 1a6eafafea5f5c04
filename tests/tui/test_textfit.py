"""Fitting texts into cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from heapscope.tui.lines import fit_line, line, plain
from heapscope.tui.presenters.header import HeaderFacts, header_line
from heapscope.tui.textfit import bar, cut_end, cut_start, pad, percent, safe_text, sparkline, wrap
from heapscope.tui.theme import to_ascii
from tests.tui.support.heaps import HOSTILE_NAMES


@given(st.text(max_size=60), st.integers(min_value=1, max_value=40))
def test_a_cut_text_never_takes_more_cells_than_it_may(text: str, width: int) -> None:
    """Also with wide characters, and padded to exactly the width."""
    clean = safe_text(text)
    for cut in (cut_start, cut_end):
        fitted = pad(cut(clean, width), width)
        assert cell_len(fitted) == width


def test_hostile_names_become_printable_and_bounded() -> None:
    """No control, no direction change, no lone surrogate, no joiner is left."""
    for name in HOSTILE_NAMES:
        shown = safe_text(name)
        assert len(shown) < 2_000
        assert shown.isprintable()
        shown.encode()
        assert not set(shown) & set("\x1b\u202e\u2066\u200d\ufe0f\n\t")


def test_the_end_of_a_type_name_is_kept() -> None:
    """Names differ at their end."""
    assert cut_start("sqlalchemy.orm.state.InstanceState", 15).endswith("InstanceState")


def test_bars_grow_in_eighths_and_a_little_is_visible() -> None:
    """Zero draws nothing."""
    assert bar(0, 8) == ""
    assert bar(0.0001, 8) == "▏"
    assert bar(0.5, 8) == "████"
    assert bar(2, 8) == "█" * 8


def test_noise_below_one_percent_stays_a_flat_line() -> None:
    """Growth must not be suggested where there is none."""
    assert sparkline([1_000_000, 1_000_100], 8) == "▁▁"
    assert sparkline([1, 50, 100], 2) == "▁█"


def test_percentages_do_not_claim_zero_for_little() -> None:
    """A small share is not none."""
    assert [percent(share) for share in (0, 0.0005, 0.031, 0.28)] == ["0%", "<0.1%", "3.1%", "28%"]
    assert [percent(share) for share in (0.994, 0.995, 0.9999, 1)] == ["99%", "99.5%", "99.9%", "100%"]


def test_words_are_set_in_lines() -> None:
    """Every line fits."""
    assert wrap(["one", "two", "three"], 9, " ") == [" one two", " three"]


def test_ascii_output_keeps_the_width_of_our_signs() -> None:
    """Bars and arrows are replaced one for one."""
    assert to_ascii("▲ 1.5M █▌ …") == "^ 1.5M ## ~"
    assert to_ascii("日").isascii()


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (20, "one two three"),
        (13, "one two three"),
        (12, "one two thr…"),
        (8, "one two…"),
        (7, "one tw…"),
        (1, "…"),
        (0, ""),
    ],
)
def test_a_line_that_loses_words_ends_in_an_ellipsis(width: int, text: str) -> None:
    """Also where the cut falls between two spans; spaces at the end are no loss."""
    one = line("one ", ("two", "strong"), (" three", "dim"), " " * 9)
    assert plain([fit_line(one, width)]) == text


def test_a_name_is_cut_only_where_that_makes_room_for_more() -> None:
    """What fits is shown, the most important first, however long what comes before it is."""
    facts = HeaderFacts("a_service_with_a_long_name.py", 7, "3.12.4", 1 << 20, (), 1_000, "14:02:11", source="x" * 30)
    shown = plain([header_line(facts, 90)])
    assert cell_len(shown) <= 90
    assert "py3.12.4" in shown
    roomy = plain([header_line(facts, 140)])
    assert "a_service_with_a_long_name" in roomy

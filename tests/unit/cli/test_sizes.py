"""Sizes on the command line are those that heapscope itself writes."""

from __future__ import annotations

import click
import pytest

from heapscope.cli.options import parse_size
from heapscope.units import format_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("64M", 64 << 20), ("1.5g", 3 << 29), ("8KiB", 8192), ("2tb", 2 << 40), ("512B", 512), ("0.5K", 512)],
)
def test_a_size_is_a_number_and_a_power_of_1024(text: str, size: int) -> None:
    """In any case of letters."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "0M", "-1M", "M", "1 M", "1e9", "64X", "1.M", "\u0661", "9" * 40, "64M\n"])
def test_what_is_no_size_is_a_usage_error(text: str) -> None:
    """Nothing is guessed, and a budget of nothing is a mistake."""
    with pytest.raises(click.BadParameter, match="no size"):
        parse_size(text)


@pytest.mark.parametrize("size", [1, 1023, 1024, 20 << 20, 1 << 30, 5 << 40])
def test_what_an_error_proposes_can_be_typed(size: int) -> None:
    """The budgets that messages name are sizes."""
    assert parse_size(format_bytes(size)) == size

"""The filter language."""

from __future__ import annotations

import pytest

from heapscope.tui.filters import FilterError, FilterFacts, parse_filter

SESSION = FilterFacts("app.sessions.Session", "app.sessions", "safe", {"count": 12_000, "shallow": 2 << 20, "grew": 0})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("", True),
        ("session", True),
        ("SESSION", False),
        ("app session", True),
        ("app cart", False),
        ("!cart", True),
        ("!session", False),
        ("/^app\\..*Session$/", True),
        ("/^dict/", False),
        ("!/^dict/", True),
        ("/^app", True),
        ("count>10k", True),
        ("count<10k", False),
        ("count>=12000", True),
        ("shallow>1M", True),
        ("shallow>2.5M", False),
        ("size>1MiB", True),
        ("grew>0", False),
        ("rec>1", False),
        ("mod:app", True),
        ("mod:app.sessions", True),
        ("mod:ap", False),
        ("slots:safe", True),
        ("slots:no", False),
        ("app !cart count>1k mod:app slots:safe", True),
    ],
)
def test_every_part_of_an_expression_must_hold(expression: str, expected: bool) -> None:
    """Words, exclusions, regular expressions, comparisons and fields."""
    assert parse_filter(expression).matches(SESSION) is expected


@pytest.mark.parametrize(
    ("expression", "column"),
    [("/(/", 2), ("app nope>3", 5), ("count>many", 7), ("app !/[/", 7), ("x" * 501, 500)],
)
def test_an_error_names_the_column(expression: str, column: int) -> None:
    """So that the filter line can point at it."""
    with pytest.raises(FilterError) as caught:
        parse_filter(expression)
    assert caught.value.column == column


def test_a_count_is_decimal_and_a_size_is_binary() -> None:
    """10k objects are ten thousand; 1K bytes are 1024."""
    facts = FilterFacts("x", numbers={"count": 1_010, "shallow": 1_010})
    assert parse_filter("count>1k").matches(facts)
    assert not parse_filter("shallow>1k").matches(facts)

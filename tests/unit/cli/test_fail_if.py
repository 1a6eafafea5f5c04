"""--fail-if: what it understands, what it refuses, and the exit code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapscope.cli.fail_if import Facts, Vocabulary, judge, parse_condition, table_of
from heapscope.cli.talk import Talk
from heapscope.errors import ExitCode, UsageError

COLUMNS = frozenset({"count", "shallow_bytes", "share"})
KNOWN = Vocabulary(frozenset({"heap.bytes", "heap.count", "garbage.share", "growth.bytes"}), {"type": COLUMNS})
ROWS = [{"type": "app.Session", "count": 1200, "shallow_bytes": 4096, "share": 0.25}]
ROWS += [{"type": "builtins.dict", "count": 7, "shallow_bytes": 512, "share": 0.01}]
FACTS = Facts(
    {"heap.bytes": 500 << 20, "heap.count": 1_500_000, "garbage.share": 0.12, "growth.bytes": None},
    {"type": table_of(ROWS, "type", COLUMNS)},
)


def code(*texts: str) -> int:
    """Judge expressions on the facts."""
    return judge([parse_condition(text, KNOWN) for text in texts], FACTS, Talk(quiet=True))


@pytest.mark.parametrize(
    "text",
    [
        "heap.bytes > 499M",
        "heap.bytes>=500M",
        "heap.bytes >= 500 MiB",
        "heap.bytes = 524288000",
        "heap.bytes == 500M",
        "heap.count > 1.4m",
        "heap.count != 1500K",
        "garbage.share > 10%",
        "garbage.share < 0.2",
        'type["app.Session"].count > 1000',
        "type['app.Session'].share >= 25%",
        'type["dict"].shallow_bytes <= 0.5K',
        'type["no.such.Type"].count < 1',
        "  heap.bytes  >  1  ",
    ],
)
def test_what_holds_ends_with_3(text: str) -> None:
    """Sizes are in powers of 1024, counts in powers of 1000; what is not there counts 0."""
    expected = ExitCode.OK if text == "heap.count != 1500K" else ExitCode.CHECK_FAILED
    assert code(text) == expected


@pytest.mark.parametrize(
    "text", ["heap.bytes > 500M", "heap.bytes < 500M", "garbage.share > 12%", 'type["app.Session"].count < 1200']
)
def test_what_does_not_hold_ends_with_0(text: str) -> None:
    """Bounds are not part of what lies beyond them."""
    assert code(text) == ExitCode.OK


def test_any_of_several_suffices() -> None:
    """Whatever their order."""
    assert code("heap.bytes > 1G", "heap.count > 1") == ExitCode.CHECK_FAILED
    assert code("heap.bytes > 1G", "heap.count < 1") == ExitCode.OK
    assert code() == ExitCode.OK


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("heap.byte > 5", "did you mean heap.bytes"),
        ("haep.count > 5", "did you mean heap.count"),
        ("nothing > 5", "there are: garbage.share"),
        ('types["x"].count > 5', "did you mean"),
        ('type["x"].cuont > 5', "did you mean count"),
        ("heap.bytes >", "write it like"),
        ("heap.bytes > ten", "write it like"),
        ("heap.bytes > 5Q", "write it like"),
        ("heap.bytes > 5 and heap.count > 1", "write it like"),
        ("heap.count > 5MB", "write it like"),
        ("heap.bytes > 5%", "write it like"),
        ("garbage.share > 5M", "write it like"),
        ("__import__('os').system('x') > 1", "write it like"),
        ("heap.bytes > " + "9" * 600, "write it like"),
        ("", "write it like"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_suggestion(text: str, hint: str) -> None:
    """Before a target is touched."""
    with pytest.raises(UsageError) as caught:
        parse_condition(text, KNOWN)
    assert hint in caught.value.hint


def test_a_figure_that_is_not_known_is_no_pass() -> None:
    """A check that cannot be made must not look like one that was."""
    with pytest.raises(UsageError, match="not known here"):
        code("growth.bytes > 1M")


def test_it_says_what_held(capsys: pytest.CaptureFixture[str]) -> None:
    """With the figure."""
    judge([parse_condition("heap.bytes > 1M", KNOWN)], FACTS, Talk())
    assert "heap.bytes is 500M" in capsys.readouterr().err


@given(st.text(max_size=80))
def test_no_text_is_anything_but_a_condition_or_refused(text: str) -> None:
    """Whatever a user types."""
    try:
        found = parse_condition(text, KNOWN)
    except UsageError:
        return
    assert found.name in KNOWN.names or found.name in KNOWN.tables

"""``--fail-if``: a comparison that ends a command with exit code 3 when it holds, for scripts and CI. docs/cli.md has the grammar.

Never evaluates code: a name from a fixed list, an operator, a number. Names are checked before the target is touched.

    heap.bytes > 500M      suspects.high > 0      type["app.Session"].count > 1000
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from heapscope.cli.talk import Talk
from heapscope.errors import ExitCode, UsageError
from heapscope.units import clean_text, format_bytes, short_type_name

MAX_EXPRESSION = 500
_FORM = re.compile(
    r"\s*(?P<name>[A-Za-z_][\w.]*)"
    r"(?:\[(?P<quote>[\"'])(?P<key>.*?)(?P=quote)\]\.(?P<column>[A-Za-z_]\w*))?"
    r"\s*(?P<operator>>=|<=|==|!=|>|<|=)"
    r"\s*(?P<number>-?\d+(?:\.\d+)?)\s*(?P<unit>[kKmMgGtT]?i?[bB]?|%)\s*",
    re.ASCII,
)
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
_HINT = "write it like 'heap.bytes > 500M', 'suspects.high > 0', or 'type[\"app.Session\"].count > 1000'"

Figures = Mapping[str, float | None]
Table = Mapping[str, Figures]


@dataclasses.dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a command knows to compare: names of figures, and columns of tables (``type["..."].count``)."""

    names: frozenset[str]
    tables: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. ``key`` and ``column`` are empty for a plain figure; ``bound`` is in bytes, objects, or 0...1."""

    text: str
    name: str
    key: str
    column: str
    operator: str
    bound: float

    @property
    def measure(self) -> str:
        """The word that says what is counted, which tells units apart."""
        return self.column or self.name


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What a run found: figures by name, and rows of tables by their key. None is a figure that is not known."""

    figures: Figures
    tables: Mapping[str, Table] = dataclasses.field(default_factory=dict)


def parse_condition(text: str, vocabulary: Vocabulary) -> Condition:
    """Read one expression.

    Raises:
        UsageError: it makes no sense, or names what the command does not know.
    """
    match = _FORM.fullmatch(text) if len(text) <= MAX_EXPRESSION else None
    if match is None:
        raise UsageError(f"--fail-if {clean_text(text, 80)!r} is no comparison", hint=_HINT)
    name, column = match["name"], match["column"] or ""
    if column:
        _check(name, vocabulary.tables, "table", name, vocabulary)
        _check(column, vocabulary.tables[name], "column", f"{name}[...]", vocabulary)
    else:
        _check(name, vocabulary.names, "name", name, vocabulary)
    bound = _bound(match["number"], match["unit"], column or name)
    return Condition(text.strip(), name, match["key"] or "", column, match["operator"], bound)


def _check(word: str, known: Iterable[str], what: str, where: str, vocabulary: Vocabulary) -> None:
    if word in known:
        return
    everything = [*known] if what == "column" else [*vocabulary.names, *(f"{name}[...]" for name in vocabulary.tables)]
    close = difflib.get_close_matches(word, everything, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "there are: " + ", ".join(sorted(everything))
    raise UsageError(f"--fail-if knows no {what} {clean_text(word, 60)} in {clean_text(where, 60)}", hint=hint)


def _bound(number: str, unit: str, measure: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise UsageError(f"{clean_text(number, 40)} is no number", hint=_HINT)
    if unit == "%":
        if not is_share(measure):
            raise UsageError(f"{measure} is no share: it cannot be compared with percents", hint=_HINT)
        return value / 100
    is_size = measure.rpartition(".")[2].endswith("bytes")
    letters = unit.lower().removesuffix("b").removesuffix("i")
    if unit and not is_size and (unit.lower() != letters or is_share(measure)):
        raise UsageError(f"{measure} is no size: write its bound without {clean_text(unit, 8)}", hint=_HINT)
    base = 1024 if is_size else 1000
    return value * float(base ** "_kmgt".index(letters or "_"))


def is_share(measure: str) -> bool:
    """Tell figures of 0...1."""
    return measure.rpartition(".")[2].endswith("share")


def judge(conditions: Sequence[Condition], facts: Facts, talk: Talk) -> int:
    """Say on stderr which conditions hold; the exit code is 3 if any does, else 0.

    Raises:
        UsageError: a figure is not known of this source.
    """
    holding = [condition for condition in conditions if _holds(condition, facts)]
    for condition in holding:
        value = _value_of(condition, facts)
        talk.say(f"--fail-if {condition.text}: {condition.measure} is {_shown(value, condition.measure)}")
    return ExitCode.CHECK_FAILED if holding else ExitCode.OK


def _holds(condition: Condition, facts: Facts) -> bool:
    return _OPERATORS[condition.operator](_value_of(condition, facts), condition.bound)


def _value_of(condition: Condition, facts: Facts) -> float:
    if condition.column:
        table = facts.tables.get(condition.name, {})
        row = table.get(condition.key, table.get(f"builtins.{condition.key}"))
        if row is None:
            return 0.0  # what is not there has no objects and no bytes
        value = row.get(condition.column)
    else:
        value = facts.figures.get(condition.name)
    if value is None:
        raise UsageError(
            f"{condition.text}: {condition.measure} is not known here",
            hint="growth takes two snapshots; other figures, another kind of source",
        )
    return float(value)


def _shown(value: float, measure: str) -> str:
    if is_share(measure):
        return f"{value:.1%}"
    return format_bytes(int(value)) if measure.rpartition(".")[2].endswith("bytes") else f"{value:,.10g}"


def table_of(rows: Iterable[Mapping[str, Any]], key: str, columns: frozenset[str]) -> dict[str, Figures]:
    """Make a table of JSON rows by one of their keys; the first of several rows with one key counts."""
    found: dict[str, Figures] = {}
    for row in rows:
        name = str(row[key])
        figures = {column: row[column] for column in columns}
        found.setdefault(name, figures)
        found.setdefault(short_type_name(name), figures)
    return found


def fail_if_option(vocabulary: Vocabulary) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --fail-if; conditions arrive as ``checks``, a tuple, and were checked against the vocabulary."""

    def parse(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> tuple[Condition, ...]:
        return tuple(parse_condition(text, vocabulary) for text in texts)

    return click.option(
        "--fail-if",
        "checks",
        multiple=True,
        callback=parse,
        metavar="EXPR",
        help="Exit with 3 if it holds, as 'heap.bytes > 500M'; may be given several times. See docs/cli.md.",
    )

"""Owns the filter language: ``app !cart /^dict/ count>10k grew>1M mod:app slots:safe``; all parts must hold.

Pure; never keeps state and never reads anything but the facts it is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

MAX_EXPRESSION = 500  # a line typed by hand; longer can only be a paste by mistake
_SCALES = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_BYTE_SCALES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}

NUMBER_FIELDS = {
    "count": "count",
    "instances": "count",
    "shallow": "shallow",
    "size": "shallow",
    "rec": "recursive",
    "recursive": "recursive",
    "ret": "retained",
    "retained": "retained",
    "grew": "grew",
    "saves": "saves",
}
COUNT_FIELDS = frozenset({"count"})
TEXT_FIELDS = ("mod", "slots")

_COMPARISON = re.compile(r"([a-z]+)(>=|<=|>|<|=)(.*)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


class FilterError(ValueError):
    """The expression cannot be understood; ``column`` is where, counted from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


@dataclass(frozen=True, slots=True)
class FilterFacts:
    """What a filter may ask about one row. ``full_text`` is what ``text`` is short for, if it is."""

    text: str
    module: str = ""
    verdict: str = ""
    numbers: Mapping[str, int | None] = field(default_factory=dict)
    full_text: str = ""


Predicate = Callable[[FilterFacts], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed expression; an empty one lets everything through."""

    expression: str = ""
    predicates: tuple[Predicate, ...] = ()

    def matches(self, facts: FilterFacts) -> bool:
        """Tell whether every part holds."""
        return all(predicate(facts) for predicate in self.predicates)


def parse_filter(expression: str) -> Filter:
    """Read an expression.

    Raises:
        FilterError: a regular expression or a number is malformed, or a field is unknown.
    """
    if len(expression) > MAX_EXPRESSION:
        raise FilterError(f"longer than {MAX_EXPRESSION} characters", MAX_EXPRESSION)
    words = list(re.finditer(r"!?/(?:[^/\\]|\\.)*/?|\S+", expression))
    return Filter(expression, tuple(_predicate(match.group(), match.start() + 1) for match in words))


def _predicate(word: str, column: int) -> Predicate:
    if word.startswith("!") and len(word) > 1:
        inner = _predicate(word[1:], column + 1)
        return lambda facts: not inner(facts)
    if word.startswith("/"):
        return _regex(word, column)
    if comparison := _COMPARISON.fullmatch(word):
        return _compare(comparison, column)
    name, colon, value = word.partition(":")
    if colon and name.lower() in TEXT_FIELDS:
        return _text_field(name.lower(), value.lower())
    if word == "!":
        return lambda facts: True
    return _word(word)


def _word(word: str) -> Predicate:
    """A word in small letters ignores case; one with capitals means them."""
    if word == word.lower():
        return lambda facts: word in facts.text.lower() or word in facts.full_text.lower()
    return lambda facts: word in facts.text or word in facts.full_text


def _regex(word: str, column: int) -> Predicate:
    closed = len(word) > 1 and word.endswith("/")
    try:
        pattern = re.compile(word[1:-1] if closed else word[1:])
    except re.error as error:
        raise FilterError(f"regular expression: {error.msg}", column + 1 + (error.pos or 0)) from error
    return lambda facts: any(pattern.search(text) for text in (facts.text, facts.full_text or facts.text))


def _text_field(name: str, value: str) -> Predicate:
    if name == "mod":
        return lambda facts: facts.module.lower() == value or facts.module.lower().startswith(value + ".")
    return lambda facts: facts.verdict.startswith(value)


def _compare(match: re.Match[str], column: int) -> Predicate:
    name = NUMBER_FIELDS.get(match[1].lower())
    if name is None:
        known = ", ".join(sorted(NUMBER_FIELDS))
        raise FilterError(f"unknown field {match[1]!r}; known: {known}", column)
    bound = _number(match[3], name in COUNT_FIELDS, column + match.start(3))
    operator = match[2]

    def holds(facts: FilterFacts) -> bool:
        value = facts.numbers.get(name)
        return value is not None and _OPERATORS[operator](value, bound)

    return holds


_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "=": lambda a, b: a == b,
}


def _number(text: str, is_count: bool, column: int) -> float:
    match = _NUMBER.fullmatch(text.strip())
    scale = (_SCALES if is_count else _BYTE_SCALES).get(match[2].lower()) if match else None
    if match is None or scale is None:
        raise FilterError("a number is expected, like 10k or 1.5M", column)
    return float(match[1]) * scale

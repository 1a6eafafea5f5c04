"""Choosing among rows: filter, sort, limit. The same for every list command.

Pure; no I/O. The filter language is that of the UI.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heapscope.errors import UsageError
from heapscope.units import clean_text, short_type_name

Row = Mapping[str, Any]

_COMPARISON = re.compile(r"([A-Za-z_]+)(>=|<=|>|<|=)(\d+(?:\.\d+)?)([kKmMgGtT]?)(?:i?[bB])?")
_FIELD = re.compile(r"([A-Za-z_]+):(\S+)")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
MAX_EXPRESSION = 500  # typed by hand; longer can only be a paste by mistake


def choose_rows(rows: Sequence[Row], *, expression: str, sort: str, limit: int, text_key: str) -> list[Row]:
    """Filter, sort and cut rows. ``limit`` 0 keeps all; an empty ``sort`` keeps the order.

    Raises:
        UsageError: the filter or the column makes no sense.
    """
    chosen = filter_rows(rows, expression, text_key)
    if sort and rows:
        chosen = sort_rows(chosen, sort, tuple(rows[0]))
    return chosen[:limit] if limit > 0 else chosen


def filter_rows(rows: Sequence[Row], expression: str, text_key: str) -> list[Row]:
    """Keep the rows for which every word of the expression holds.

    Words: ``text``, ``!text``, ``/regex/``, ``column>10k``, ``column:text``. A column may be shortened while it stays clear.
    """
    if not expression.strip() or not rows:
        return list(rows)
    if len(expression) > MAX_EXPRESSION:
        raise UsageError(f"the filter is longer than {MAX_EXPRESSION} characters")
    keys = tuple(rows[0])
    tests = [_parse_word(word, keys, text_key) for word in re.findall(r"!?/(?:[^/\\]|\\.)*/|\S+", expression)]
    return [row for row in rows if all(test(row) for test in tests)]


def sort_rows(rows: Sequence[Row], sort: str, keys: tuple[str, ...]) -> list[Row]:
    """Sort by ``column``, ``column:asc`` or ``column:desc``; numbers fall and text rises unless said; None comes last."""
    name, _, direction = sort.partition(":")
    if direction not in ("", "asc", "desc"):
        raise UsageError(f"{clean_text(direction, 20)} is no direction", hint=f"--sort {clean_text(name, 40)}:asc")
    key = column_of(name, keys)
    known = [row for row in rows if row[key] is not None]
    numeric = all(isinstance(row[key], (int, float)) for row in known)
    falling = direction == "desc" or (direction == "" and numeric)
    value_of: Callable[[Row], Any] = (lambda row: row[key]) if numeric else (lambda row: str(row[key]).casefold())
    return sorted(known, key=value_of, reverse=falling) + [row for row in rows if row[key] is None]


def column_of(name: str, keys: tuple[str, ...]) -> str:
    """Return the column that a name means: exactly, or as the only beginning.

    Raises:
        UsageError: it means none, or several.
    """
    wanted = name.lower()
    if wanted in keys:
        return wanted
    found = [key for key in keys if wanted and key.startswith(wanted)]
    if len(found) != 1:
        problem = "could be " + ", ".join(found) if found else "is no column"
        raise UsageError(f"{clean_text(name, 40) or 'nothing'} {problem}", hint="columns: " + ", ".join(keys))
    return found[0]


def _parse_word(word: str, keys: tuple[str, ...], text_key: str) -> Callable[[Row], bool]:
    if word.startswith("!") and len(word) > 1:
        inner = _parse_word(word[1:], keys, text_key)
        return lambda row: not inner(row)
    if len(word) > 1 and word.startswith("/") and word.endswith("/"):
        return _regex(word[1:-1], text_key)
    comparison = _COMPARISON.fullmatch(word)
    if comparison:
        return _compare(comparison, keys)
    field = _FIELD.fullmatch(word)
    if field and field[1].lower() in keys:
        key, part = field[1].lower(), field[2].casefold()
        return lambda row: part in str(row[key]).casefold()
    part = word.casefold()
    return lambda row: part in str(row[text_key]).casefold()


def _regex(pattern: str, text_key: str) -> Callable[[Row], bool]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"bad regular expression in --filter: {error}") from error
    # People anchor patterns at what tables show them, which is short for builtins.
    return lambda row: any(compiled.search(name) for name in (str(row[text_key]), short_type_name(str(row[text_key]))))


def _compare(match: re.Match[str], keys: tuple[str, ...]) -> Callable[[Row], bool]:
    key = column_of(match[1], keys)
    base = 1024 if "bytes" in key else 1000
    bound = float(match[3]) * base ** _POWERS[match[4].lower()]
    operations: dict[str, Callable[[float], bool]] = {
        ">": lambda value: value > bound,
        "<": lambda value: value < bound,
        ">=": lambda value: value >= bound,
        "<=": lambda value: value <= bound,
        "=": lambda value: value == bound,
    }
    holds = operations[match[2]]
    return lambda row: isinstance(row[key], (int, float)) and holds(row[key])

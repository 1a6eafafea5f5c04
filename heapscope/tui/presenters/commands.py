"""Owns the command lines that show what is on the screen: they run as copied.

Pure; every word that comes from a target is quoted for the shell, and a part of a filter that commands do not know is left out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from heapscope.tui.tablemodel import TableModel

TYPES_COLUMNS = {
    "type": "type",
    "count": "count",
    "shallow": "shallow_bytes",
    "allocated": "allocated_bytes",
    "recursive": "recursive_bytes",
    "retained": "retained_bytes",
    "share": "share",
}
SLOTS_COLUMNS = {"type": "type", "saves": "saves_bytes"}
_FIELDS = {
    "count": "count",
    "shallow": "shallow_bytes",
    "size": "shallow_bytes",
    "rec": "recursive_bytes",
    "recursive": "recursive_bytes",
    "ret": "retained_bytes",
    "retained": "retained_bytes",
    "saves": "saves_bytes",
}
_WORD = re.compile(r"!?/(?:[^/\\]|\\.)*/|\S+")
_COMPARISON = re.compile(r"(!?)([a-z]+)([<>=]+.*)", re.IGNORECASE)


def command(name: str, source: str, *arguments: str) -> str:
    """Write a command line; a source that looks like an option is a file here."""
    word = f"./{source}" if source.startswith("-") else source
    return shlex.join(["heapscope", name, word, *arguments])


def table_arguments(model: TableModel[object] | None, columns: dict[str, str]) -> list[str]:
    """Write order and filter of a table as options."""
    if model is None:
        return []
    arguments = []
    column = columns.get(model.sort_key)
    if column is not None:
        arguments += ["--sort", f"{column}:{'desc' if model.descending else 'asc'}"]
    expression = filter_words(model.filter.expression, set(columns.values()))
    return [*arguments, "--filter", expression] if expression else arguments


def filter_words(expression: str, columns: set[str]) -> str:
    """Write a filter of the screen as one of the command line."""
    return " ".join(word for word in (_filter_word(word, columns) for word in _WORD.findall(expression)) if word)


def _filter_word(word: str, columns: set[str]) -> str:
    lowered = word.lower()
    if lowered.startswith("mod:"):
        return f"/^{re.escape(word[4:])}\\./"
    if lowered.startswith("slots:"):
        return f"verdict:{word[6:]}"
    found = _COMPARISON.fullmatch(word)
    if found is None:
        return word
    column = _FIELDS.get(found[2].lower(), "")
    return f"{found[1]}{column}{found[3]}" if column in columns else ""


def paths_arguments(type_name: str, address: int | None, excluded: Sequence[tuple[int, int]]) -> list[str]:
    """Write whose paths are shown, and without which references; all by address."""
    whose = ["--address", f"{address:#x}"] if address is not None else ["--type", type_name]
    without = [word for holder, held in excluded for word in ("--exclude", f"{holder:#x}:{held:#x}")]
    return [*whose, *without]

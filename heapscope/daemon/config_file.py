"""Reading the configuration file: TOML into the tables of config.py; every mistake is named with its place and a suggestion.

Never changes the file, and never half-accepts one.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import msgspec

from heapscope.daemon.config import Config
from heapscope.daemon.quantities import (
    Amount,
    ByteSize,
    Ratio,
    Seconds,
    parse_amount,
    parse_duration,
    parse_ratio,
    parse_size,
)
from heapscope.errors import UsageError
from heapscope.units import clean_text

MAX_CONFIG_BYTES = 1 << 20
_PARSERS = {Seconds: parse_duration, ByteSize: parse_size, Ratio: parse_ratio, Amount: parse_amount}
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_PLACE = re.compile(r"^(.*) - at `\$?\.?(.*)`$", re.DOTALL)


def load_config(path: str) -> Config:
    """Read a file.

    Raises:
        UsageError: it cannot be read, is no TOML, or says what is not understood; the message has file and place.
    """
    shown = clean_text(path, 500)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}", hint="heapscope daemon run --config FILE") from error
    if len(data) > MAX_CONFIG_BYTES:
        raise UsageError(f"{shown} is larger than any configuration")
    try:
        return parse_config(data.decode("utf-8"))
    except ValueError as error:
        raise UsageError(f"{shown}: {error}", hint="heapscope daemon check-config --config FILE") from error


def parse_config(text: str) -> Config:
    """Read the text of a file. Raises ValueError with the place."""
    tables = tomllib.loads(text)
    try:
        return msgspec.convert(tables, Config, dec_hook=_convert)
    except msgspec.ValidationError as error:
        raise ValueError(_explain(str(error))) from error


def _convert(kind: type, value: Any) -> object:  # noqa: ANN401 - msgspec's signature
    return _PARSERS[kind](value)


def _explain(message: str) -> str:
    """Say where, and what was perhaps meant."""
    placed = _PLACE.match(message)
    what, place = (placed[1], placed[2]) if placed else (message, "")
    unknown = _UNKNOWN.search(what)
    if unknown:
        close = difflib.get_close_matches(unknown[1], _keys_at(place), n=1, cutoff=0.5)
        what = f"there is no key {clean_text(unknown[1], 80)!r}" + (f": did you mean {close[0]!r}?" if close else "")
    return f"{place}: {what}" if place else what


def _keys_at(place: str) -> tuple[str, ...]:
    """Return the keys that a table may have, the table given as msgspec writes its place: ``target[0].rule[...]``."""
    kind: Any = Config
    for word in re.findall(r"[A-Za-z_]\w*", place):
        fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
        kind = fields.get(word, Config)
        while get_args(kind):
            kind = get_args(kind)[0]
    return tuple(field.name for field in msgspec.structs.fields(kind))


def example_config() -> str:
    """Return the text of the example that is installed with the package."""
    return (Path(__file__).parent / "example.toml").read_text(encoding="utf-8")

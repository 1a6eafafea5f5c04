"""Options that several commands share, defined once.

Never runs anything: decorators and small values only.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import click

from heapscope.cli.output import OutputOptions, check_output_path
from heapscope.service.collectors import CHOICES

Decorated = Callable[..., Any]
Option = Callable[[Decorated], Decorated]

DEFAULT_TABLE_LIMIT = 30  # one screen; machine formats get everything unless asked

_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([kmgt]?)(?:i?b)?", re.IGNORECASE | re.ASCII)

_NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
_DURATION = re.compile(rf"(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s?)?", re.ASCII)
MAX_DURATION_S = 30 * 86400.0


def parse_size(text: str) -> int:
    """Return the bytes of a size as units.format_bytes writes it: ``64M``, ``1.5G``; powers of 1024, a ``B`` behind it allowed.

    Raises:
        click.BadParameter: it is no size, or a size of nothing.
    """
    found = _SIZE.fullmatch(text)
    size = int(float(found[1]) * 1024 ** " kmgt".index(found[2].lower() or " ")) if found else 0
    if size <= 0:
        raise click.BadParameter(f"{text!r} is no size; write it like 64M or 1.5G")
    return size


def parse_duration(text: str) -> float:
    """Return the seconds of a duration: ``90s``, ``10m``, ``1h30m``, ``1.5h``, or a plain number of seconds.

    Raises:
        click.BadParameter: it is no duration, or one of nothing.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    parts = zip((86400, 3600, 60, 1), found.groups(), strict=True) if found and text.strip() else ()
    seconds = float(sum(factor * float(part) for factor, part in parts if part))
    if not 0 < seconds <= MAX_DURATION_S:
        raise click.BadParameter(f"{text!r} is no duration; write it like 90s, 10m or 1h30m")
    return seconds


INJECTORS = ("auto", "remote_exec", "ptrace", "pyrasite")

_CAPTURE = (
    click.option(
        "--via",
        type=click.Choice(INJECTORS),
        default="auto",
        show_default=True,
        help="The way into the target. pyrasite needs gdb and has no safe point.",
    ),
    click.option(
        "--collector",
        type=click.Choice(CHOICES),
        default="auto",
        show_default=True,
        help="What walks the frozen clone: the compiled walker, or the one in Python (ten times slower).",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(0, 86400, min_open=True),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="Give up a capture after this long.",
    ),
    click.option(
        "--ignore-head-room", is_flag=True, help="Capture although memory may run out (the clone dies first)."
    ),
    click.option(
        "--memory-budget",
        type=parse_size,
        metavar="SIZE",
        help="End the clone when it costs more memory, such as 64M. Default: half of what is available.",
    ),
)
_HEADER = click.option("--no-header", is_flag=True, help="Leave out the heading of a table or of CSV.")
_CHOICE = (
    click.option(
        "-n", "--limit", type=click.IntRange(min=0), metavar="N", help="At most N rows; 0 is all. Tables: 30."
    ),
    click.option("--sort", default="", metavar="COLUMN[:asc|desc]", help="Sort by a column."),
    click.option(
        "--filter", "expression", default="", metavar="EXPR", help="Words, !words, /regex/, column>10k, column:text."
    ),
)


@dataclasses.dataclass(frozen=True, slots=True)
class CaptureChoice:
    """What the capture options of a command say."""

    via: str = "auto"
    collector: str = "auto"
    timeout: float = 60.0
    ignore_head_room: bool = False
    memory_budget: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class OutputChoice:
    """What the output options of a command say."""

    format_: str = "table"
    output: str | None = None
    force: bool = False
    no_header: bool = False

    def check(self) -> None:
        """Make sure that the result can be written, before a target is touched; raises SnapshotFileError."""
        if self.output is not None:
            check_output_path(self.output, force=self.force)

    @property
    def options(self) -> OutputOptions:
        """The same as what the writers take."""
        return OutputOptions(format=self.format_, path=self.output, force=self.force, header=not self.no_header)


@dataclasses.dataclass(frozen=True, slots=True)
class RowChoice:
    """Which rows of a list to show."""

    limit: int | None = None
    sort: str = ""
    expression: str = ""

    def maximum(self, format_: str) -> int:
        """Return how many rows to show: 0 means all."""
        if self.limit is not None:
            return self.limit
        return DEFAULT_TABLE_LIMIT if format_ == "table" else 0


def _gathered(function: Callable[..., Any], name: str, kind: type) -> Callable[..., Any]:
    """Have click's options arrive as one argument ``name``."""
    fields = [field.name for field in dataclasses.fields(kind)]

    @functools.wraps(function)
    def call(*args: Any, **values: Any) -> Any:  # noqa: ANN401 - what click passes on
        chosen = {field: values.pop(field) for field in fields if field in values}
        return function(*args, **values, **{name: kind(**chosen)})

    return call


def capture_options(function: Decorated) -> Decorated:
    """Add the options of a capture; they arrive as ``capture``, a CaptureChoice."""
    return _apply(_gathered(function, "capture", CaptureChoice), _CAPTURE)


def format_option(formats: Sequence[str] = ("table", "json"), text: str = "How to write the result.") -> Option:
    """Make --format, for ``written_by``; the first format is the default, ``text`` the help."""
    choice = click.Choice(list(formats))
    return click.option("--format", "format_", type=choice, default=formats[0], show_default=True, help=text)


def file_options(text: str = "Write into a file instead of stdout.") -> tuple[Option, Option]:
    """Make -o and -f, for ``written_by``; ``text`` is the help of -o."""
    return (
        click.option("-o", "--output", type=click.Path(), metavar="FILE", help=text),
        click.option("-f", "--force", "--overwrite", is_flag=True, help="Overwrite that file."),
    )


def written_by(*options: Option) -> Option:
    """Add such options; all of a command's arrive as ``out``, an OutputChoice."""
    return lambda function: _apply(_gathered(function, "out", OutputChoice), options)


def output_options(function: Decorated) -> Decorated:
    """Add --format, also CSV, -o, -f and --no-header; they arrive as ``out``, an OutputChoice."""
    return written_by(format_option(("table", "json", "csv")), *file_options(), _HEADER)(function)


def choice_options(function: Decorated) -> Decorated:
    """Add -n, --sort and --filter; they arrive as ``choice``, a RowChoice."""
    return _apply(_gathered(function, "choice", RowChoice), _CHOICE)


def list_options(function: Decorated) -> Decorated:
    """Add the options of every command that lists rows of a source: ``choice``, ``out`` and ``capture``."""
    return choice_options(output_options(capture_options(function)))


def _apply(function: Decorated, options: Sequence[Option]) -> Decorated:
    for option in reversed(options):
        function = option(function)
    return function

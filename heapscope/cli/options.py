"""Options that several commands share, defined once.

Never runs anything: decorators and small values only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from heapscope.cli.output import OutputOptions

Decorated = Callable[..., Any]

DEFAULT_TABLE_LIMIT = 30  # one screen; machine formats get everything unless asked

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
)
_OUTPUT = (
    click.option(
        "--format",
        "format_",
        type=click.Choice(["table", "json", "csv"]),
        default="table",
        show_default=True,
        help="How to write the result.",
    ),
    click.option("-o", "--output", type=click.Path(), metavar="FILE", help="Write into a file instead of stdout."),
    click.option("-f", "--force", "--overwrite", is_flag=True, help="Overwrite that file."),
    click.option("--no-header", is_flag=True, help="Leave out the heading of a table or of CSV."),
)
_CHOICE = (
    click.option(
        "-n", "--limit", type=click.IntRange(min=0), metavar="N", help="At most N rows; 0 is all. Tables: 30."
    ),
    click.option("--sort", default="", metavar="COLUMN[:asc|desc]", help="Sort by a column."),
    click.option(
        "--filter", "expression", default="", metavar="EXPR", help="Words, !words, /regex/, column>10k, column:text."
    ),
)


def capture_options(function: Decorated) -> Decorated:
    """Add --via, --timeout and --ignore-head-room."""
    return _apply(function, _CAPTURE)


def output_options(function: Decorated) -> Decorated:
    """Add --format, -o, -f and --no-header."""
    return _apply(function, _OUTPUT)


def choice_options(function: Decorated) -> Decorated:
    """Add -n, --sort and --filter."""
    return _apply(function, _CHOICE)


def row_limit(limit: int | None, format_: str) -> int:
    """Return the limit to apply: 0 means all."""
    if limit is not None:
        return limit
    return DEFAULT_TABLE_LIMIT if format_ == "table" else 0


def output_of(format_: str, output: str | None, *, force: bool, no_header: bool) -> OutputOptions:
    """Collect the output options."""
    return OutputOptions(format=format_, path=output, force=force, header=not no_header)


def _apply(function: Decorated, options: tuple[Callable[[Decorated], Decorated], ...]) -> Decorated:
    for option in reversed(options):
        function = option(function)
    return function

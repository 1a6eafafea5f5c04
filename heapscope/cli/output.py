"""The one writer to stdout: rows and objects as table, JSON or CSV, to the terminal or into a file.

Never shows foreign text uncleaned, and never overwrites a file unasked.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

import click
from rich.cells import cell_len

from heapscope.cli.table import Column, place_columns, table_line
from heapscope.cli.talk import Talk
from heapscope.errors import SnapshotFileError
from heapscope.units import clean_text

MAX_CELL = 400
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How a command was asked to write its result."""

    format: str = "table"
    path: str | None = None
    force: bool = False
    header: bool = True


def check_output_path(path: str, *, force: bool) -> None:
    """Make sure that a file can be written there, before the target is touched.

    Raises:
        SnapshotFileError: the file exists, or the folder does not take files.
    """
    shown = clean_text(path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = 0
    except (OSError, ValueError) as error:
        raise _cannot_write(shown, error) from error
    if mode and stat.S_ISDIR(mode):
        raise SnapshotFileError(f"cannot write {shown}: it is a folder", hint="name a file with -o")
    if mode and not force:
        raise SnapshotFileError(f"{shown} exists already", hint="another name, or --force to overwrite it")
    try:
        # Permission bits do not tell of read-only file systems, quotas and full disks; a file does.
        with tempfile.TemporaryFile(dir=os.path.dirname(path) or ".") as probe:
            probe.write(b"\0")
    except OSError as error:
        raise _cannot_write(shown, error) from error


def write_rows(rows: Sequence[Row], columns: Sequence[Column], options: OutputOptions, talk: Talk) -> None:
    """Write a list of rows as one table, one JSON array, or CSV lines."""
    if options.format == "json":
        text = json.dumps([dict(row) for row in rows], indent=1) + "\n"
    elif options.format == "csv":
        text = format_csv(rows, columns, header=options.header)
    else:
        text = format_table(rows, columns, options, talk)
    write_text(text, options)


def write_object(value: Mapping[str, object], text: str, options: OutputOptions) -> None:
    """Write one object as JSON, or the text that says the same to people."""
    write_text(json.dumps(dict(value), indent=1) + "\n" if options.format == "json" else text, options)


def write_text(text: str, options: OutputOptions) -> None:
    """Write the result to stdout, or at once into the file."""
    write_bytes(text.encode("utf-8", "backslashreplace"), options)


def write_bytes(data: bytes, options: OutputOptions) -> None:
    """Write what is no text of ours, such as lines of source files, in the same places."""
    if options.path is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    check_output_path(options.path, force=options.force)
    _replace_file(options.path, data)


def format_csv(rows: Sequence[Row], columns: Sequence[Column], *, header: bool) -> str:
    """Write CSV with all keys of the rows: those of the columns first. Nothing in it can start a spreadsheet formula."""
    import csv  # noqa: PLC0415 - only for this format

    keys = [column.key for column in columns]
    keys += [key for key in (rows[0] if rows else {}) if key not in keys]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(keys)
    for row in rows:
        writer.writerow([_csv_cell(row.get(key)) for key in keys])
    return out.getvalue()


def _csv_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        text = clean_text(value, MAX_CELL)
    elif isinstance(value, (list, tuple)):
        text = clean_text("; ".join(str(item) for item in value), 10 * MAX_CELL)
    else:
        text = clean_text(json.dumps(value), 10 * MAX_CELL)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def format_table(rows: Sequence[Row], columns: Sequence[Column], options: OutputOptions, talk: Talk) -> str:
    """Lay out a table for people: as wide as the terminal, or as its content when nobody looks."""
    width = None
    if options.path is None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
    titles = [column.title for column in columns]
    lines = [[clean_text(column.show(row.get(column.key)), MAX_CELL) for column in columns] for row in rows]
    shown = [titles, *lines] if options.header else lines
    naturals = [max((cell_len(line[index]) for line in shown), default=0) for index in range(len(columns))]
    placed = place_columns(columns, naturals, width)
    written = [table_line(columns, placed, line) for line in shown]
    if options.header and options.path is None and talk.use_color():
        written[0] = click.style(written[0], bold=True)
    return "".join(line + "\n" for line in written)


@dataclass(frozen=True, slots=True)
class Output:
    """Where a result goes part by part. ``path`` is the file that it goes into for now, None for stdout."""

    write: Callable[[bytes], object]
    path: str | None
    size: Callable[[], int]


@contextlib.contextmanager
def open_output(path: str | None, *, force: bool) -> Iterator[Output]:
    """Open stdout, or a file, readable by its owner only, that takes its name when all is written: whole or not at all."""
    if path is None:
        sys.stdout.flush()
        yield Output(sys.stdout.buffer.write, None, lambda: 0)
        sys.stdout.buffer.flush()
        return
    check_output_path(path, force=force)
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".heapscope-", dir=os.path.dirname(path) or ".")
        with os.fdopen(descriptor, "wb") as file:
            yield Output(file.write, temporary, lambda: _size_of(file, temporary))
            file.flush()
            os.fsync(file.fileno())
        check_output_path(path, force=force)
        os.replace(temporary, path)
    except OSError as error:
        raise _cannot_write(clean_text(path), error) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _size_of(file: IO[bytes], path: str) -> int:
    file.flush()
    return os.path.getsize(path)


def _replace_file(path: str, data: bytes) -> None:
    with open_output(path, force=True) as output:
        output.write(data)


def _cannot_write(shown: str, error: Exception) -> SnapshotFileError:
    reason = error.strerror if isinstance(error, OSError) else "not a usable file name"
    return SnapshotFileError(f"cannot write {shown}: {reason}", hint="name another file with -o")

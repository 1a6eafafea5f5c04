"""The one flow of every command that lists rows of a snapshot: open, compute, choose, write.

Never knows what the rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from heapscope.cli.capturing import capture_options_of, open_with_progress
from heapscope.cli.options import CaptureChoice, OutputChoice, RowChoice
from heapscope.cli.output import check_output_path, write_rows
from heapscope.cli.rows import Row, choose_rows
from heapscope.cli.table import Column
from heapscope.cli.talk import Talk

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.snapshot.model import Snapshot


def list_source(
    source: str,
    make_rows: Callable[[Snapshot], Sequence[Row]],
    columns: tuple[Column, ...],
    *,
    noun: str,
    capture: CaptureChoice,
    choice: RowChoice,
    out: OutputChoice,
    talk: Talk,
    show_row: Callable[[Row], Row] | None = None,
) -> Sequence[Row]:
    """Write the rows of a pid or a file, and give them all; ``noun`` says what they are, in the plural. The first column is the text searched.

    ``show_row`` turns a chosen row into what a table shows; machine formats get the row itself.
    """
    if out.output is not None:
        check_output_path(out.output, force=out.force)
    snapshot = open_with_progress(source, capture_options_of(capture), talk)
    rows = make_rows(snapshot)
    write_chosen(rows, columns, noun=noun, choice=choice, out=out, talk=talk, show_row=show_row)
    return rows


def write_chosen(
    rows: Sequence[Row],
    columns: tuple[Column, ...],
    *,
    noun: str,
    choice: RowChoice,
    out: OutputChoice,
    talk: Talk,
    show_row: Callable[[Row], Row] | None = None,
) -> None:
    """Write those of the rows that were asked for."""
    maximum = choice.maximum(out.format_)
    chosen = choose_rows(rows, expression=choice.expression, sort=choice.sort, limit=maximum, text_key=columns[0].key)
    shown = [show_row(row) for row in chosen] if show_row is not None and out.format_ == "table" else chosen
    write_rows(shown, columns, out.options, talk)
    if len(chosen) < len(rows):
        talk.say(f"{len(chosen)} of {len(rows)} {noun}; -n 0 shows all")

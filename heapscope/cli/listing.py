"""The one flow of every command that lists rows of a snapshot: open, compute, choose, write.

Never knows what the rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from heapscope.cli.capturing import open_checked
from heapscope.cli.options import CaptureChoice, OutputChoice, RowChoice
from heapscope.cli.output import write_rows, write_text
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
    snapshot = open_checked(source, capture, out, talk)
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
    as_table: Callable[[Sequence[Row]], str] | None = None,
) -> None:
    """Write those of the rows that were asked for. ``as_table`` writes what is more than a table."""
    chosen = chosen_of(rows, choice, out, text_key=columns[0].key)
    if as_table is not None and out.format_ == "table":
        write_text(as_table(chosen), out.options)
    else:
        shown = [show_row(row) for row in chosen] if show_row is not None and out.format_ == "table" else chosen
        write_rows(shown, columns, out.options, talk)
    if len(chosen) < len(rows):
        talk.say(f"{len(chosen)} of {len(rows)} {noun}; -n 0 shows all")


def chosen_of(rows: Sequence[Row], choice: RowChoice, out: OutputChoice, *, text_key: str) -> list[Row]:
    """Give those of the rows that were asked for, as many as the format shows. ``text_key`` is what bare words of a filter search."""
    limit = choice.maximum(out.format_)
    return choose_rows(rows, expression=choice.expression, sort=choice.sort, limit=limit, text_key=text_key)

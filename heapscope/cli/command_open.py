"""``heapscope open``: the terminal UI on a snapshot file; where nobody sits at a terminal, one screen of text.

Never captures anything.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from heapscope.cli.output import OutputOptions, write_text
from heapscope.cli.summary import has_terminal, summary_text
from heapscope.cli.talk import Talk
from heapscope.errors import ExitCode, SnapshotFileError
from heapscope.units import clean_text

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.snapshot.model import Snapshot


@click.command("open", short_help="Open the terminal UI on a snapshot file.")
@click.argument("file", type=click.Path())
@click.option("--headless", is_flag=True, help="Write one screen of text instead; so also without a terminal.")
@click.pass_obj
def command(talk: Talk, *, file: str, headless: bool) -> int:
    """Open the terminal UI on a snapshot file."""
    if file.startswith("snap:") and not os.path.exists(file):
        from heapscope.cli.capturing import capture_options_of, open_with_progress  # noqa: PLC0415 - only for the daemon's
        from heapscope.cli.options import CaptureChoice  # noqa: PLC0415 - as above

        snapshot = open_with_progress(file, capture_options_of(CaptureChoice()), talk)
        return _show(snapshot, file, talk, headless=headless)
    if not os.path.exists(file):
        hint = "heapscope attach PID, for a running process" if file.isdigit() else "heapscope snapshot PID -o FILE"
        raise SnapshotFileError(f"there is no file {clean_text(file)}", hint=hint)
    from heapscope.snapshot.file import load_snapshot  # noqa: PLC0415 - numpy, 100 ms

    return _show(load_snapshot(file), file, talk, headless=headless)


def _show(snapshot: Snapshot, file: str, talk: Talk, *, headless: bool) -> int:
    if headless or not has_terminal():
        write_text(summary_text(snapshot, talk, path=file), OutputOptions())
        return ExitCode.OK
    from heapscope.tui.app import run_open  # noqa: PLC0415 - Textual, 300 ms

    return run_open(snapshot, file, ascii_only=talk.ascii_only)

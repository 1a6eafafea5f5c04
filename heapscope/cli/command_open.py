"""``heapscope open``: the terminal UI on snapshot files; where nobody sits at a terminal, one screen of text.

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


@click.command("open", short_help="Open the terminal UI on snapshot files.")
@click.argument("files", metavar="FILE [MORE...]", type=click.Path(), nargs=-1, required=True)
@click.option("--headless", is_flag=True, help="Write one screen of text instead; so also without a terminal.")
@click.pass_obj
def command(talk: Talk, *, files: tuple[str, ...], headless: bool) -> int:
    """Open the terminal UI on a snapshot file.

    Of several, in any order, the newest is shown, and compared with the oldest.
    """
    opened = sorted(((_load(file, talk), file) for file in files), key=lambda pair: pair[0].meta.captured_at)
    (*earlier, (snapshot, file)) = opened
    if headless or not has_terminal():
        baseline = earlier[0][0] if earlier else None
        write_text(summary_text(snapshot, talk, path=file, baseline=baseline), OutputOptions())
        return ExitCode.OK
    from heapscope.tui.app import run_open  # noqa: PLC0415 - Textual, 300 ms

    return run_open(snapshot, file, earlier=earlier, ascii_only=talk.ascii_only)


def _load(file: str, talk: Talk) -> Snapshot:
    if file.startswith("snap:") and not os.path.exists(file):
        from heapscope.cli.capturing import capture_options_of, open_with_progress  # noqa: PLC0415 - only for the daemon's
        from heapscope.cli.options import CaptureChoice  # noqa: PLC0415 - as above

        return open_with_progress(file, capture_options_of(CaptureChoice()), talk)
    if not os.path.exists(file):
        hint = "heapscope attach PID, for a running process" if file.isdigit() else "heapscope snapshot PID -o FILE"
        raise SnapshotFileError(f"there is no file {clean_text(file)}", hint=hint)
    from heapscope.snapshot.file import load_snapshot  # noqa: PLC0415 - numpy, 100 ms

    return load_snapshot(file)

"""``heapscope attach``: the terminal UI on a running process; where nobody sits at a terminal, one screen of text.

Never starts anything but the demo service, and ends that again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from heapscope.cli.capturing import capture_options_of, open_with_progress
from heapscope.cli.options import CaptureChoice, capture_options
from heapscope.cli.output import OutputOptions, write_text
from heapscope.cli.summary import has_terminal, summary_text
from heapscope.cli.talk import Talk
from heapscope.errors import ExitCode, UsageError

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.service.capture import CaptureOptions
    from heapscope.snapshot.model import Snapshot


_DEFAULT_CAPTURE = CaptureChoice()


@click.command("attach", short_help="Open the terminal UI on a running process.")
@click.argument("pid", required=False)
@click.option("--demo", is_flag=True, help="Start a demo service, attach to it, and end it afterwards.")
@click.option("--demo-python", metavar="PATH", help="The interpreter that runs the demo service; implies --demo.")
@click.option("--baseline", metavar="SOURCE", help="Show changes against a snapshot file or another pid.")
@click.option("--headless", is_flag=True, help="Write one screen of text instead; so also without a terminal.")
@capture_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    pid: str | None = None,
    demo: bool = False,
    demo_python: str | None = None,
    baseline: str | None = None,
    headless: bool = False,
    capture: CaptureChoice = _DEFAULT_CAPTURE,
) -> int:
    """Open the terminal UI on PID, or on @NAME, which the daemon captures; without PID, choose one first.

    When stdin or stdout is no terminal, write one screen of text: figures, largest types, best candidates for slots.
    """
    demo = demo or demo_python is not None
    if demo and pid is not None:
        raise UsageError("either a pid or --demo, not both")
    text_only = headless or not has_terminal()
    if text_only and pid is None and not demo:
        raise UsageError("there is no terminal to choose a process in", hint="heapscope ps, then heapscope attach PID")
    if pid is not None and pid.startswith(("@", "snap:")):
        return _show_daemon(pid, capture_options_of(capture), baseline, talk, text_only=text_only)
    number = None
    if pid is not None:
        from heapscope.service.sources import parse_pid  # noqa: PLC0415 - only when a capture follows

        number = parse_pid(pid)
    options = capture_options_of(capture)
    base = open_with_progress(baseline, options, talk) if baseline is not None else None
    if not demo:
        return _show(number, options, base, talk, text_only=text_only)
    from heapscope.cli.demo_process import demo_running  # noqa: PLC0415 - subprocess, 10 ms

    talk.say("starting the demo service")
    with demo_running(demo_python) as demo_pid:
        return _show(demo_pid, options, base, talk, text_only=text_only)


def _show_daemon(source: str, options: CaptureOptions, baseline: str | None, talk: Talk, *, text_only: bool) -> int:
    """Attach through the daemon, which may do what this user may not."""
    from heapscope.service.daemon_source import find_watched  # noqa: PLC0415 - HTTP, 20 ms

    is_record = source.startswith("snap:")
    watched = None if is_record or text_only else find_watched(source)
    base = open_with_progress(baseline, options, talk) if baseline is not None else None
    if watched is None:
        snapshot = open_with_progress(source, options, talk)
        if text_only:
            write_text(summary_text(snapshot, talk, baseline=base), OutputOptions())
            return ExitCode.OK
        from heapscope.tui.app import run_open  # noqa: PLC0415 - Textual, 300 ms

        return run_open(snapshot, source, base, ascii_only=talk.ascii_only)
    from heapscope.tui.app import run_attach  # noqa: PLC0415 - Textual, 300 ms
    from heapscope.tui.daemon_engine import DaemonEngine  # noqa: PLC0415 - as above

    return run_attach(watched.pid, options, base, ascii_only=talk.ascii_only, engine=DaemonEngine(watched))


def _show(pid: int | None, options: CaptureOptions, base: Snapshot | None, talk: Talk, *, text_only: bool) -> int:
    if text_only:
        assert pid is not None  # checked before: there is no chooser without a terminal
        snapshot = open_with_progress(str(pid), options, talk)
        write_text(summary_text(snapshot, talk, baseline=base), OutputOptions())
        return ExitCode.OK
    if pid is not None:
        from heapscope.target.discovery import target_of  # noqa: PLC0415 - psutil, 15 ms
        from heapscope.target.obstacles import HEAD_ROOM_CODES  # noqa: PLC0415 - next to it

        # An obstacle is said before the screen changes, where it stays readable and sets the exit code.
        target_of(pid, ignore=HEAD_ROOM_CODES if options.ignore_head_room else frozenset())
    from heapscope.tui.app import run_attach  # noqa: PLC0415 - Textual, 300 ms

    return run_attach(pid, options, base, ascii_only=talk.ascii_only)

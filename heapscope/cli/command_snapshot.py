"""``heapscope snapshot``: capture a process into a file.

Never touches the target before it is sure that the file can be written.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.capturing import capture_options_of, open_with_progress, save_with_progress
from heapscope.cli.options import CaptureChoice, OutputChoice, capture_options, file_options, format_option, written_by
from heapscope.cli.output import OutputOptions, check_output_path, write_object
from heapscope.cli.talk import Talk
from heapscope.units import clean_text, format_bytes, format_count, format_duration_ns

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.snapshot.model import Snapshot


@click.command("snapshot", short_help="Capture a process into a snapshot file.")
@click.argument("pid")
@written_by(
    *file_options("Where to; else NAME-PID-TIME.heapscope here."), format_option(text="How to write the summary.")
)
@capture_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    pid: str,
    out: OutputChoice,
    capture: CaptureChoice,
) -> None:
    """Capture the heap of PID into a snapshot file; the summary goes to stdout."""
    from heapscope.service.sources import parse_pid  # noqa: PLC0415 - only when the command runs

    number = parse_pid(pid)
    path = out.output if out.output is not None else default_path(number)
    check_output_path(path, force=out.force)
    options = capture_options_of(capture)
    snapshot = open_with_progress(str(number), options, talk)
    save_with_progress(snapshot, path, talk, overwrite=out.force)
    write_object(summary_of(snapshot, path), summary_line(snapshot, path) + "\n", OutputOptions(format=out.format_))


def default_path(pid: int) -> str:
    """Name a file after the process and the time."""
    from heapscope.target.process import read_process  # noqa: PLC0415 - only without -o

    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", read_process(pid).name).strip("._") or "python"
    return f"{name}-{pid}-{time.strftime('%Y%m%d-%H%M%S')}.heapscope"


def summary_of(snapshot: Snapshot, path: str | None) -> dict[str, Any]:
    """Return the summary; its keys are a contract (docs/cli.md)."""
    meta = snapshot.meta
    return {
        "objects": snapshot.object_count,
        "references": snapshot.reference_count,
        "heap_bytes": int(snapshot.heap_bytes),
        "allocated_bytes": int(snapshot.allocated_bytes),
        "pause_ns": meta.pause_ns,
        "capture_ns": meta.capture_ns,
        "collector": meta.collector,
        "injector": meta.injector,
        "python_version": meta.python_version,
        "rss_before_bytes": meta.rss_before_bytes,
        "rss_after_bytes": meta.rss_after_bytes,
        "path": os.path.abspath(path) if path is not None else None,
        "pid": meta.pid,
        "command": clean_text(meta.command, 1000),
        "captured_at": meta.captured_at,
        "process_start_time": meta.process_start_time,
        "host_name": clean_text(meta.host_name),
        "coverage": meta.coverage,
        "warnings": list(meta.warnings),
        "heapscope_version": meta.heapscope_version,
    }


def summary_line(snapshot: Snapshot, path: str | None) -> str:
    """Say in one line what was captured."""
    meta = snapshot.meta
    where = f" -> {clean_text(path, 500)}" if path is not None else ""
    return (
        f"pid {meta.pid}, CPython {clean_text(meta.python_version, 40)}: {format_count(snapshot.object_count)} objects,"
        f" {format_bytes(int(snapshot.heap_bytes))}, {format_count(snapshot.reference_count)} references;"
        f" paused {format_duration_ns(meta.pause_ns)}, captured in {format_duration_ns(meta.capture_ns)}"
        f" ({clean_text(meta.collector, 40)}, {clean_text(meta.injector, 40)}){where}"
    )

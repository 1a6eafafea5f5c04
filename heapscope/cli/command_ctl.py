"""``heapscope ctl``: asks the daemon at its control socket.

Never touches a process or the daemon's files itself; what may be done, the daemon decides.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.ctl_columns import EVENTS, RECORDS, TARGETS, event_line, outcome_line, status_text, target_rows
from heapscope.cli.options import OutputChoice, format_option, output_options
from heapscope.cli.output import OutputOptions, check_output_path, open_output, write_object, write_rows
from heapscope.cli.talk import Talk
from heapscope.units import clean_text, format_bytes

if TYPE_CHECKING:  # 20 ms
    from heapscope.service.daemon_client import DaemonClient

_FORMAT = format_option()


@click.group("ctl", short_help="Ask the daemon.")
@click.option("--socket", "path", type=click.Path(), metavar="PATH", help="Where it listens. [HEAPSCOPE_SOCKET]")
@click.pass_context
def command(context: click.Context, *, path: str | None) -> None:
    """Ask the daemon: what it watches, what it keeps, what happened; have it capture.

    Users see their own processes and what was captured of them; root, and the daemon's own user, see everything.
    """
    talk: Talk = context.obj
    context.obj = (talk, path)


def _with_client(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a subcommand the writer to stderr, and a client."""

    @click.pass_obj
    def call(given: tuple[Talk, str | None], /, **values: Any) -> Any:  # noqa: ANN401 - what click passes on
        from heapscope.service.daemon_client import DaemonClient  # noqa: PLC0415 - HTTP, 20 ms

        return function(given[0], DaemonClient(given[1]), **values)

    call.__doc__ = function.__doc__
    return call


@command.command("status")
@_FORMAT
@_with_client
def status(_talk: Talk, client: DaemonClient, *, format_: str) -> None:
    """Say where the daemon stands."""
    found = client.get("/v1/status")
    write_object(found, status_text(found), OutputOptions(format=format_))


@command.command("targets")
@output_options
@_with_client
def targets(talk: Talk, client: DaemonClient, *, out: OutputChoice) -> None:
    """List the processes that are watched, and where each stands."""
    found = client.get("/v1/targets")
    rows = found if out.format_ == "json" else target_rows(found)
    write_rows(rows, TARGETS, out.options, talk)


@command.command("list")
@click.option("--target", metavar="NAME", help="Of this target only.")
@click.option("--slot", type=click.IntRange(min=0), metavar="N", help="Of this instance only.")
@click.option("--kind", type=click.Choice(["snapshot", "census"]), help="Snapshots, or counts per type, only.")
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), metavar="N", help="At most N, the newest.")
@output_options
@_with_client
def list_records(
    talk: Talk,
    client: DaemonClient,
    *,
    target: str | None,
    slot: int | None,
    kind: str | None,
    limit: int | None,
    out: OutputChoice,
) -> None:
    """List what the daemon keeps, newest first. ``heapscope open snap:ID`` opens one."""
    rows = client.get("/v1/snapshots", target=target, slot=slot, kind=kind, limit=limit)
    write_rows(rows, RECORDS, out.options, talk)


@command.command("snapshot")
@click.argument("target")
@click.option("--slot", type=click.IntRange(min=0), metavar="N", help="This instance, instead of the largest.")
@_FORMAT
@_with_client
def snapshot(_talk: Talk, client: DaemonClient, *, target: str, slot: int | None, format_: str) -> None:
    """Have a process of TARGET, a name or a pid, captured now, and kept."""
    word = target.removeprefix("@")
    # A target may be called 1234 as well; a number is a pid everywhere.
    record = client.capture(pid=int(word), slot=slot) if _is_pid(word) else client.capture(target=word, slot=slot)
    write_object(record, outcome_line(record) + "\n", OutputOptions(format=format_))


@command.command("get")
@click.argument("record")
@click.option("-o", "--output", type=click.Path(), metavar="FILE", help="Where to; else ID.heapscope here.")
@click.option("-f", "--force", "--overwrite", is_flag=True, help="Overwrite that file.")
@_FORMAT
@_with_client
def get(_talk: Talk, client: DaemonClient, *, record: str, output: str | None, force: bool, format_: str) -> None:
    """Copy the snapshot RECORD, an id or the beginning of one, into a file; and say what is known of it."""
    from heapscope.service.daemon_client import record_path  # noqa: PLC0415 - HTTP, 20 ms

    found = client.get(record_path(record))
    path = output if output is not None else f"{_file_name(str(found['id']))}.heapscope"
    check_output_path(path, force=force)
    with open_output(path, force=force) as out:
        client.download(str(found["id"]), _Writer(out.write))  # type: ignore[arg-type]
        size = out.size()
    facts = {**found, "path": os.path.abspath(path)}
    text = f"{found['id']} -> {clean_text(path, 500)} ({format_bytes(size)})\n"
    write_object(facts, text, OutputOptions(format=format_))


@command.command("pin")
@click.argument("record")
@click.option("--off", is_flag=True, help="Unpin it.")
@click.option("--note", default="", metavar="TEXT", help="Why it is kept.")
@_FORMAT
@_with_client
def pin(_talk: Talk, client: DaemonClient, *, record: str, off: bool, note: str, format_: str) -> None:
    """Keep RECORD until it is unpinned, whatever retention says."""
    from heapscope.service.daemon_client import record_path  # noqa: PLC0415 - HTTP, 20 ms

    found = client.post(record_path(record, "/pin"), {"pinned": not off, "note": note})
    write_object(found, f"{found['id']} is {'pinned' if found['pinned'] else 'not pinned'}\n", OutputOptions(format_))


@command.command("rm")
@click.argument("record")
@_FORMAT
@_with_client
def remove(_talk: Talk, client: DaemonClient, *, record: str, format_: str) -> None:
    """Remove RECORD, pinned or not."""
    from heapscope.service.daemon_client import record_path  # noqa: PLC0415 - HTTP, 20 ms

    found = client.delete(record_path(record))
    write_object(found, f"{found['id']} is removed\n", OutputOptions(format=format_))


@command.command("reload")
@_FORMAT
@_with_client
def reload(talk: Talk, client: DaemonClient, *, format_: str) -> int:
    """Have the configuration read again; a bad one changes nothing (exit code 2)."""
    found = client.post("/v1/reload")
    names = ", ".join(map(str, found["targets"])) or "none"
    write_object(found, "" if found["error"] else f"targets: {names}\n", OutputOptions(format=format_))
    if found["error"]:
        talk.error(f"the old configuration stays: {found['error']}", "heapscope daemon check-config")
    return 2 if found["error"] else 0


@command.command("events")
@click.option("-f", "--follow", is_flag=True, help="Go on as they come; with --format json one object a line.")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="N", help="From behind this sequence number.")
@format_option(("table", "json", "csv"))
@_with_client
def events(talk: Talk, client: DaemonClient, *, follow: bool, after: int, format_: str) -> None:
    """List what happened: captures, rules that fired, requests, processes that came and went."""
    if not follow:
        write_rows(client.get("/v1/events", after=after), EVENTS, OutputOptions(format=format_), talk)
        return
    for event in client.lines("/v1/events", after=after, follow=1):
        sys.stdout.write((json.dumps(event) if format_ == "json" else event_line(event, time.localtime)) + "\n")
        sys.stdout.flush()


class _Writer:
    """A file, as far as a download needs one."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write


def _is_pid(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 10


def _file_name(text: str) -> str:
    """The daemon's word becomes a name in this folder, and nothing else."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "_" for char in text)[:100]

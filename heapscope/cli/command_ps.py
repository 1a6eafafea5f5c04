"""``heapscope ps``: the running CPython processes.

Never attaches to any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.options import OutputChoice, RowChoice, choice_options, output_options
from heapscope.cli.output import write_rows
from heapscope.cli.rows import choose_rows
from heapscope.cli.table import Column
from heapscope.cli.talk import Talk
from heapscope.units import clean_text, format_bytes

if TYPE_CHECKING:  # psutil costs 15 ms
    from heapscope.target.info import TargetInfo


@click.command("ps", short_help="List the running CPython processes.")
@click.option("--all", "all_", is_flag=True, help="Every process, also those that do not run CPython.")
@click.option("--uss/--no-uss", default=None, help="Measure USS always, or never; else where RSS is below 256M.")
@choice_options
@output_options
@click.pass_obj
def command(
    talk: Talk,
    *,
    all_: bool,
    uss: bool | None,
    choice: RowChoice,
    out: OutputChoice,
) -> None:
    """List the running CPython processes, largest first, and whether a capture of each can work."""
    from heapscope.target.discovery import list_targets  # noqa: PLC0415 - psutil, 15 ms

    out.check()
    rows = [row_of(target) for target in list_targets(everything=all_, uss=uss)]
    chosen = choose_rows(
        rows, expression=choice.expression, sort=choice.sort, limit=choice.limit or 0, text_key="command"
    )
    write_rows(chosen, COLUMNS, out.options, talk)
    if not rows:
        talk.say("no Python process found; heapscope attach --demo starts one to try it on")
    elif len(chosen) < len(rows):
        talk.say(f"{len(chosen)} of {len(rows)} processes")


def row_of(target: TargetInfo) -> dict[str, Any]:
    """Return the row of one process; its keys are part of the JSON contract (docs/cli.md)."""
    obstacle = target.obstacle
    return {
        "pid": target.pid,
        "python_version": target.python_version,
        "implementation": target.implementation,
        "free_threaded": target.free_threaded,
        "debug_build": target.debug_build,
        "embedded": target.is_embedded,
        "user": clean_text(target.user),
        "uid": target.uid,
        "rss_bytes": target.rss_bytes,
        "uss_bytes": target.uss_bytes,
        "threads": target.thread_count,
        "age_s": round(target.age_s, 3),
        "start_time": target.start_time,
        "start_ticks": target.start_ticks,
        "state": target.state,
        "container": target.container,
        "pid_namespace_differs": target.pid_namespace_differs,
        "mount_namespace_differs": target.mount_namespace_differs,
        "virtual_env": clean_text(target.virtual_env) if target.virtual_env else None,
        "runtime_path": clean_text(target.runtime_path, 1000),
        "name": clean_text(target.name),
        "command": shown_command(target.command),
        "attachable": obstacle is None,
        "obstacle": obstacle.code if obstacle else None,
        "why_not": obstacle.message if obstacle else None,
        "hint": obstacle.hint if obstacle else None,
    }


def shown_command(command_line: str) -> str:
    """Clean a command line; its beginning tells more than its end."""
    return clean_text(command_line[:2000], 10_000)


def format_age(seconds: object) -> str:
    """Write an age in its largest unit: ``12s``, ``5m``, ``3h``, ``2d``."""
    value = float(seconds) if isinstance(seconds, (int, float)) else 0.0
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if value >= size:
            return f"{int(value // size)}{unit}"
    return f"{int(value)}s"


def _bytes(value: object) -> str:
    return format_bytes(value) if isinstance(value, int) else "-"


def _text(value: object) -> str:
    return "-" if value in (None, "") else str(value)


COLUMNS = (
    Column("pid", "PID", is_number=True),
    Column("python_version", "PYTHON", _text),
    Column("user", "USER"),
    Column("rss_bytes", "RSS", _bytes, is_number=True),
    Column("uss_bytes", "USS", _bytes, is_number=True, rank=3),
    Column("threads", "THR", is_number=True, rank=2),
    Column("age_s", "AGE", format_age, is_number=True, rank=1),
    Column("container", "CONTAINER", _text, rank=4),
    Column("obstacle", "ATTACH", lambda value: "yes" if value is None else f"no: {value}"),
    Column("command", "COMMAND", lambda value: str(value)[:300], min_width=20),
)

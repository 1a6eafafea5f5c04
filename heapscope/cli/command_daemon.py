"""``heapscope daemon``: run it, and check its configuration.

Never loads the daemon's packages before they are known to be installed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from heapscope.cli.options import format_option
from heapscope.cli.output import OutputOptions, write_object, write_text
from heapscope.cli.talk import Talk
from heapscope.errors import ExitCode, MissingExtra
from heapscope.units import clean_text, format_bytes

if TYPE_CHECKING:
    from heapscope.daemon.checking import CheckedProcess, CheckedTarget
    from heapscope.daemon.config import Config

DEFAULT_CONFIG = "/etc/heapscope/heapscope.toml"
NEEDED = ("msgspec", "prometheus_client", "starlette", "uvicorn")


def need_daemon_extra() -> None:
    """Make sure that the daemon's packages are there. Raises MissingExtra."""
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            raise MissingExtra("the daemon", "daemon")


config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(),
    default=DEFAULT_CONFIG,
    show_default=True,
    metavar="FILE",
    help="The configuration.",
)


@click.group("daemon", short_help="Watch services, keep their heap history, act before the memory is full.")
def command() -> None:
    """Watch services, keep their heap history, act before the memory is full. See docs/daemon.md."""


@command.command("run", short_help="Run in the foreground, as systemd wants it.")
@config_option
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Lines of the log."
)
@click.pass_obj
def run(talk: Talk, *, config_path: str, log_format: str) -> None:
    """Run the daemon in the foreground until SIGTERM or SIGINT.

    SIGHUP reads the configuration again, SIGUSR1 captures every watched process. The log goes to stderr.
    """
    need_daemon_extra()
    from heapscope.daemon.run import run_daemon  # noqa: PLC0415 - msgspec, asyncio

    run_daemon(config_path, log_format=log_format, verbose=talk.verbose)


@command.command("check-config", short_help="Check a configuration, and show what matches now.")
@config_option
@format_option()
@click.pass_obj
def check_config(talk: Talk, *, config_path: str, format_: str) -> int:
    """Check a configuration, and show which processes match now, and whether each can be captured.

    Exits with 3 if a target matches nothing that can be captured, or a folder cannot be used.
    """
    need_daemon_extra()
    from heapscope.daemon.checking import check_places, check_targets  # noqa: PLC0415 - msgspec, psutil
    from heapscope.daemon.config_file import load_config  # noqa: PLC0415

    config = load_config(config_path)
    targets = check_targets(config)
    warnings = check_places(config)
    value = {
        "config": config_path,
        "state_dir": config.daemon.state_dir,
        "targets": [target_of(config, target) for target in targets],
        "warnings": list(warnings),
    }
    write_object(value, "".join(map(target_text, targets)), OutputOptions(format=format_))
    for warning in warnings:
        talk.warn(warning)
    good = all(any(not row.obstacle for row in target.processes) for target in targets) and not warnings
    return ExitCode.OK if good else ExitCode.CHECK_FAILED


@command.command("example-config", short_help="Write an example configuration to stdout.")
def example_config() -> None:
    """Write an example configuration, with every key explained."""
    need_daemon_extra()
    from heapscope.daemon.config_file import example_config as read_example  # noqa: PLC0415 - msgspec

    write_text(read_example(), OutputOptions())


def target_of(config: Config, target: CheckedTarget) -> dict[str, Any]:
    """Return the JSON of one target; its keys are a contract (docs/cli.md)."""
    settings = next(one for one in config.target if one.name == target.name)
    return {
        "name": target.name,
        "instances": target.instances,
        "interval_s": float(settings.interval),
        "census_interval_s": float(settings.census_interval),
        "rules": [{"name": rule.name, "when": rule.when, "actions": list(rule.actions)} for rule in settings.rule],
        "families": target.families,
        "processes": [_process_of(row) for row in target.processes],
        "warnings": list(target.warnings),
    }


def _process_of(row: CheckedProcess) -> dict[str, Any]:
    process = row.seen.process
    return {
        "slot": row.slot,
        "pid": process.pid,
        "start_ticks": process.start_ticks,
        "uid": process.uid,
        "name": clean_text(process.name),
        "command": clean_text(process.command, 2000),
        "unit": clean_text(process.unit) or None,
        "cgroup": clean_text(process.cgroup, 1000) or None,
        "container": process.container or None,
        "rss_bytes": row.seen.rss_bytes,
        "limit_bytes": row.reading.limit_bytes if row.reading else None,
        "limit_ratio": round(row.reading.ratio, 4) if row.reading and row.reading.ratio is not None else None,
        "obstacle": row.obstacle or None,
        "why_not": row.why_not or None,
    }


def target_text(target: CheckedTarget) -> str:
    """Write one target for people."""
    count = len(target.processes)
    lines = [
        f"{target.name}: {count} {'process' if count == 1 else 'processes'} in {_families(target)}, {target.instances}"
    ]
    lines += [_process_text(row) for row in target.processes]
    lines += [f"  {warning}" for warning in target.warnings]
    return "\n".join([*lines, ""])


def _families(target: CheckedTarget) -> str:
    return "1 family" if target.families == 1 else f"{target.families} families"


def _process_text(row: CheckedProcess) -> str:
    process = row.seen.process
    mark = f"slot {row.slot}" if row.slot is not None else "-"
    memory = format_bytes(row.seen.rss_bytes)
    if row.reading and row.reading.ratio is not None:
        memory += f" ({row.reading.ratio:.0%} of {clean_text(row.reading.limit_name)})"
    words: Sequence[str] = [f"  {mark:<7} pid {process.pid:<7} {memory}  {clean_text(process.command, 80)}"]
    return "\n".join([*words, f"          cannot be captured: {row.why_not}"] if row.obstacle else words)

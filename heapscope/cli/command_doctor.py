"""``heapscope doctor``: what stands in the way of a capture, and the command that removes each obstacle.

Never changes anything, and never stops the process it looks at.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from heapscope import __version__
from heapscope.cli.options import OutputChoice, output_options
from heapscope.cli.output import write_object
from heapscope.errors import TargetGone
from heapscope.units import clean_text, format_bytes

if TYPE_CHECKING:  # psutil costs 15 ms
    from heapscope.target.access import HostFacts
    from heapscope.target.info import TargetInfo
    from heapscope.target.obstacles import Obstacle


@click.command("doctor", short_help="Say what stands in the way of a capture.")
@click.argument("pid", required=False)
@output_options
def command(*, pid: str | None, out: OutputChoice) -> int:
    """Say what stands in the way of capturing PID, with the command that removes each obstacle.

    Without PID: check this host and heapscope itself. The exit code is that of the first obstacle, 0 if there is none.
    """
    if out.format_ == "csv":
        raise click.UsageError("doctor writes table or json")
    out.check()
    report = host_report() if pid is None else target_report(pid)
    write_object(report, host_text(report) if pid is None else target_text(report), out.options)
    return int(report["exit_code"])


def target_report(word: str) -> dict[str, Any]:
    """Collect what is known about a target and its obstacles."""
    from heapscope.service.sources import parse_pid  # noqa: PLC0415 - only this branch needs it
    from heapscope.target.access import read_host  # noqa: PLC0415 - ctypes, 5 ms
    from heapscope.target.discovery import describe_target, find_obstacles  # noqa: PLC0415 - psutil, 15 ms

    pid = parse_pid(word)
    obstacles = find_obstacles(pid)
    try:
        target = describe_target(pid)
    except TargetGone:
        target = None
    blocking = [obstacle for obstacle in obstacles if obstacle.blocking]
    return {
        "pid": pid,
        "attachable": not blocking,
        "exit_code": int(blocking[0].exit_code) if blocking else 0,
        "obstacles": [obstacle_row(obstacle) for obstacle in obstacles],
        "target": target_row(target) if target else None,
        "host": host_row(read_host()),
    }


def host_report() -> dict[str, Any]:
    """Collect what is known about this host and this installation."""
    from heapscope.target.access import read_host  # noqa: PLC0415 - ctypes, 5 ms
    from heapscope.target.obstacles import judge_host  # noqa: PLC0415 - next to it

    host = read_host()
    obstacles = judge_host(host)
    return {
        "heapscope_version": __version__,
        "python_version": ".".join(str(part) for part in sys.version_info[:3]),
        "exit_code": int(obstacles[0].exit_code) if obstacles else 0,
        "obstacles": [obstacle_row(obstacle) for obstacle in obstacles],
        "host": host_row(host),
        "tools": {
            "gdb": shutil.which("gdb"),
            "pyrasite": _is_installed("pyrasite"),
            "kernel_library": _kernel_library(),
        },
    }


def obstacle_row(obstacle: Obstacle) -> dict[str, Any]:
    """Return an obstacle as plain values."""
    return {
        "code": obstacle.code,
        "message": obstacle.message,
        "hint": obstacle.hint,
        "exit_code": int(obstacle.exit_code),
        "blocking": obstacle.blocking,
    }


def target_row(target: TargetInfo) -> dict[str, Any]:
    """Return a target as the row that ``ps`` writes."""
    from heapscope.cli.command_ps import row_of  # noqa: PLC0415 - only with a pid

    return row_of(target)


def host_row(host: HostFacts) -> dict[str, Any]:
    """Return the facts about host and user as plain values."""
    return {
        "uid": host.effective_uid,
        "cap_sys_ptrace": host.can_trace_any,
        "ptrace_scope": host.yama_scope,
        "seccomp_mode": host.seccomp_mode,
        "user_namespace": host.in_user_namespace,
        "security_module": clean_text(host.security_module),
        "kernel": "{}.{}".format(*host.kernel),
        "machine": host.machine,
    }


def target_text(report: dict[str, Any]) -> str:
    """Write the report on a target for people."""
    target = report["target"]
    lines = []
    if target:
        version = target["python_version"] or "no readable Python"
        lines.append(
            f"target   {target['pid']} {target['name']}, {version}, uid {target['uid']} ({target['user']}),"
            f" RSS {format_bytes(target['rss_bytes'])}, {target['threads']} threads, state {target['state']}"
        )
        lines += [f"         {line}" for line in _peculiarities(target)]
    lines.append(f"you      {_host_line(report['host'])}")
    lines += _obstacle_lines(report["obstacles"])
    if report["attachable"]:
        lines.append(f"ok       heapscope attach {report['pid']}")
    return "".join(clean_text(line, 2000) + "\n" for line in lines)


def host_text(report: dict[str, Any]) -> str:
    """Write the report on the host for people."""
    tools = report["tools"]
    gdb = tools["gdb"] or "not installed; only --via pyrasite needs it"
    library = tools["kernel_library"] or "not built; recursive sizes are computed slowly"
    lines = [
        f"heapscope {report['heapscope_version']} on Python {report['python_version']}",
        f"you       {_host_line(report['host'])}",
        f"gdb       {gdb}",
        f"pyrasite  {'installed' if tools['pyrasite'] else 'not installed; only --via pyrasite needs it'}",
        f"kernels   {library}",
        *_obstacle_lines(report["obstacles"]),
    ]
    if not report["obstacles"]:
        reach = "any process" if report["host"]["cap_sys_ptrace"] else _reach(report["host"])
        lines.append(f"ok        you may attach to {reach}")
    return "".join(clean_text(line, 2000) + "\n" for line in lines)


def _reach(host: dict[str, Any]) -> str:
    if host["ptrace_scope"] in (1, 2):
        return "your own children only (Yama): use sudo for others"
    return f"processes of uid {host['uid']}: use sudo for others"


def _host_line(host: dict[str, Any]) -> str:
    scope = "no Yama" if host["ptrace_scope"] is None else f"Yama ptrace_scope {host['ptrace_scope']}"
    capability = "CAP_SYS_PTRACE" if host["cap_sys_ptrace"] else "no CAP_SYS_PTRACE"
    inside = ", in a user namespace" if host["user_namespace"] else ""
    return f"uid {host['uid']}, {capability}, {scope}, kernel {host['kernel']} {host['machine']}{inside}"


def _peculiarities(target: dict[str, Any]) -> list[str]:
    found = []
    if target["container"]:
        found.append(f"container {target['container']}")
    if target["pid_namespace_differs"]:
        found.append("a pid namespace of its own")
    if target["mount_namespace_differs"]:
        found.append("a mount namespace of its own")
    if target["virtual_env"]:
        found.append(f"virtual environment {target['virtual_env']}")
    if target["embedded"]:
        found.append(f"Python embedded in another program ({target['runtime_path']})")
    if target["debug_build"]:
        found.append("a debug build of Python")
    return found


def _obstacle_lines(obstacles: list[dict[str, Any]]) -> list[str]:
    lines = []
    for obstacle in obstacles:
        word = "cannot" if obstacle["blocking"] else "note"
        suffix = f"   (exit code {obstacle['exit_code']})" if obstacle["blocking"] else ""
        lines += [f"{word:<8} {obstacle['message']}{suffix}", f"  fix    {obstacle['hint']}"]
    return lines


def _is_installed(name: str) -> bool:
    import importlib.util  # noqa: PLC0415 - only here

    return importlib.util.find_spec(name) is not None


def _kernel_library() -> str | None:
    import heapscope  # noqa: PLC0415 - for its path only

    for folder, _, files in os.walk(os.path.join(os.path.dirname(heapscope.__file__), "graph")):
        for name in files:
            if name.endswith(".so"):
                return os.path.join(folder, name)
    return None

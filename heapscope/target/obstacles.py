"""Why a capture of a process cannot work, each reason with the command that removes it.

Judges facts that others collected: no I/O here, so that every obstacle can be tested without making it real.
"""

from __future__ import annotations

from dataclasses import dataclass

from heapscope.errors import (
    BudgetExceeded,
    ExitCode,
    HeapscopeError,
    PermissionRefused,
    TargetGone,
    UnsupportedTarget,
    UsageError,
)
from heapscope.target.access import Access, HostFacts
from heapscope.target.headroom import Headroom
from heapscope.target.limits import Resource
from heapscope.target.process import ProcessFacts
from heapscope.target.runtime import OLDEST_VERSION, Runtime
from heapscope.units import clean_text, format_bytes

OLDEST_KERNEL = (4, 14)  # smaps_rollup; container seccomp profiles allow tracing since 4.8
SUPPORTED_MACHINES = {"x86_64": 62}
HEAD_ROOM_CODES = frozenset({"memory", "tasks"})
"""Obstacles that are estimates: --ignore-head-room passes them over, and leaves it to the kernel."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason. ``hint`` is the exact command that removes it, or says that there is none.

    An obstacle that is not ``blocking`` only closes one way in, or is worth knowing.
    """

    code: str
    message: str
    hint: str
    exit_code: ExitCode
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known about one target when it is judged."""

    process: ProcessFacts
    host: HostFacts
    own_pid: int
    runtime: Runtime | None
    access: Access
    python_like: bool  # named like Python: decides what is said when the memory map may not be read
    is_32_bit: bool = False
    owner_uid: int | None = None  # owner of /proc/PID: 0 instead of the user's own for a process that is not dumpable
    user_namespace_differs: bool = False
    tracer_name: str = ""
    command: tuple[str, ...] = ()
    environment_disables_remote_debug: bool = False
    headroom: Headroom | None = None
    tasks: Headroom | None = None
    container: str | None = None


def judge(evidence: Evidence) -> list[Obstacle]:
    """Return every obstacle, the one to remove first at the head; notes that do not block come last."""
    process = evidence.process
    if process.pid == evidence.own_pid:
        return [Obstacle("self", "that is heapscope itself", "heapscope ps", ExitCode.USAGE)]
    if process.state in "ZX":
        message = f"process {process.pid} has ended; its parent {process.parent_pid} has not collected it yet (zombie)"
        return [Obstacle("zombie", message, "heapscope ps", ExitCode.TARGET_GONE)]
    if process.is_kernel_thread:
        message = f"{process.pid} is a thread of the kernel"
        return [Obstacle("kernel-thread", message, "heapscope ps", ExitCode.UNSUPPORTED)]
    found = [
        *judge_host(evidence.host),
        *_judge_runtime(evidence),
        *_judge_access(evidence),
        *_judge_state(evidence),
        *_judge_headroom(evidence),
        *_judge_remote_debug(evidence),
    ]
    return sorted(found, key=lambda obstacle: not obstacle.blocking)


def judge_host(host: HostFacts) -> list[Obstacle]:
    """Return what of the host makes every capture impossible."""
    found = []
    if host.kernel < OLDEST_KERNEL:
        text = "the kernel is {}.{}, but {}.{} or newer is needed".format(*host.kernel, *OLDEST_KERNEL)
        found.append(Obstacle("kernel-too-old", text, "update the kernel", ExitCode.UNSUPPORTED))
    if host.machine not in SUPPORTED_MACHINES:
        text = f"this version knows x86-64 only, not {clean_text(host.machine)}"
        found.append(Obstacle("machine", text, "no command removes this", ExitCode.UNSUPPORTED))
    if host.yama_scope == 3:
        text = "Yama forbids tracing to everybody (ptrace_scope 3)"
        hint = "set kernel.yama.ptrace_scope=1 in /etc/sysctl.d and reboot: scope 3 cannot be lowered while running"
        found.append(Obstacle("yama-3", text, hint, ExitCode.PERMISSION))
    return found


def error_of(obstacle: Obstacle) -> HeapscopeError:
    """Return the error to raise for an obstacle."""
    classes: dict[ExitCode, type[HeapscopeError]] = {
        ExitCode.USAGE: UsageError,
        ExitCode.TARGET_GONE: TargetGone,
        ExitCode.UNSUPPORTED: UnsupportedTarget,
        ExitCode.PERMISSION: PermissionRefused,
        ExitCode.BUDGET: BudgetExceeded,
    }
    return classes.get(obstacle.exit_code, HeapscopeError)(obstacle.message, hint=obstacle.hint)


def _judge_runtime(evidence: Evidence) -> list[Obstacle]:
    runtime = evidence.runtime
    name = f"process {evidence.process.pid} ({clean_text(evidence.process.name, 40)})"
    if runtime is None:
        if evidence.access is not Access.ALLOWED and evidence.python_like:
            return []  # what it is cannot be known; the missing permission is the obstacle
        if evidence.is_32_bit:
            return [_unsupported("32-bit", f"{name} is a 32-bit program", "run the service on a 64-bit Python")]
        if evidence.python_like and evidence.access is Access.ALLOWED:
            text = f"{name} is called Python, but its program exports none of Python's symbols"
            return [
                _unsupported(
                    "no-symbols", text, "run the service on a Python that exports them (not Nuitka, PyOxidizer)"
                )
            ]
        if evidence.access is Access.REFUSED or (evidence.access is Access.UNKNOWN and evidence.python_like):
            return []
        return [_unsupported("not-python", f"{name} does not run Python", "heapscope ps")]
    if runtime.implementation != "cpython":
        text = f"{name} runs {runtime.implementation}, not CPython"
        return [_unsupported("not-cpython", text, "run the service on CPython 3.8 or newer")]
    if runtime.version_info is not None and runtime.version_info < OLDEST_VERSION:
        shown = runtime.version or "{}.{}".format(*runtime.version_info)
        return [
            _unsupported("too-old", f"{name} runs Python {shown}; 3.8 is the oldest supported", "update its Python")
        ]
    if runtime.free_threaded and not runtime.can_stop_threads:
        text = f"{name} runs a free-threaded build that does not export what stops all its threads (3.14 and newer do)"
        hint = "run the service on free-threaded Python 3.14 or newer, or on the ordinary build of the same version"
        return [_unsupported("free-threaded", text, hint)]
    if runtime.machine not in SUPPORTED_MACHINES.values():
        return [_unsupported("machine", f"{name} is not an x86-64 program", "no command removes this")]
    return []


def _unsupported(code: str, message: str, hint: str) -> Obstacle:
    return Obstacle(code, message, hint, ExitCode.UNSUPPORTED)


def _judge_access(evidence: Evidence) -> list[Obstacle]:
    if evidence.access is Access.ALLOWED and evidence.owner_uid not in (None, evidence.host.effective_uid):
        return _judge_capabilities(evidence)
    if evidence.access is Access.ALLOWED or (evidence.access is Access.UNKNOWN and evidence.runtime is not None):
        return []
    if evidence.runtime is None and evidence.access is Access.UNKNOWN and not evidence.python_like:
        return []
    code, reason, hint = _why_refused(evidence)
    message = f"no permission to trace process {evidence.process.pid}: {reason}"
    return [Obstacle(code, message, hint, ExitCode.PERMISSION)]


def _judge_capabilities(evidence: Evidence) -> list[Obstacle]:
    if not evidence.host.lacks:
        return []
    message = f"process {evidence.process.pid} is another user's: that takes {' and '.join(evidence.host.lacks)} too"
    return [Obstacle("capability", message, f"sudo heapscope attach {evidence.process.pid}", ExitCode.PERMISSION)]


_YAMA_REASONS = {
    1: "Yama lets you trace your own children only (ptrace_scope 1)",
    2: "Yama lets only those with CAP_SYS_PTRACE trace (ptrace_scope 2)",
    3: "Yama forbids tracing to everybody (ptrace_scope 3)",
}
_CONTAINER_HINT = "docker run --cap-add SYS_PTRACE ..., or kubectl debug --profile=general --target=CONTAINER ..."


def _why_refused(evidence: Evidence) -> tuple[str, str, str]:
    """Find the reason among those that the kernel does not tell apart (all are EPERM)."""
    host, process = evidence.host, evidence.process
    sudo = f"sudo heapscope attach {process.pid}"
    if evidence.access is Access.BLOCKED:
        return "seccomp", "a seccomp filter blocks process_vm_readv", _CONTAINER_HINT
    if host.can_trace_any:
        return _why_refused_to_root(evidence, sudo)
    if host.effective_uid == 0:
        return "capability", "we are root, but without the capability CAP_SYS_PTRACE", _CONTAINER_HINT
    if {process.uid, process.effective_uid} != {host.effective_uid}:
        return "other-user", f"it belongs to uid {process.uid}, we are uid {host.effective_uid}", sudo
    return _why_refused_to_owner(evidence, sudo)


def _why_refused_to_root(evidence: Evidence, sudo: str) -> tuple[str, str, str]:
    host = evidence.host
    if host.in_user_namespace or evidence.user_namespace_differs:
        return "user-namespace", "it lives outside our user namespace", f"on the host: {sudo}"
    if host.yama_scope == 3:
        return "yama-3", _YAMA_REASONS[3], "set kernel.yama.ptrace_scope=1 and reboot"
    if host.security_module:
        reason = f"the security module confines us ({clean_text(host.security_module, 60)})"
        return "security-module", reason, "docker run --security-opt apparmor=unconfined ..."
    return "refused", "a security module or seccomp filter refuses", "sudo dmesg | tail"


def _why_refused_to_owner(evidence: Evidence, sudo: str) -> tuple[str, str, str]:
    scope = evidence.host.yama_scope
    if evidence.user_namespace_differs:
        return "user-namespace", "it lives in another user namespace", sudo
    if evidence.owner_uid not in (None, evidence.process.effective_uid):
        return "not-dumpable", "it made itself unreadable (not dumpable: setuid, capabilities or prctl)", sudo
    if scope in _YAMA_REASONS:
        lower = ", or sudo sysctl kernel.yama.ptrace_scope=0" if scope == 1 else ""
        return f"yama-{scope}", _YAMA_REASONS[scope], sudo + lower
    return "refused", "the kernel does not say why (seccomp or a security module)", sudo


def _judge_state(evidence: Evidence) -> list[Obstacle]:
    process = evidence.process
    if process.tracer_pid:
        tracer = (
            f"{process.tracer_pid} ({clean_text(evidence.tracer_name, 40)})" if evidence.tracer_name else "a debugger"
        )
        message = f"process {process.pid} is already being traced by {tracer}"
        hint = f"kill {process.tracer_pid}  # ends that tracer, or detach it"
        return [Obstacle("traced", message, hint, ExitCode.PERMISSION)]
    if process.state in "Tt":
        message = f"process {process.pid} is stopped (SIGSTOP or Ctrl-Z): nothing can run in it"
        return [Obstacle("stopped", message, f"kill -CONT {process.pid}", ExitCode.PERMISSION)]
    return []


def _judge_headroom(evidence: Evidence) -> list[Obstacle]:
    if evidence.runtime is None:
        return []
    pid = evidence.process.pid
    rooms = [room for room in (evidence.headroom, evidence.tasks) if room is not None and not room.is_enough]
    return [_SHORTAGES[room.resource](pid, room) for room in rooms]


def _short_of_memory(pid: int, room: Headroom) -> Obstacle:
    parts = room.parts_text()
    message = (
        f"a capture of process {pid} may need {format_bytes(room.needed)} more memory{f' ({parts})' if parts else ''},"
        f" but {clean_text(room.limited_by)} leaves {format_bytes(room.available)}"
    )
    hint = f"heapscope attach {pid} --ignore-head-room  # the clone is ended before memory runs out"
    if room.limit is not None and room.limit.kills_all:
        # With memory.oom.group, or the killer off, the clone does not die alone: what the watch misses harms the target.
        hint = f"{clean_text(room.limit.remedy)}  # this group is killed or hangs as a whole when it is full"
    return Obstacle("memory", message, hint, ExitCode.BUDGET)


def _short_of_commit(pid: int, room: Headroom) -> Obstacle:
    message = (
        f"a clone of process {pid} is charged {format_bytes(room.needed)}, all the memory that it may write,"
        f" but {room.limited_by} leaves {format_bytes(room.available)}"
    )
    hint = "sudo sysctl vm.overcommit_memory=0  # or more swap: the charge is a promise, hardly any of it is used"
    return Obstacle("memory", message, hint, ExitCode.BUDGET)


def _short_of_tasks(pid: int, room: Headroom) -> Obstacle:
    message = (
        f"a clone of process {pid} is one process more, but {clean_text(room.limited_by)} leaves {room.available};"
        f" {room.needed} are asked for, as the target may want to start some too"
    )
    remedy = room.limit.remedy if room.limit else ""
    hint = f"{clean_text(remedy)}  # or --ignore-head-room"
    return Obstacle("tasks", message, hint, ExitCode.BUDGET)


_SHORTAGES = {
    Resource.MEMORY: _short_of_memory,
    Resource.COMMIT: _short_of_commit,
    Resource.TASKS: _short_of_tasks,
}


def _judge_remote_debug(evidence: Evidence) -> list[Obstacle]:
    runtime = evidence.runtime
    if runtime is None or runtime.version_info is None or runtime.version_info < (3, 14):
        return []
    switch = "PYTHON_DISABLE_REMOTE_DEBUG" if evidence.environment_disables_remote_debug else ""
    if _has_option(evidence.command, ("disable_remote_debug", "disable-remote-debug")):
        switch = "-X disable_remote_debug"
    if not switch:
        return []
    message = f"the target was started with {switch}: the injector remote_exec cannot be used"
    hint = f"heapscope attach {evidence.process.pid} --via ptrace"
    return [Obstacle("remote-debug-disabled", message, hint, ExitCode.PERMISSION, blocking=False)]


def _has_option(command: tuple[str, ...], names: tuple[str, ...]) -> bool:
    pairs = zip(command, (*command[1:], ""), strict=False)
    return any(word.startswith("-X") and (word[2:] or following).split("=")[0] in names for word, following in pairs)

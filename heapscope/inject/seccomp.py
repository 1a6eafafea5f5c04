"""Whether a seccomp filter of the target would kill it for one of the system calls that a capture makes in it.

A filter that answers with an error number is harmless: the clone is refused. One that kills cannot be tried. Reading filters
needs CAP_SYS_ADMIN and a tracer without filters of its own; where it is not allowed, nothing is known, and nothing is refused.
"""

from __future__ import annotations

from collections.abc import Iterable

from heapscope.errors import CloneForbidden, TargetGone
from heapscope.inject import ptrace_calls as calls
from heapscope.inject.arch import current_arch
from heapscope.inject.bpf import DEADLY, FilterError, call_data, strictest
from heapscope.inject.ptrace import Tracee, TraceeStuck
from heapscope.inject.threads import thread_ids
from heapscope.target.process import parse_status, read_text

MAX_FILTERS = 64
_MODE_FILTER = "2"


def refuse_deadly_filters(pid: int, preferred: Iterable[int] = ()) -> None:
    """Judge the filters of a target, before anything is done in it. Stops one thread, only to read, for each set of filters.

    Args:
        pid: the target; nothing is stopped where its status tells of no filters.
        preferred: threads to stop rather than others: those that wait.

    Raises:
        CloneForbidden: one of the filters would kill the target.
    """
    for tid in _one_of_each(pid, preferred):
        try:
            tracee = Tracee(pid, tid)
        except (TraceeStuck, TargetGone):
            continue
        try:
            programs = read_filters(tid)
        finally:
            tracee.release()
        name = deadly_call(programs)
        if name:
            raise CloneForbidden(
                f"process {pid} may not be cloned: its seccomp filter would kill it for the system call {name}",
                hint="start it with a filter that allows that call, such as systemd SystemCallFilter=@system-service",
            )


def _one_of_each(pid: int, preferred: Iterable[int]) -> list[int]:
    """Return a thread for each number of filters: filters are only ever added, and as a rule by all threads alike."""
    chosen: dict[str, int] = {}
    for tid in [*preferred, *thread_ids(pid)]:
        status = parse_status(read_text(f"/proc/{pid}/task/{tid}/status") or "")
        if status.get("Seccomp") == _MODE_FILTER:
            chosen.setdefault(status.get("Seccomp_filters", ""), tid)
    return list(chosen.values())


def read_filters(tid: int) -> list[bytes]:
    """Return the filters of a stopped thread, as far as they may be read."""
    programs: list[bytes] = []
    try:
        while len(programs) < MAX_FILTERS and (program := calls.read_seccomp_filter(tid, len(programs))):
            programs.append(program)
    except OSError:
        return programs
    return programs


def deadly_call(programs: list[bytes]) -> str:
    """Return the name of the first system call of ours that the filters answer with death; empty if there is none."""
    arch = current_arch()
    for name, number, arguments in arch.CALLS_IN_TARGET:
        try:
            action = strictest(programs, call_data(arch.AUDIT_ARCH, number, arguments))
        except FilterError:
            continue  # no filter that this interpreter knows: nothing is known
        if action in DEADLY:
            return str(name)
    return ""

"""The frozen clone as the host sees it: its pid here, its descriptors, its end. Touches the clone only, never the target."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import select
import signal
import time

from heapscope.errors import BudgetExceeded, CaptureInconsistent, HeapscopeError, TargetGone
from heapscope.inject.arch import current_arch
from heapscope.inject.server import COMMAND_SIZE, CloneServer
from heapscope.inject.threads import current_call

CLONE_NAME_PREFIX = b"heapscope:"

_COMMAND_READ_FD = 0
COMMAND_WRITE_FD = 1
RESULT_READ_FD = 2
"""Numbers of the host's ends of the two pipes inside the clone (wire/protocol.py)."""

_SYS_PIDFD_GETFD = 438
_F_SETPIPE_SZ = 1031
_PIPE_SIZE = 1 << 20
_PAYLOAD_HEAD_SIZE = 8
"""What the bootstrap reads first: by the size of the read, its wait is told from that of the serving clone."""
_READY_TIMEOUT_S = 10.0
_HUNG_AFTER_S = 0.1
_libc = ctypes.CDLL(None, use_errno=True)


class CloneHung(HeapscopeError):
    """The clone came into being with a request to drop the GIL pending: its Python waits for ever for another thread.

    The instant was unlucky; another clone is made.
    """


@dataclasses.dataclass(frozen=True, slots=True)
class ProcessStat:
    """The fields of /proc/PID/stat that identify a process."""

    state: str
    parent: int
    exit_signal: int
    start_ticks: int
    comm: bytes


def read_stat(pid: int) -> ProcessStat | None:
    """Read /proc/PID/stat; None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            data = file.read(4096)
    except (FileNotFoundError, ProcessLookupError):
        return None
    name_end = data.rindex(b")")
    fields = data[name_end + 2 :].split()
    comm = data[data.index(b"(") + 1 : name_end]
    return ProcessStat(fields[0].decode(), int(fields[1]), int(fields[35]), int(fields[19]), comm)


def shares_pid_namespace(pid: int) -> bool:
    """Tell whether pid numbers inside the process are the same as here."""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid")
    except OSError:
        return False


def find_clone(target: int, inner_pid: int) -> int:
    """Return the pid, in this namespace, of the target's child that it knows as ``inner_pid``.

    Raises:
        TargetGone: there is no such child (any more).
    """
    if shares_pid_namespace(target):
        stat = read_stat(inner_pid)
        if stat is not None and stat.parent == target:
            return inner_pid
    else:
        for pid in children_of(target):
            if inner_pid_of(pid) == inner_pid:
                return pid
    raise TargetGone(f"the clone of process {target} ended at once", hint=f"heapscope doctor {target}")


def children_of(target: int) -> list[int]:
    """Return the children of a process, ended ones included."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = read_stat(int(name))
            if stat is not None and stat.parent == target:
                found.append(int(name))
    return found


def left_over_clones(target: int, clone_name: bytes) -> list[int]:
    """Return the clones of one request below a target, alive or ended: children with its name and no exit signal."""
    found = []
    for pid in children_of(target):
        stat = read_stat(pid)
        if stat is not None and stat.comm == clone_name and stat.exit_signal == 0:
            found.append(pid)
    return found


def ended_clones(target: int) -> list[int]:
    """Return ended clones below a target, of whatever request: nobody else names a child so and gives it no exit signal."""
    found = []
    for pid in children_of(target):
        stat = read_stat(pid)
        if stat is not None and stat.state == "Z" and stat.exit_signal == 0 and stat.comm.startswith(CLONE_NAME_PREFIX):
            found.append(pid)
    return found


def inner_pid_of(pid: int) -> int:
    """Return the pid of a process in its own pid namespace; -1 where that cannot be read."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return -1


class Clone:
    """One clone, identified by a pidfd: its number cannot come to mean another process."""

    def __init__(self, target: int, pid: int, clone_name: bytes) -> None:
        """Take hold of a child of the target.

        Raises:
            TargetGone: it is not there, or not the target's child.
        """
        try:
            self._pidfd = os.pidfd_open(pid)
        except OSError as error:
            raise TargetGone(f"the clone {pid} of process {target} ended at once", hint="try again") from error
        self.pid = pid
        self.target = target
        self.inner_pid = inner_pid_of(pid)
        self._clone_name = clone_name
        stat = read_stat(pid)
        if stat is None or stat.parent != target or stat.exit_signal != 0:  # children of its own say SIGCHLD
            self.close()
            raise TargetGone(f"process {pid} is not the clone of {target}", hint="try again")

    def wait_until_serving(self) -> None:
        """Wait until the clone has arranged its descriptors and reads its first command.

        Raises:
            CaptureInconsistent, CloneHung, BudgetExceeded: as wait_until_ready.
        """
        self._wait_for_read(COMMAND_SIZE, _READY_TIMEOUT_S)

    def wait_until_ready(self, timeout_s: float = _READY_TIMEOUT_S) -> None:
        """Wait until Python in the clone reads its payload.

        Raises:
            CaptureInconsistent: it ended before.
            CloneHung: Python in it waits for another thread, and there is none.
            BudgetExceeded: it does not get there in time.
        """
        self._wait_for_read(_PAYLOAD_HEAD_SIZE, timeout_s)

    def _wait_for_read(self, size: int, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        waiting_since: float | None = None
        while time.monotonic() < deadline:
            stat = read_stat(self.pid)
            if stat is None or stat.state == "Z":
                raise CaptureInconsistent(
                    f"the clone of process {self.target} ended before it said anything",
                    hint="the kernel log may say why (seccomp, out of memory)",
                )
            call = current_call(self.pid, self.pid) if stat.comm == self._clone_name else None
            if call is not None and (*call[:2], call[3]) == (current_arch().SYS_READ, _COMMAND_READ_FD, size):
                return
            is_waiting = call is not None and call[0] == current_arch().SYS_FUTEX
            waiting_since = (waiting_since or time.monotonic()) if is_waiting else None
            if waiting_since is not None and time.monotonic() - waiting_since > _HUNG_AFTER_S:
                raise CloneHung(
                    f"Python in the clone of process {self.target} waits for a thread that it does not have"
                )
            time.sleep(0.0005)
        raise BudgetExceeded(f"the clone of process {self.target} does not start", hint="is the machine overloaded?")

    def run_python(self) -> None:
        """Have a serving clone start the bootstrap.

        Raises:
            OSError: its pipe may not be taken over.
        """
        command = self._take(COMMAND_WRITE_FD, os.O_WRONLY)
        try:
            CloneServer(command, -1).run_python()
        finally:
            os.close(command)

    def take_descriptors(self) -> tuple[int, int]:
        """Return the host's ends: descriptors to write commands to, and to read results from."""
        command = self._take(COMMAND_WRITE_FD, os.O_WRONLY)
        try:
            result = self._take(RESULT_READ_FD, os.O_RDONLY)
        except BaseException:
            os.close(command)
            raise
        with contextlib.suppress(OSError):
            import fcntl  # noqa: PLC0415  (a few ms that only this call needs)

            fcntl.fcntl(result, _F_SETPIPE_SZ, _PIPE_SIZE)
        return command, result

    def _take(self, number: int, flags: int) -> int:
        descriptor = int(_libc.syscall(_SYS_PIDFD_GETFD, self._pidfd, number, 0))
        if descriptor >= 0:
            return descriptor
        # seccomp profiles of containers refuse pidfd_getfd more often than /proc
        return os.open(f"/proc/{self.pid}/fd/{number}", flags | os.O_CLOEXEC)

    def has_ended(self, timeout_s: float = 0.0) -> bool:
        """Wait at most ``timeout_s`` for the clone to end; tell whether it has (it may still have to be reaped)."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(int(timeout_s * 1000)))

    def kill(self) -> None:
        """End the clone."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Let go of the pidfd."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

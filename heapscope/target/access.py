"""Whether the kernel lets us trace a process, and what about this host and this user decides it.

Never stops the process: the test reads one byte of its memory, which the kernel allows exactly to those who may trace it.
"""

from __future__ import annotations

import ctypes
import enum
import errno
import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass

from heapscope.target.maps import Mapping
from heapscope.target.process import CAP_SYS_PTRACE, has_capability, parse_status, read_link, read_text

INITIAL_USER_NAMESPACE = "user:[4026531837]"  # PROC_USER_INIT_INO, the same on every Linux


class Access(enum.Enum):
    """Outcome of the access test."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    BLOCKED = "blocked"  # the system call itself is not available (seccomp)
    UNKNOWN = "unknown"  # nothing mapped that could be read


# To read /proc/PID/syscall, which is the owner's; to end the clone, which is the owner's too.
_FOR_OTHER_USERS = {"CAP_DAC_READ_SEARCH": 2, "CAP_KILL": 5}


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What of the host and of our own process decides about tracing."""

    effective_uid: int
    can_trace_any: bool  # CAP_SYS_PTRACE in effect
    yama_scope: int | None  # None: no Yama
    seccomp_mode: int
    in_user_namespace: bool
    security_module: str  # label of our own process, "" if unconfined
    kernel: tuple[int, int]
    machine: str
    lacks: tuple[str, ...] = ()  # capabilities that looking into another user's process takes besides CAP_SYS_PTRACE


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


def read_host() -> HostFacts:
    """Collect the facts about this host and this process."""
    status = parse_status(read_text("/proc/self/status") or "")
    scope = (read_text("/proc/sys/kernel/yama/ptrace_scope") or "").strip()
    label = (read_text("/proc/self/attr/current") or "").strip("\0\n ")
    return HostFacts(
        effective_uid=os.geteuid(),
        can_trace_any=has_capability(CAP_SYS_PTRACE),
        yama_scope=int(scope) if scope.isdigit() else None,
        seccomp_mode=int(status.get("Seccomp", "0")),
        in_user_namespace=(read_link("/proc/self/ns/user") or INITIAL_USER_NAMESPACE) != INITIAL_USER_NAMESPACE,
        security_module="" if label.startswith("unconfined") else label,
        kernel=parse_kernel(platform.release()),
        machine=platform.machine(),
        lacks=tuple(name for name, number in _FOR_OTHER_USERS.items() if not has_capability(number)),
    )


def parse_kernel(release: str) -> tuple[int, int]:
    """Read major and minor of a kernel release; (0, 0) if it makes no sense."""
    match = re.match(r"(\d+)\.(\d+)", release)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def can_trace(pid: int, mappings: Iterable[Mapping]) -> Access:
    """Test whether we may trace a process, by reading one byte of its memory."""
    readable = [mapping.start for mapping in mappings if mapping.is_readable and mapping.path != "[vvar]"]
    if not readable:
        return Access.UNKNOWN
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(1)
    local = _Vector(ctypes.addressof(buffer), 1)
    remote = _Vector(readable[0], 1)
    result = libc.process_vm_readv(
        ctypes.c_int(pid),
        ctypes.byref(local),
        ctypes.c_ulong(1),
        ctypes.byref(remote),
        ctypes.c_ulong(1),
        ctypes.c_ulong(0),
    )
    return Access.ALLOWED if result >= 0 else _judge_errno(ctypes.get_errno())


def _judge_errno(number: int) -> Access:
    if number == errno.EPERM:
        return Access.REFUSED
    if number == errno.ENOSYS:
        return Access.BLOCKED
    # The check comes before the copy, so a fault (EFAULT) means that we were let in.
    return Access.ALLOWED if number == errno.EFAULT else Access.UNKNOWN

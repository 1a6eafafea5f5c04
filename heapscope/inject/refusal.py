"""What it means that the kernel refused the clone, or a call of ours, and what to do next. Pure: an error number in, an error out."""

from __future__ import annotations

import errno
import os

from heapscope.errors import BudgetExceeded, CloneForbidden, HeapscopeError, PermissionRefused


def clone_refused(pid: int, number: int) -> HeapscopeError:
    """Return the error for a clone system call in a process that failed with an error number. The target is unharmed.

    Not PermissionRefused for EPERM and ENOSYS: that would have the next injector try the same call.
    """
    reason = os.strerror(number)
    if number == errno.EAGAIN:
        return BudgetExceeded(
            f"process {pid} may not be cloned: a limit on the number of processes is reached (EAGAIN: {reason})",
            hint=f"heapscope doctor {pid}  # compares RLIMIT_NPROC, pids.max and kernel.threads-max with what there is",
        )
    if number == errno.ENOMEM:
        return BudgetExceeded(
            f"process {pid} may not be cloned: the kernel does not grant the memory (ENOMEM: {reason})",
            hint="sudo sysctl vm.overcommit_memory=0  # or more swap, if it is 0 already; or its pid namespace is ending",
        )
    if number in (errno.EPERM, errno.EACCES, errno.ENOSYS):
        name = errno.errorcode[number]
        return CloneForbidden(
            f"process {pid} may not be cloned: a seccomp filter or security module forbids it ({name}: {reason})",
            hint="start it with a filter that allows clone: systemd SystemCallFilter=@process, docker --security-opt seccomp=FILE",
        )
    return BudgetExceeded(
        f"process {pid} may not be cloned: {reason} ({errno.errorcode.get(number, number)})",
        hint=f"heapscope doctor {pid}",
    )


def failed_call(error: OSError) -> HeapscopeError:
    """Return the error for a system call of the helper that failed after the target could be traced."""
    if isinstance(error, PermissionError):
        return PermissionRefused(
            f"injection is not allowed to go on: {error}",
            hint="a filter of system calls on heapscope itself: it needs ptrace, process_vm_writev, pidfd_getfd",
        )
    return HeapscopeError(f"injection failed: {error}")

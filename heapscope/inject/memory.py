"""Writing the memory of another process by system call. Stops nothing, needs no /proc/PID/mem.

Text pages cannot be written here (that takes ptrace.Tracee.poke). Reading is heapscope.target.memory's.
"""

from __future__ import annotations

import ctypes
import errno
import os

from heapscope.target.memory import IoVector

_libc = ctypes.CDLL(None, use_errno=True)


def write_memory(pid: int, address: int, data: bytes) -> None:
    """Write all of ``data`` to writable memory.

    Raises:
        OSError: EPERM, ESRCH, or EFAULT where (part of) the range is not writable.
    """
    buffer = ctypes.create_string_buffer(data, len(data))
    local, remote = IoVector(ctypes.addressof(buffer), len(data)), IoVector(address, len(data))
    function = _libc.process_vm_writev
    function.restype = ctypes.c_ssize_t
    done = int(function(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0))
    if done < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot write {len(data)} bytes at {address:#x} in {pid}: {os.strerror(number)}")
    if done != len(data):
        raise OSError(errno.EFAULT, f"only {done} of {len(data)} bytes at {address:#x} in {pid} can be written")

"""Reading and writing the memory of another process by system call. Stops nothing, needs no /proc/PID/mem.

Text pages cannot be written here (that takes ptrace.Tracee.poke).
"""

from __future__ import annotations

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)


class _IoVector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def _transfer(name: str, pid: int, address: int, buffer: ctypes.Array[ctypes.c_char], size: int) -> int:
    local = _IoVector(ctypes.addressof(buffer), size)
    remote = _IoVector(address, size)
    function = getattr(_libc, name)
    function.restype = ctypes.c_ssize_t
    done = int(function(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0))
    if done < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name} of {size} bytes at {address:#x} in {pid}: {os.strerror(error)}")
    return done


def read_memory(pid: int, address: int, size: int) -> bytes:
    """Read exactly ``size`` bytes.

    Raises:
        OSError: EPERM, ESRCH, or EFAULT where (part of) the range is not mapped.
    """
    buffer = ctypes.create_string_buffer(size)
    done = _transfer("process_vm_readv", pid, address, buffer, size)
    if done != size:
        raise OSError(14, f"only {done} of {size} bytes at {address:#x} in {pid} can be read")
    return buffer.raw


def write_memory(pid: int, address: int, data: bytes) -> None:
    """Write all of ``data`` to writable memory.

    Raises:
        OSError: as for read_memory.
    """
    buffer = ctypes.create_string_buffer(data, len(data))
    done = _transfer("process_vm_writev", pid, address, buffer, len(data))
    if done != len(data):
        raise OSError(14, f"only {done} of {len(data)} bytes at {address:#x} in {pid} can be written")

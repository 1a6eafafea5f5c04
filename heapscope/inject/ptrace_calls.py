"""The ptrace system call and the thread state that it reads and writes. Every call is for one stopped (or seized) thread.

Decides nothing: what is called when is the business of ptrace.py.
"""

from __future__ import annotations

import ctypes
import os

from heapscope.errors import TargetGone
from heapscope.inject.arch import current_arch

PTRACE_POKEDATA = 5
PTRACE_CONT = 7
PTRACE_GETREGS, PTRACE_SETREGS = 12, 13
PTRACE_DETACH = 17
PTRACE_SYSCALL = 24
PTRACE_GETREGSET, PTRACE_SETREGSET = 0x4204, 0x4205
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
PTRACE_LISTEN = 0x4208
PTRACE_GETSIGMASK = 0x420A
PTRACE_SETSIGMASK = 0x420B
PTRACE_SECCOMP_GET_FILTER = 0x420C
PTRACE_EVENT_STOP = 128
PTRACE_O_TRACESYSGOOD = 1

_XSTATE_CAPACITY = 16384
_ESRCH = 3
_ENOENT = 2

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class _IoVector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def ptrace(request: int, tid: int, address: int = 0, data: int = 0) -> None:
    """Make one call.

    Raises:
        TargetGone: the thread has ended, or is not in a stop (the kernel says ESRCH to both).
        OSError: anything else.
    """
    ctypes.set_errno(0)
    if _libc.ptrace(request, tid, address, data) == -1:
        error = ctypes.get_errno()
        if error == _ESRCH:
            raise TargetGone(f"thread {tid} of the target ended", hint="heapscope ps")
        raise OSError(error, f"ptrace({request:#x}, {tid}): {os.strerror(error)}")


def read_registers(tid: int) -> ctypes.Structure:
    """Read the general registers."""
    registers: ctypes.Structure = current_arch().Registers()
    ptrace(PTRACE_GETREGS, tid, 0, ctypes.addressof(registers))
    return registers


def write_registers(tid: int, registers: ctypes.Structure) -> None:
    """Write the general registers."""
    ptrace(PTRACE_SETREGS, tid, 0, ctypes.addressof(registers))


def read_xstate(tid: int) -> bytes:
    """Read the vector state as the processor saves it."""
    buffer = ctypes.create_string_buffer(_XSTATE_CAPACITY)
    vector = _IoVector(ctypes.addressof(buffer), _XSTATE_CAPACITY)
    ptrace(PTRACE_GETREGSET, tid, current_arch().XSTATE_REGSET, ctypes.addressof(vector))
    return buffer.raw[: vector.length]


def write_xstate(tid: int, xstate: bytes) -> None:
    """Write the vector state."""
    buffer = ctypes.create_string_buffer(xstate, len(xstate))
    vector = _IoVector(ctypes.addressof(buffer), len(xstate))
    ptrace(PTRACE_SETREGSET, tid, current_arch().XSTATE_REGSET, ctypes.addressof(vector))


def read_signal_mask(tid: int) -> int:
    """Read the set of blocked signals."""
    mask = ctypes.c_uint64()
    ptrace(PTRACE_GETSIGMASK, tid, 8, ctypes.addressof(mask))
    return mask.value


def write_signal_mask(tid: int, mask: int) -> None:
    """Write the set of blocked signals."""
    word = ctypes.c_uint64(mask)
    ptrace(PTRACE_SETSIGMASK, tid, 8, ctypes.addressof(word))


def read_seccomp_filter(tid: int, index: int) -> bytes | None:
    """Read one of a thread's filters, the newest first, eight bytes an instruction; None behind the last one.

    Raises:
        OSError: it may not be read.
    """
    ctypes.set_errno(0)
    count = int(_libc.ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, None))
    if count < 0 and ctypes.get_errno() == _ENOENT:
        return None
    buffer = ctypes.create_string_buffer(8 * max(count, 1))
    ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, ctypes.addressof(buffer))
    return buffer.raw[: 8 * count]


def write_words(tid: int, address: int, data: bytes) -> None:
    """Write word by word, also to pages that are not writable; ``address`` is 8-aligned."""
    padded = data + bytes(-len(data) % 8)
    for offset in range(0, len(padded), 8):
        ptrace(PTRACE_POKEDATA, tid, address + offset, int.from_bytes(padded[offset : offset + 8], "little"))

"""The GIL of the clone: its lock and condition variables remember waiters that do not exist there; this makes them forget.

Why: the clone has one thread, but threads of the target that waited for the GIL at that instant are still counted in the
condition variable. Every release of the GIL signals one of them, and glibc's signal waits, once the waiters of a group are used
up, for the old ones to leave: for ever. A walker in Python gives the GIL up at every write.

Only a clone is ever written to, and only while its one thread waits in a system call with the GIL released.

    struct _gil_runtime_state (Include/internal/pycore_gil.h, the same from 3.8 to 3.15):
        0  unsigned long interval          microseconds
        8  PyThreadState *last_holder
       16  int locked                      0 here: released
       24  unsigned long switch_number
       32  pthread_cond_t cond             48 bytes in glibc; bit 1 of one word: monotonic clock (at 36, from 2.41 on at 28)
       80  pthread_mutex_t mutex           40 bytes
      120  pthread_cond_t switch_cond
      168  pthread_mutex_t switch_mutex
"""

from __future__ import annotations

import contextlib
import struct

from heapscope.inject.memory import write_memory
from heapscope.target.memory import read_memory

_CONDITIONS = (32, 120)
_MUTEXES = (80, 168)
_CONDITION_SIZE = 48
_MUTEX_SIZE = 40
_MUTEX_KIND = 16  # kind, spins and list links: all zero in a plain mutex
_FLAG_OFFSETS = (36, 28)
_FLAG_MASK = 3
_MONOTONIC = 2
_STATE_SIZE = 208
_USUAL_INTERVAL_US = 5000
_MAX_INTERVAL_US = 60_000_000
_MAX_RUNTIME_SIZE = 16 << 20
_LOWEST_POINTER = 0x10000


def find_gil(runtime: bytes) -> tuple[int, int] | None:
    """Find the released GIL in the bytes of _PyRuntime; None when it is not there, or not unique.

    Returns:
        Its offset, and the offset of the flags inside a condition variable of this libc.
    """
    found = [
        (offset, flags)
        for offset in range(0, len(runtime) - _STATE_SIZE + 1, 8)
        for flags in _FLAG_OFFSETS
        if runtime[offset + _CONDITIONS[0] + flags] & 7 == _MONOTONIC and _looks_like_gil(runtime, offset, flags)
    ]
    usual = [each for each in found if struct.unpack_from("<Q", runtime, each[0])[0] == _USUAL_INTERVAL_US]
    best = usual or found
    return best[0] if len(best) == 1 else None


def _looks_like_gil(runtime: bytes, offset: int, flags: int) -> bool:
    interval, holder, locked, padding, _switches = struct.unpack_from("<QQiIQ", runtime, offset)
    if not 0 < interval <= _MAX_INTERVAL_US or holder < _LOWEST_POINTER or holder % 8 or locked != 0 or padding != 0:
        return False
    clocks = [runtime[offset + condition + flags] & 7 for condition in _CONDITIONS]
    tails = [runtime[offset + mutex + _MUTEX_KIND : offset + mutex + _MUTEX_SIZE] for mutex in _MUTEXES]
    return clocks == [_MONOTONIC, _MONOTONIC] and not any(map(any, tails))


def forget_waiters(clone_pid: int, runtime: range) -> bool:
    """Reset the GIL's locks in a clone whose thread waits in a system call; tell whether the GIL was found."""
    with contextlib.suppress(OSError):
        data = read_memory(clone_pid, runtime.start, min(len(runtime), _MAX_RUNTIME_SIZE))
        found = find_gil(data)
        if found is not None:
            offset, flags = found
            state = bytearray(data[offset : offset + _STATE_SIZE])
            for condition in _CONDITIONS:
                clock = state[condition + flags] & _FLAG_MASK
                state[condition : condition + _CONDITION_SIZE] = bytes(_CONDITION_SIZE)
                state[condition + flags] = clock
            for mutex in _MUTEXES:
                state[mutex : mutex + _MUTEX_SIZE] = bytes(_MUTEX_SIZE)
            write_memory(clone_pid, runtime.start + offset + _CONDITIONS[0], bytes(state[_CONDITIONS[0] :]))
            return True
    return False

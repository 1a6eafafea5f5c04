"""The clone of a free-threaded build: locks of the stopped world that threads hold or wait for which do not exist there.

Why: the clone is made while all other threads stand still, and undoes that stop before it runs Python. A thread of the target
that had asked for a stop of its own at that instant (its collector ran) waits for the first one's lock. Unlocking it hands it
over to that thread, which never comes, and the next stop in the clone, gc.get_objects makes one, waits for ever. The last thread
to stop says so under the lock of the list of interpreters, and may hold it still. Measured with four threads that collect all
the time: 3 of 18 clones hung without this, 0 of 260 with it.

Only a clone is ever written to, and only while its one thread waits in a system call.

    _PyRuntime (Include/internal/pycore_runtime_structs.h, pycore_interp_structs.h; 3.14 and 3.15):
        interpreters.mutex           u8, one word before interpreters.head, whose offset is word 5 of the debug offsets
        stoptheworld_mutex           u64: 1 write-locked, 2 has waiters, 4 per reader
        stoptheworld                 struct _stoptheworld_state of all interpreters, directly behind it
        the main interpreter lies inside, with a struct _stoptheworld_state of its own:
            0  u8 mutex              1 locked, 2 has waiters
            1  u8 requested, world_stopped, is_global, stop_event
            8  i64 thread_countdown
           16  PyThreadState *requester
"""

from __future__ import annotations

import contextlib
import struct

from heapscope.inject.memory import write_memory
from heapscope.target.memory import read_memory
from heapscope.target.runtime import FREE_THREADED_HEAD, is_free_threaded_state

_HEAD_OFFSET_AT = 40
_LOCKED = 1
_ONE_READER = 4
_READER_SHIFT = 2
_MAX_READERS = 1 << 20
_LOWEST_POINTER = 0x10000
_MAX_RUNTIME_SIZE = 16 << 20
_GLOBAL = bytes((0, 0, 0, 1))
_STOPPED = {bytes((mutex, 1, 1, 0)) for mutex in (1, 3)}


def find_stop(runtime: bytes) -> int | None:
    """Return the offset, in the bytes of _PyRuntime, of the main interpreter's stop in force; None if it is not unique."""
    found = [
        offset
        for offset in range(0, len(runtime) - 23, 8)
        if runtime[offset + 1] == 1 and runtime[offset : offset + 4] in _STOPPED and _has_requester(runtime, offset)
    ]
    return found[0] if len(found) == 1 else None


def _has_requester(runtime: bytes, offset: int) -> bool:
    _, padding, countdown, requester = struct.unpack_from("<5s3sqQ", runtime, offset)
    return not any(padding) and countdown == 0 and requester >= _LOWEST_POINTER and requester % 8 == 0


def find_readers(runtime: bytes) -> int | None:
    """Return the offset of stoptheworld_mutex, which a stop in force holds as a reader; None if it is not unique."""
    found = [
        offset
        for offset in range(0, len(runtime) - 31, 8)
        if runtime[offset + 8 : offset + 12] == _GLOBAL and _is_read_locked(runtime, offset)
    ]
    return found[0] if len(found) == 1 else None


def _is_read_locked(runtime: bytes, offset: int) -> bool:
    bits, _, padding, countdown, requester = struct.unpack_from("<Q5s3sqQ", runtime, offset)
    is_reader = 0 < bits >> _READER_SHIFT <= _MAX_READERS and not bits & 1
    return is_reader and not any(padding) and countdown == 0 and requester == 0


def forget_stoppers(clone_pid: int, runtime: range) -> bool:
    """Leave the stop in force in a clone as if nobody waited for its end; tell whether its locks were found.

    Does nothing to the clone of a build with a GIL.
    """
    with contextlib.suppress(OSError):
        if not is_free_threaded_state(read_memory(clone_pid, runtime.start, FREE_THREADED_HEAD)):
            return False
        data = read_memory(clone_pid, runtime.start, min(len(runtime), _MAX_RUNTIME_SIZE))
        stop, readers = find_stop(data), find_readers(data)
        (head,) = struct.unpack_from("<Q", data, _HEAD_OFFSET_AT)
        if stop is not None and readers is not None and 8 <= head < len(data):
            write_memory(clone_pid, runtime.start + head - 8, bytes(1))
            write_memory(clone_pid, runtime.start + readers, struct.pack("<Q", _ONE_READER))
            write_memory(clone_pid, runtime.start + stop, bytes([_LOCKED]))
            return True
    return False

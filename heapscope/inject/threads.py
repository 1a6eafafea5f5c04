"""Which thread of the target to borrow: what each one does right now, judged without stopping any.

Never decides that a thread is safe for good: the judgement is made again when the thread is stopped.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os

from heapscope.errors import TargetGone
from heapscope.inject.arch import current_arch

_FUTEX_COMMAND_MASK = 0x7F
_FUTEX_WAIT_BITSET = 9


@dataclasses.dataclass(frozen=True, slots=True)
class BlockedThread:
    """A thread that waits in a system call."""

    tid: int
    call: str
    is_main: bool


def thread_ids(pid: int) -> list[int]:
    """Return the ids of the threads, the main thread first.

    Raises:
        TargetGone: there is no such process.
    """
    try:
        found = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except (FileNotFoundError, ProcessLookupError) as error:
        raise TargetGone(f"process {pid} is gone", hint="heapscope ps") from error
    return sorted(found, key=lambda tid: (tid != pid, tid))


def is_resumable_wait(number: int, first: int, second: int, runtime: range) -> bool:
    """Tell whether a thread in this system call may be borrowed.

    Waits on a futex inside the interpreter's own state are those for the GIL and its locks: taking the GIL once more
    underneath would wait for itself. Plain FUTEX_WAIT is what low-level locks use, malloc's among them.
    """
    arch = current_arch()
    if number not in arch.BLOCKING_CALLS or first in runtime:
        return False
    return number != arch.SYS_FUTEX or second & _FUTEX_COMMAND_MASK == _FUTEX_WAIT_BITSET


def blocked_threads(pid: int, runtime: range) -> list[BlockedThread]:
    """Return the threads that wait in a call which the kernel can resume; the best to borrow first.

    Other threads come before the main thread: Python runs signal handlers and pending calls in the main thread only, so in
    a clone made elsewhere the target's handlers can never run.
    """
    arch = current_arch()
    found = []
    for tid in thread_ids(pid):
        call = current_call(pid, tid)
        if call is not None and is_resumable_wait(*call[:3], runtime):
            found.append(BlockedThread(tid, arch.BLOCKING_CALLS[call[0]], tid == pid))
    return sorted(found, key=lambda thread: (thread.is_main, thread.call.startswith("epoll"), thread.tid))


def current_call(pid: int, tid: int) -> tuple[int, int, int, int] | None:
    """Return number and first three arguments of the system call in which a thread waits; None while it runs."""
    with contextlib.suppress(OSError, ValueError):
        with open(f"/proc/{pid}/task/{tid}/syscall", encoding="ascii") as file:
            words = file.read(256).split()
        if len(words) >= 4 and words[0] not in ("running", "-1"):
            return int(words[0]), int(words[1], 16), int(words[2], 16), int(words[3], 16)
    return None


def thread_count(pid: int) -> int:
    """Return the number of threads now."""
    return len(thread_ids(pid))

"""The stacks of threads among anonymous mappings, which the kernel does not label.

Reads only, and stops nobody: a waiting thread's stack pointer is in /proc/PID/task/TID/syscall; other stacks are told by the guard
page below them. The end of a stack is the thread's own record (struct pthread), which points at itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np

from heapscope.target.memory import read_pieces
from heapscope.target.process import read_text
from heapscope.target.smaps import Resident
from heapscope.target.smaps_pages import PAGE, ResidentPages

MAX_THREADS = 1 << 14
_USUAL_SIZE = (8 << 20) + (64 << 10)
_MAX_GUARD = 1 << 20
_MAX_PAGES = 1 << 12  # of one stack, when its end is searched for
_RECORD_SIZE = 2304  # of struct pthread; thread-local variables lie below it
_SELF = 2  # words from the first pointer to itself (tcb) to the second (self)


def stack_pointers(pid: int) -> list[int]:
    """Return where the stacks of the waiting threads of a process are, at this moment."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")[:MAX_THREADS]
    except OSError:
        return []
    found = []
    for thread in threads:
        words = (read_text(f"/proc/{pid}/task/{thread}/syscall") or "").split()
        if len(words) >= 3:
            found.append(int(words[-2], 16))
    return found


def find_stacks(
    pid: int, gaps: Iterable[range], entries: Sequence[Resident], pages: ResidentPages, pointers: Sequence[int]
) -> list[range]:
    """Return the stacks in anonymous memory that is nobody else's.

    Args:
        pid: the process whose memory is read.
        gaps: that memory, in address order.
        entries: all mappings.
        pages: which of them are in memory.
        pointers: stack pointers of threads.

    Raises:
        OSError: the process is gone, or may not be read.
    """
    guarded = _guarded_starts(entries)
    places = np.sort(np.array(pointers, dtype=np.uint64))
    found = []
    for gap in gaps:
        is_used = bool(np.searchsorted(places, gap.stop) > np.searchsorted(places, gap.start))
        if is_used or gap.start in guarded:
            found.append(_without_neighbours(pid, gap, pages))
    return found


def _guarded_starts(entries: Sequence[Resident]) -> set[int]:
    return {
        entry.mapping.end
        for entry in entries
        if entry.mapping.perms == "---p" and not entry.mapping.path and entry.mapping.size <= _MAX_GUARD
    }


def _without_neighbours(pid: int, gap: range, pages: ResidentPages) -> range:
    """Cut off what the kernel has joined to the upper end of a stack."""
    if len(gap) <= _USUAL_SIZE:
        return gap
    places = pages.present(gap.start, gap.stop, _MAX_PAGES)
    words = read_pieces(pid, places, PAGE).view("<u8")
    own = places[:, None] + np.arange(0, PAGE, 8, dtype=np.uint64)
    rows, columns = np.nonzero((words[:, :-_SELF] == own[:, :-_SELF]) & (words[:, _SELF:] == own[:, :-_SELF]))
    if not rows.size:
        return gap
    record = int(own[rows[-1], columns[-1]])
    return range(gap.start, min(gap.stop, -(-(record + _RECORD_SIZE) // PAGE) * PAGE))

"""How much of the processor heapscope takes where others want it too: less than the target and its neighbours.

Only ever lowers a priority: raising it again takes a privilege that a user need not have. So work that comes between two moments in
which the target waits for us runs in a thread of its own, and takes its low priority along when it ends.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

NICE = 10  # a ninth of the share of a process with 0 (kernel/sched/core.c, sched_prio_to_weight): enough to get on, too little to be felt
_Result = TypeVar("_Result")


def be_nice(nice: int = NICE) -> None:
    """Give the calling thread, and the threads that it starts from now on, at least this niceness."""
    missing = nice - os.getpriority(os.PRIO_PROCESS, 0)
    if missing > 0:
        with contextlib.suppress(OSError):  # a system unit forbids it, and has set its own
            os.nice(missing)


def run_nicely(work: Callable[[], _Result], give_up: Callable[[], None]) -> _Result:
    """Do something in a thread of its own with a low priority; return, or raise, what it does.

    ``give_up`` is called when the waiting is broken off, as by a second Ctrl-C: it should make the work end soon, as that is waited for.
    """
    with ThreadPoolExecutor(1, "heapscope-nice", initializer=be_nice) as pool:
        future = pool.submit(work)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                give_up()
            raise

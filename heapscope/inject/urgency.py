"""Running ahead of everything else while a thread of the target is held. Touches the scheduling of this process only."""

from __future__ import annotations

import contextlib
import os


def set_urgent(*, urgent: bool) -> None:
    """Take the processor when it is wanted, or stop doing so: on a loaded machine waiting for it is most of the pause.

    It takes CAP_SYS_NICE. Without it the hold is as long as the scheduler makes it.
    """
    policy, priority = (os.SCHED_FIFO, 1) if urgent else (os.SCHED_OTHER, 0)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, policy, os.sched_param(priority))

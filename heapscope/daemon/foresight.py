"""Whether evidence would come too late: how long it takes on this machine now, and how soon a limit is reached.

A rule on ``rss_ratio`` is there for evidence before the end. Where its threshold leaves less time than that takes, because memory grows
fast or the processors are busy, it fires before the threshold. Reads the machine's load only, and never decides which rule fires.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from heapscope.daemon.model import Reading, Record
from heapscope.target.process import read_text

# Of a processor's time, measured: a snapshot from request to synced file, with a worker that is ready.
START_S = 0.5
OBJECTS_PER_S = 1_500_000
BYTES_PER_OBJECT = 200.0  # of a process that was not captured yet; most have more
SAFETY = 1.5
USABLE = 0.95  # of a limit: captures end themselves before they take the rest (service/budget.py)
SETTLE_S = 5.0  # over which the load is averaged: evidence takes seconds, not minutes


@dataclass(slots=True)
class Load:
    """How many want a processor at once, averaged over seconds; the kernel's own average is over a minute."""

    processors: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    read: Callable[[], str | None] = lambda: read_text("/proc/loadavg")
    running: float = 0.0
    _at: float | None = None

    def look(self, steady: float) -> None:
        """Take the figure of this moment in."""
        now = _running(self.read())
        if now is None:
            return
        gone = SETTLE_S if self._at is None else max(0.0, steady - self._at)
        self._at = steady
        self.running += (now - self.running) * (1 - math.exp(-gone / SETTLE_S))

    @property
    def slowdown(self) -> float:
        """How many times longer work takes than alone; two processes share the work of a capture."""
        return max(1.0, (self.running + 2) / self.processors)


def _running(text: str | None) -> int | None:
    """Return how many others run now, of /proc/loadavg."""
    words = (text or "").split()
    count = words[3].partition("/")[0] if len(words) > 3 else ""
    return max(0, int(count) - 1) if count.isdigit() else None


def bytes_per_object(record: Record) -> float:
    """Return the resident bytes per object of a process, as a record has them."""
    return max(16.0, record.rss_bytes / record.objects) if record.objects and record.rss_bytes else BYTES_PER_OBJECT


def evidence_s(reading: Reading, per_object: float, load: Load) -> float:
    """Return the seconds from now until a snapshot is whole."""
    alone = START_S + reading.rss_bytes / per_object / OBJECTS_PER_S
    return SAFETY * alone * load.slowdown


def seconds_to_spare(reading: Reading, speed: float, per_object: float, load: Load) -> float | None:
    """Return the seconds until evidence must begin, if it is to be whole before the limit is reached.

    Args:
        reading: the process now.
        speed: of its growth, in bytes a second.
        per_object: its resident bytes per object.
        load: of the machine.

    None where there is no limit, or no growth.
    """
    if reading.limit_bytes is None or reading.ratio is None or speed <= 0:
        return None
    return (USABLE - reading.ratio) * reading.limit_bytes / speed - evidence_s(reading, per_object, load)

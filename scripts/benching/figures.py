"""Figures of one benchmark's process: CPU seconds of its parts, and its peak of memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import TypeVar

Figures = dict[str, float | int | str]
Result = TypeVar("Result")


def peak_bytes() -> int:
    """Give the peak of resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def timed(figures: Figures, name: str, work: Callable[[], Result]) -> Result:
    """Run work and note its CPU seconds."""
    started = time.process_time()
    result = work()
    figures[name] = round(time.process_time() - started, 3)
    return result

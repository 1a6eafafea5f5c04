"""What earlier captures of this session cost: better than any estimate of the next one.

Never outlives the process, and never grows without bound.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

_MAX_TARGETS = 64


@dataclass(frozen=True, slots=True)
class Observed:
    """One capture: bytes that it un-shared at most, of how many that the target had in memory, within how many seconds."""

    unshared_bytes: int
    anonymous_bytes: int
    duration_s: float


_lock = threading.Lock()
_by_key: dict[tuple[int, int, str], Observed] = {}


def remember(pid: int, start_ticks: int, collector: str, observed: Observed) -> None:
    """Keep what a capture cost, in place of what the one before did. Thread-safe."""
    with _lock:
        _by_key.pop((pid, start_ticks, collector), None)
        _by_key[pid, start_ticks, collector] = observed
        while len(_by_key) > _MAX_TARGETS:
            del _by_key[next(iter(_by_key))]


def recall(pid: int, start_ticks: int, collector: str) -> Observed | None:
    """Return what the last capture of this very process cost, None if there was none. Thread-safe."""
    with _lock:
        return _by_key.get((pid, start_ticks, collector))

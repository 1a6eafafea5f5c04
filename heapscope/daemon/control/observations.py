"""What captures cost, as histograms: heard from the daemon's events, as they come.

Never blocks, and never grows: buckets are fixed, targets come from the configuration.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from heapscope.daemon.model import Daemon, Event

DURATION_BUCKETS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0)
PAUSE_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(slots=True)
class Histogram:
    """Counts per bucket; the last one has no upper bound."""

    bounds: Sequence[float]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count one."""
        place = next((at for at, bound in enumerate(self.bounds) if value <= bound), len(self.bounds))
        self.counts[place] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Give them as OpenMetrics has it: how many are at most so much."""
        names = [*(f"{bound:g}" if bound % 1 else f"{bound:.1f}" for bound in self.bounds), "+Inf"]
        return list(zip(names, map(float, itertools.accumulate(self.counts)), strict=True))


class Observations:
    """Durations and pauses per target."""

    def __init__(self) -> None:
        self.durations: dict[str, Histogram] = {}
        self.pauses: dict[str, Histogram] = {}
        self.exports: dict[tuple[str, str], int] = {}

    async def listen(self, daemon: Daemon) -> None:
        """Follow the daemon until it stops."""
        async for event in daemon.follow():
            self.take(event)

    def take(self, event: Event) -> None:
        """Count what an event tells."""
        if event.kind not in {"snapshot_stored", "census_stored"}:
            return
        seconds, pause_ns = event.fields.get("seconds"), event.fields.get("pause_ns")
        if isinstance(seconds, (int, float)):
            self.durations.setdefault(event.target, Histogram(DURATION_BUCKETS)).add(float(seconds))
        if isinstance(pause_ns, int):
            self.pauses.setdefault(event.target, Histogram(PAUSE_BUCKETS)).add(pause_ns / 1e9)

    def exported(self, kind: str, result: str) -> None:
        """Count an export."""
        self.exports[kind, result] = self.exports.get((kind, result), 0) + 1

"""Memory figures of one instance: some files of /proc and of its control groups, read often; slopes over what was read.

Never attaches to anything. One reading takes about 0.2 ms.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field

from heapscope.daemon.conditions import MAX_SLOPE_MINUTES, slope_minutes
from heapscope.daemon.model import Process, Reading
from heapscope.target.limits import HERE, Limit, Places, memory_limits
from heapscope.target.process import read_start_ticks, read_text

KEEP_EVERY_S = 5.0  # between remembered readings: 1,440 of them for two hours
_HOST = "the memory of the host"  # its name in limits.py
_PAGE = os.sysconf("SC_PAGE_SIZE")

Figures = dict[str, float | str | None]


@dataclass(slots=True)
class Observer:
    """Reads one process, and remembers how it went. Not thread-safe."""

    process: Process
    places: Places = HERE
    _past: deque[tuple[float, int]] = field(default_factory=deque)
    _events: dict[str, int] | None = None

    def read(self, wall: float, steady: float) -> Reading | None:
        """Read the figures; None when the process is gone."""
        pid = self.process.pid
        rss = read_rss(pid, self.places.proc)
        if rss is None or read_start_ticks(pid) != self.process.start_ticks:
            return None
        if not self._past or steady - self._past[-1][0] >= KEEP_EVERY_S:
            self._past.append((steady, rss))
            while self._past[0][0] < steady - 60.0 * (MAX_SLOPE_MINUTES + 1):
                self._past.popleft()
        limit, ratio = tightest(rss, memory_limits(pid, self.places))
        return Reading(
            at=wall,
            rss_bytes=rss,
            swap_bytes=read_swap(pid, self.places.proc),
            limit_bytes=limit.total if limit else None,
            limit_name=limit.name if limit else "",
            ratio=ratio,
        )

    def figures(self, reading: Reading, steady: float, wanted: frozenset[str]) -> Figures:
        """Return the figures that conditions ask for; None for what is not known."""
        found: Figures = {"rss": float(reading.rss_bytes), "rss_ratio": reading.ratio}
        for name in wanted:
            minutes = slope_minutes(name)
            if minutes is not None:
                found[name] = self.slope(minutes, reading.rss_bytes, steady)
            elif name.startswith("psi_"):
                found[name] = read_pressure(self.process.cgroup, name, self.places)
        if {"memory_high", "memory_oom"} & wanted:
            found.update(self._event_counts())
        return found

    def slope(self, minutes: int, rss: int, steady: float) -> float | None:
        """Return the growth in bytes per minute over the last minutes; None until so much time was watched."""
        since = steady - 60.0 * minutes
        if not self._past or self._past[0][0] > since + KEEP_EVERY_S:
            return None
        later = (point for point in self._past if point[0] >= since - KEEP_EVERY_S)
        at, before = next(later, self._past[-1])
        return (rss - before) * 60.0 / max(steady - at, 1.0)

    def speed(self, rss: int, steady: float) -> float:
        """Return bytes per second since the last remembered reading but one: how fast a threshold comes nearer."""
        points = list(self._past)[-3:]
        if not points or steady - points[0][0] < 0.1:
            return 0.0
        return max(0.0, (rss - points[0][1]) / (steady - points[0][0]))

    def _event_counts(self) -> Figures:
        now = read_memory_events(self.process.cgroup, self.places)
        before, self._events = self._events, now
        if now is None or before is None:
            return {"memory_high": None, "memory_oom": None}
        return {name: float(max(0, now[name] - before.get(name, 0))) for name in now}


def read_rss(pid: int, proc: str = "/proc") -> int | None:
    """Return the resident bytes of a process, None when it is gone."""
    words = (read_text(f"{proc}/{pid}/statm") or "").split()
    return int(words[1]) * _PAGE if len(words) > 1 else None


def read_swap(pid: int, proc: str = "/proc") -> int:
    """Return the bytes of a process that are in swap; 0 also where the kernel does not say."""
    for line in (read_text(f"{proc}/{pid}/status") or "").splitlines():
        if line.startswith("VmSwap:"):
            words = line.split()
            return int(words[1]) << 10 if len(words) > 1 and words[1].isdigit() else 0
    return 0


def tightest(rss: int, limits: list[Limit]) -> tuple[Limit | None, float | None]:
    """Return the memory limit that is fullest, and how full: the group's use, at least this process's; of the host, this process's."""
    best: tuple[Limit | None, float | None] = (None, None)
    for limit in limits:
        if limit.total <= 0:
            continue
        used = rss if limit.name == _HOST else max(rss, limit.total - limit.available)
        ratio = used / limit.total
        if best[1] is None or ratio > best[1]:
            best = limit, ratio
    return best


def read_pressure(cgroup: str, figure: str, places: Places = HERE) -> float | None:
    """Return ``psi_some_avg60`` and the like, 0...1: of the control group, else of the host; None without PSI."""
    _, kind, window = figure.split("_")
    folder = places.cgroup + cgroup.rstrip("/") if cgroup.startswith("/") and ".." not in cgroup else ""
    text = read_text(f"{folder}/memory.pressure") if folder else None
    text = text or read_text(f"{places.proc}/pressure/memory")
    for line in (text or "").splitlines():
        words = line.split()
        if words and words[0] == kind:
            for word in words[1:]:
                name, _, value = word.partition("=")
                if name == window:
                    return float(value) / 100
    return None


def read_memory_events(cgroup: str, places: Places = HERE) -> dict[str, int] | None:
    """Return how often the group was throttled, and ran out of memory; None where the kernel does not count."""
    if not cgroup.startswith("/") or ".." in cgroup:
        return None
    second = _pairs(f"{places.cgroup}{cgroup.rstrip('/')}/memory.events")
    if second:
        return {"memory_high": second.get("high", 0), "memory_oom": second.get("oom", 0) + second.get("oom_kill", 0)}
    first = f"{places.cgroup}/memory{cgroup.rstrip('/')}"
    control = _pairs(f"{first}/memory.oom_control")
    if not control:
        return None
    failures = (read_text(f"{first}/memory.failcnt") or "0").strip()
    return {"memory_high": int(failures) if failures.isdigit() else 0, "memory_oom": control.get("oom_kill", 0)}


def _pairs(path: str) -> dict[str, int]:
    words = (line.split() for line in (read_text(path) or "").splitlines())
    return {parts[0]: int(parts[1]) for parts in words if len(parts) == 2 and parts[1].isdigit()}

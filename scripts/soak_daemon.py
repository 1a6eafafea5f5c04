#!/usr/bin/env python3
"""A day of the daemon in minutes: targets that come, go, grow, crash and restart, under a clock that runs faster.

Never leaves a process behind. Exits with 1 if the daemon grew, kept what it should not, missed a rule, or left a clone.

    scripts/soak_daemon.py --minutes 10 --targets 20        24 hours in 10 minutes
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from heapscope.daemon.clock import SystemClock
from heapscope.daemon.config import RetentionConfig
from heapscope.daemon.model import Kind
from heapscope.daemon.pauses import START_S
from heapscope.daemon.processes import parse_stat
from heapscope.daemon.retention import Retention, plan
from heapscope.daemon.run import run_daemon
from heapscope.daemon.store import Store
from heapscope.target.process import read_text

DAY_S = 86400.0
THRESHOLD = 60 << 20
SEEN_S = 8.0  # above the threshold for so long, of real time, a rule must have fired
GROWTH_LIMIT = 20 << 20
LEVEL_LIMIT = 4 << 20  # from the second to the last third: who goes on growing is not done after a day
WARM_UP_SHARE = 0.25
CURVE_POINTS = 20
PAUSE_BUDGET = 0.0001  # 8.6 s a day: used up at times, on a busy machine
SCRAPE_S = 5.0
SHORTEST_SLEEP_S = 0.2
TARGET = """
import sys, time
name, size, lives = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
keep = [str(number) for number in range(5000)]
end = time.monotonic() + lives
while time.monotonic() < end:
    if len(keep) < 5000 + size:
        keep.append(bytearray(1 << 20))
        for page in range(0, 1 << 20, 4096):
            keep[-1][page] = 1
    time.sleep(0.05)
sys.exit(name.endswith("crash"))
"""


class FastClock(SystemClock):
    """The machine's clocks, so many times faster since the start; the daemon still looks at most five times a second."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._wall, self._steady = time.time(), time.monotonic()

    def wall(self) -> float:
        """Return the time of day."""
        return self._wall + (time.time() - self._wall) * self._speed

    def steady(self) -> float:
        """Return the seconds since the start."""
        return (time.monotonic() - self._steady) * self._speed

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(SHORTEST_SLEEP_S, seconds / self._speed))


@dataclass(slots=True)
class Life:
    """One process of one target."""

    process: subprocess.Popen[bytes]
    above_since: float | None = None
    above_for: float = 0.0


@dataclass(slots=True)
class Soak:
    """What is going on, and what was seen."""

    names: list[str]
    chance: random.Random
    lives: dict[str, Life] = field(default_factory=dict)
    crossed: set[int] = field(default_factory=set)
    sizes: list[tuple[float, int]] = field(default_factory=list)
    started: int = 0
    scraped_at: float = 0.0
    scrapes: int = 0

    def step(self) -> None:
        """Start what does not run, end some, and note who is above the threshold."""
        for name in self.names:
            life = self.lives.get(name)
            if life is None or life.process.poll() is not None:
                if life is not None or self.chance.random() < 0.2:
                    self.lives[name] = self.start(name)
                continue
            size = resident(life.process.pid)
            if size > THRESHOLD:
                life.above_since = life.above_since or time.monotonic()
                if time.monotonic() - life.above_since > SEEN_S:
                    self.crossed.add(life.process.pid)
            if self.chance.random() < 0.002:
                life.process.kill()

    def start(self, name: str) -> Life:
        """Start one: a third of them grow above the threshold, some crash, all end some time."""
        self.started += 1
        size = self.chance.choice((0, 0, 5, 10, 80, 90))
        words = [
            sys.executable,
            "-c",
            TARGET,
            name + self.chance.choice(("-crash", "")),
            str(size),
            str(self.chance.uniform(20, 120)),
        ]
        return Life(subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def stop(self) -> None:
        """End all."""
        for life in self.lives.values():
            life.process.kill()
            life.process.wait()


def resident(pid: int) -> int:
    """Return the resident bytes of a process."""
    words = (read_text(f"/proc/{pid}/statm") or "0 0").split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE")


def scraped(address: str) -> bool:
    """Ask for the metrics, as Prometheus does; tell whether they came."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as response:
        return b"heapscope_target_up" in response.read()
    return False


def clones() -> list[int]:
    """Return the processes that end without a signal: clones of somebody."""
    found = []
    for entry in os.listdir("/proc"):
        stat = parse_stat(read_text(f"/proc/{entry}/stat") or "") if entry.isdigit() else None
        if (
            stat is not None
            and stat.exit_signal == 0
            and not stat.is_kernel_thread
            and "soak-target" in (read_text(f"/proc/{entry}/cmdline") or "")
        ):
            found.append(int(entry))
    return found


def config_text(folder: Path, names: list[str], interval: str, census: str, address: str) -> str:
    """Describe all targets."""
    head = f'schema = 1\n[daemon]\nstate_dir = "{folder}/state"\nsocket = "{folder}/sock"\npause_budget = "{PAUSE_BUDGET:f}"\n'
    head += f'discovery_interval = "200s"\n[daemon.metrics]\nlisten = "{address}"\n[daemon.retention]\nmin_free_disk = "1%"\n'
    for name in names:
        head += f'[[target]]\nname = "{name}"\nmatch = {{ cmdline = "{name}(-crash)? " }}\ninterval = "{interval}"\ncensus_interval = "{census}"\nreport = false\nmax_per_hour = 1000\n'
        head += f'[[target.rule]]\nname = "big"\nwhen = "rss > {THRESHOLD}"\ncooldown = "30m"\nmax_per_day = 1000\n'
    return head


def main() -> int:
    """Run, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--interval", default="4h")
    parser.add_argument("--census", default="2h")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", nargs=2, metavar=("CONFIG", "SPEED"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        run_daemon(arguments.serve[0], log_format="json", clock=FastClock(float(arguments.serve[1])))
        return 0
    with tempfile.TemporaryDirectory(prefix="heapscope-soak-") as folder:
        return soak(Path(folder), arguments)


def soak(folder: Path, arguments: argparse.Namespace) -> int:
    """Run the targets and the daemon, then look at what is left."""
    names = [f"soak-target-{number:02}" for number in range(arguments.targets)]
    config, log = folder / "heapscope.toml", folder / "log"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    config.write_text(config_text(folder, names, arguments.interval, arguments.census, address))
    speed = DAY_S / (arguments.minutes * 60)
    with log.open("wb") as stream:
        daemon = subprocess.Popen([sys.executable, __file__, "--serve", str(config), str(speed)], stderr=stream)
    state = Soak(names, random.Random(arguments.seed))
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < arguments.minutes * 60 and daemon.poll() is None:
            state.step()
            now = time.monotonic() - begun
            state.sizes.append((now, resident(daemon.pid)))
            if now - state.scraped_at > SCRAPE_S:
                state.scraped_at = now
                state.scrapes += scraped(address)
            time.sleep(0.5)
        code = daemon.poll()
        daemon.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(60)
        time.sleep(1)
        left = clones()
    finally:
        daemon.kill()
        daemon.wait()
        state.stop()
    events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    wall = time.time() + (speed - 1) * (time.monotonic() - begun)
    return judge(state, events, folder, code, left, arguments.minutes * 60 * speed, wall)


def say_sizes(sizes: list[int]) -> tuple[int, int]:
    """Print the daemon's size over time; return its growth after the warm-up, and from the second to the last third."""
    warm, third = sizes[int(WARM_UP_SHARE * len(sizes)) :], len(sizes) // 3
    growth = max(warm[-20:]) - min(warm[:20])
    climb = int(statistics.median(sizes[-third:]) - statistics.median(sizes[third : 2 * third]))
    points = [sizes[number * (len(sizes) - 1) // CURVE_POINTS] >> 20 for number in range(CURVE_POINTS + 1)]
    print(
        f"the daemon's size over time, MB: {points}; after warm-up {growth >> 10:+}K, in the last third {climb >> 10:+}K"
    )
    return growth, climb


def judge(
    state: Soak,
    events: list[dict[str, Any]],
    folder: Path,
    code: int | None,
    left: list[int],
    scaled_s: float,
    wall: float,
) -> int:
    """Print what happened, and what should not have."""
    kinds = dict(Counter(event["event"] for event in events))
    fired = {event["pid"] for event in events if event["event"] == "rule_fired"}
    found = {event["pid"] for event in events if event["event"] == "instance_found"}
    missed = (state.crossed & found) - fired
    growth, climb = say_sizes([size for _, size in state.sizes])
    store = Store(str(folder / "state"))
    store.open()
    Retention(store).tidy(RetentionConfig(), wall)
    records = store.records()
    paused = sum(event.get("pause_ns", 0) for event in events if event["event"].endswith("_stored")) / 1e9
    allowed = PAUSE_BUDGET * (scaled_s + START_S) + 0.1
    old = [one for one in records if one.captured_at < wall - 2 * 3600]
    periods = [(one.target, one.slot, one.kind, one.captured_at // 3600) for one in old]
    problems = {
        "the daemon ended early": code is not None,
        "the daemon grew": growth > GROWTH_LIMIT,
        "the daemon goes on growing": climb > LEVEL_LIMIT,
        "a rule was missed": bool(missed),
        "somebody who grew was never found": bool(state.crossed - found),
        "a clone is left": bool(left),
        "retention is not exact": bool(plan(records, RetentionConfig(), wall)) or len(set(periods)) < len(periods),
        "more was paused than the budget allows": paused > allowed,
        "an internal error": "internal_error" in kinds,
        "no metrics came": not state.scrapes,
    }
    print(f"{scaled_s / 3600:.1f} h, {state.started} processes of {len(state.names)} targets; events {kinds}")
    failures = [f"{event['error']}: {event['message']}" for event in events if event["event"] == "capture_failed"]
    print(f"failed captures, by message: { {text[:70]: failures.count(text) for text in sorted(set(failures))[:12]} }")
    count = sum(one.kind is Kind.SNAPSHOT for one in records)
    print(f"records {len(records)}, snapshots {count}, {store.totals().snapshot_bytes} bytes")
    print(f"paused {paused * 1e3:.1f} ms of {allowed * 1e3:.1f} ms")
    print(
        f"above the threshold for {SEEN_S:.0f} s: {len(state.crossed)} processes, without a rule: {sorted(missed)}; clones left: {left}"
    )
    store.close()
    bad = [what for what, is_so in problems.items() if is_so]
    print("FAILED: " + "; ".join(bad) if bad else "ok")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())

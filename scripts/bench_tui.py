#!/usr/bin/env python3
"""Measure the terminal UI: a key press in a table of a million rows, attaching, and how long its event loop is ever held up.

Judges nothing: machines differ, so compare figures of one run.

    python scripts/bench_tui.py [--rows 1000000] [--objects 5000000] [--format table|json]

``key`` is the processor time of the UI's thread from a key press to the painted frame. ``first`` is the wall time from the start of
the application to the first figures of the target, ``types`` to its types. ``blocked`` is the longest time in which the event
loop did not run while a process with so many objects was captured, analysed and judged; ``cpu`` the part of it that the UI's thread
worked itself: the rest it waited for the interpreter lock, or for a processor.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from textual.pilot import Pilot

from heapscope.tui.app import HeapscopeApp, spare_collector
from heapscope.tui.keeper import Keeper
from heapscope.tui.screens.instances import InstancesScreen

SIZE = (120, 40)
BEAT_S = 0.002
KEYS = (*["down"] * 20, *["pagedown"] * 20, "end", "up", "home", "r", "less_than_sign", "r", *["pageup"] * 5)
TARGET = """
import sys, time
class Record:
    __slots__ = ("a", "b")
    def __init__(self, n): self.a, self.b = n + 0.5, [n]
kept = [Record(n) for n in range(int(sys.argv[1]) // 4)]
print("ready", flush=True)
time.sleep(3600)
"""


@dataclass
class Heartbeat:
    """The event loop's pulse: the longest gap between two beats, and the processor time of this thread in it."""

    longest_s: float = 0.0
    cpu_s: float = 0.0
    gaps: list[float] = field(default_factory=list)

    async def beat(self) -> None:
        """Go on until cancelled."""
        before, worked = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(BEAT_S)
            now, work = time.perf_counter(), time.thread_time()
            gap = now - before - BEAT_S
            self.gaps.append(gap)
            if gap > self.longest_s:
                self.longest_s, self.cpu_s = gap, work - worked
            before, worked = now, work


def many_rows(count: int) -> Keeper:
    """Make a snapshot with so many objects of one type."""
    from tests.tui.support.heaps import make_snapshot  # noqa: PLC0415 - only here

    rows = (("app.Record", count, 48, ("a",)), ("builtins.module", 1, 72, ()))
    return Keeper(loaded=make_snapshot(rows), path="made-up.heapscope")


async def settle(app: HeapscopeApp, pilot: Pilot[int]) -> None:
    """Wait until no worker runs and everything is drawn."""
    await app.workers.wait_for_complete()
    await pilot.pause()


async def measure_keys(rows: int) -> dict[str, float]:
    """Press keys in a table of so many rows; milliseconds of the UI's thread."""
    app = HeapscopeApp(many_rows(rows))
    async with app.run_test(size=SIZE) as pilot:
        await settle(app, pilot)
        await pilot.press("2", "I")
        await settle(app, pilot)
        screen = app.screen
        assert isinstance(screen, InstancesScreen)
        assert screen.table.model is not None
        assert screen.table.model.visible_count == rows
        costs = []
        for key in KEYS:
            started = time.thread_time()
            await pilot.press(key)
            await pilot.pause()
            costs.append((time.thread_time() - started) * 1000)
    costs.sort()
    return {
        "key_median_ms": statistics.median(costs),
        "key_p95_ms": costs[len(costs) * 95 // 100],
        "key_max_ms": costs[-1],
    }


def measure_attach(objects: int) -> dict[str, float]:
    """Attach to a process with so many objects and watch the event loop; milliseconds."""
    with subprocess.Popen([sys.executable, "-c", TARGET, str(objects)], stdout=subprocess.PIPE, text=True) as target:
        try:
            assert target.stdout is not None
            target.stdout.readline()
            return asyncio.run(_attached(target.pid))
        finally:
            target.kill()


async def _attached(pid: int) -> dict[str, float]:
    heart = Heartbeat()
    app = HeapscopeApp(Keeper(pid=pid))
    started = time.perf_counter()
    moments: dict[str, float] = {}
    async with app.run_test(size=SIZE) as pilot:
        beating = asyncio.create_task(heart.beat())
        while app.keeper.view is None or app.keeper.view.report is None:
            await asyncio.sleep(BEAT_S)
            attach = app.attach_screen
            if "first" not in moments and attach is not None and app.keeper.target is not None:
                moments["first"] = time.perf_counter() - started
            if "types" not in moments and app.main_screen is not None:
                moments["types"] = time.perf_counter() - started
            if attach is not None and attach.error is not None:
                raise SystemExit(attach.error.message)
        moments["verdict"] = time.perf_counter() - started
        beating.cancel()
        await settle(app, pilot)
    heart.gaps.sort()
    return {
        **{f"{name}_ms": moment * 1000 for name, moment in moments.items()},
        "blocked_ms": heart.longest_s * 1000,
        "blocked_cpu_ms": heart.cpu_s * 1000,
        "blocked_p999_ms": heart.gaps[len(heart.gaps) * 999 // 1000] * 1000,
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--objects", type=int, default=5_000_000)
    parser.add_argument("--format", choices=["table", "json"], default="table")
    arguments = parser.parse_args()
    spare_collector()  # as the command does
    figures = {"rows": arguments.rows, "objects": arguments.objects}
    if arguments.rows:
        figures |= asyncio.run(measure_keys(arguments.rows))
    if arguments.objects:
        figures |= measure_attach(arguments.objects)
    if arguments.format == "json":
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:<18} {value:>12,.1f}" if isinstance(value, float) else f"{name:<18} {value:>12,}")


if __name__ == "__main__":
    main()

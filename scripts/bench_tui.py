#!/usr/bin/env python3
"""Measure the terminal UI: a key press in a table of a million rows, attaching, and how long its event loop is ever held up.

Judges nothing: machines differ, so compare figures of one run.

    python scripts/bench_tui.py [--rows 1000000] [--beside 0] [--objects 5000000] [--stacks FILE] [--format table|json]

``key`` is the processor time of the UI's thread from a key press to the last frame that it paints, escape sequences included, with a table
of ``rows`` and as many objects ``beside`` it in the snapshot. ``cold`` is wall time from the start of the command to the first figures of
the target on a terminal: its size, then where its memory is, ``cold_…_cpu`` the processor time of all threads by then. ``first`` and ``split`` are the same from the start of the application on,
``types`` to its types, ``verdict`` to the answer. ``blocked`` is the longest time in which the event loop did not run while a process with so many
objects was captured, analysed and judged; ``cpu`` the part of it that the UI's thread worked itself: the rest it waited for the interpreter
lock, or for a processor; ``blocked_own`` is the longest that the thread worked itself, ``held`` the longest without the time in which it
waited for a processor: what is left on a machine with nothing else to do. ``--stacks`` writes what all threads did in each of the longest waits.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import faulthandler
import json
import os
import pty
import re
import select
import statistics
import struct
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from textual import events
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from heapscope.tui.app import HeapscopeApp, give_way
from heapscope.tui.keeper import Keeper
from heapscope.tui.lines import Lines
from heapscope.tui.screens.instances import InstancesScreen

SIZE = (120, 40)
BEAT_S = 0.002
LONG_S = 0.03  # a wait that is worth a look at what the threads do
QUIET_S = 0.06  # without a frame for so long, a key has done all that it does
MAX_S = 10.0
COLD_RUNS = 5
ESCAPES = re.compile(rb"\x1b\[[0-9;?<>=$ ]*[a-zA-Z~]|\x1b[()][A-Z0-9]|\x1b[=>]")
KEYS = (*["down"] * 20, *["pagedown"] * 20, "end", "up", *["pageup"] * 5, "home", "r", "less_than_sign", "r")
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
    own_s: float = 0.0
    held_s: float = 0.0
    gaps: list[float] = field(default_factory=list)
    stacks: IO[str] | None = None

    async def beat(self) -> None:
        """Go on until cancelled."""
        waits = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        before, worked, starved = time.perf_counter(), time.thread_time(), 0.0
        while True:
            if self.stacks is not None:
                faulthandler.dump_traceback_later(LONG_S, file=self.stacks)
            await asyncio.sleep(BEAT_S)
            now, work = time.perf_counter(), time.thread_time()
            gap = now - before - BEAT_S
            self.gaps.append(gap)
            self.own_s = max(self.own_s, work - worked)
            waited = int(os.pread(waits, 100, 0).split()[1]) / 1e9
            held, starved = gap - (waited - starved), waited
            self.held_s = max(self.held_s, held)
            if self.stacks is not None and gap > LONG_S:
                faulthandler.cancel_dump_traceback_later()
                self.stacks.write(
                    f"== waited {gap * 1000:.0f} ms, worked {(work - worked) * 1000:.0f} ms, held {held * 1000:.0f} ms\n"
                )
                self.stacks.flush()
            if gap > self.longest_s:
                self.longest_s, self.cpu_s = gap, work - worked
            before, worked = now, work


class Paper(HeadlessDriver):
    """A terminal that nobody sees: all is drawn and written to it, and it notes when."""

    painted = asyncio.Event()
    worked = 0.0

    @property
    def is_headless(self) -> bool:
        """It is drawn for."""
        return False

    def write(self, data: str) -> None:
        """Take a frame, or what is around it."""
        if len(data) > 40:  # all else switches modes
            Paper.worked = time.thread_time()
            Paper.painted.set()


def application(keeper: Keeper) -> HeapscopeApp:
    """Make an application that draws for paper."""
    app = HeapscopeApp(keeper)
    app.driver_class = Paper
    return app


async def press(app: HeapscopeApp, key: str) -> float:
    """Press a key, wait until no frame comes any more; return the milliseconds that the thread worked until the last one."""
    Paper.painted.clear()
    started = time.thread_time()
    app.post_message(events.Key(key, None))
    await asyncio.wait_for(Paper.painted.wait(), MAX_S)  # every key of KEYS changes what is shown
    with suppress(TimeoutError):
        while True:
            Paper.painted.clear()
            await asyncio.wait_for(Paper.painted.wait(), QUIET_S)
    return (Paper.worked - started) * 1000


def many_rows(count: int, beside: int) -> Keeper:
    """Make a snapshot with so many objects of one type, and of another."""
    from tests.tui.support.heaps import make_snapshot  # noqa: PLC0415 - only here

    others = (("app.Other", beside, 48, ("a",)),) if beside else ()
    rows = (("app.Record", count, 56, ("a",)), *others, ("builtins.module", 1, 72, ()))
    return Keeper(loaded=make_snapshot(rows), path="made-up.heapscope")


async def settle(app: HeapscopeApp, pilot: Pilot[int]) -> None:
    """Wait until no worker runs and everything is drawn."""
    await app.workers.wait_for_complete()
    await pilot.pause()


async def measure_keys(rows: int, beside: int) -> dict[str, float]:
    """Press keys in a table of so many rows; milliseconds of the UI's thread."""
    app = application(many_rows(rows, beside))
    async with app.run_test(size=SIZE, headless=False) as pilot:
        await settle(app, pilot)
        await pilot.press("2")
        await settle(app, pilot)
        assert app.main_screen is not None
        assert app.main_screen.tab.select_type("app.Record")
        await pilot.press("I")
        await settle(app, pilot)
        screen = app.screen
        assert isinstance(screen, InstancesScreen)
        assert screen.table.model is not None
        assert screen.table.model.visible_count == rows
        costs: dict[str, list[float]] = {}
        for key in KEYS:
            costs.setdefault(key, []).append(await press(app, key))
    every = sorted(cost for one in costs.values() for cost in one)
    return {
        **{f"{key}_ms": statistics.median(costs[key]) for key in ("down", "pagedown")},
        "key_median_ms": statistics.median(every),
        "key_p95_ms": every[len(every) * 95 // 100],
        "key_max_ms": every[-1],
    }


def measure_attach(objects: int, stacks: IO[str] | None) -> dict[str, float]:
    """Attach to a process with so many objects and watch the event loop; milliseconds."""
    with subprocess.Popen([sys.executable, "-c", TARGET, str(objects)], stdout=subprocess.PIPE, text=True) as target:
        try:
            assert target.stdout is not None
            target.stdout.readline()
            return {**measure_cold(target.pid), **asyncio.run(_attached(target.pid, stacks))}
        finally:
            target.kill()


def measure_cold(pid: int) -> dict[str, float]:
    """Run the command on a terminal several times, until it shows figures of the target; milliseconds."""
    found = [_cold(pid) for _ in range(COLD_RUNS)]
    return {f"cold_{name}_ms": statistics.median(one[name] for one in found) for name in found[0]}


def _cold(pid: int) -> dict[str, float]:
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    signs = {"first": re.compile(rb"RSS [0-9.]+[KMG]"), "split": re.compile(rb"PSS")}
    found: dict[str, float] = {}
    started, text = time.perf_counter(), b""
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, "-m", "heapscope", "attach", str(pid)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment) as shown:
        os.close(theirs)
        while len(found) < 2 * len(signs) and time.perf_counter() - started < 60 and shown.poll() is None:
            if select.select([ours], [], [], 0.5)[0]:
                text += os.read(ours, 65_536)
            plain = ESCAPES.sub(b"", text)
            for name, sign in signs.items():
                if name not in found and sign.search(plain):
                    found[name] = (time.perf_counter() - started) * 1000
                    found[f"{name}_cpu"] = processor_ms(shown.pid)
        shown.terminate()
        with suppress(OSError):
            while os.read(ours, 65_536):
                pass
    os.close(ours)
    return {name: found.get(name, float("nan")) for sign in signs for name in (sign, f"{sign}_cpu")}


def processor_ms(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def _attached(pid: int, stacks: IO[str] | None) -> dict[str, float]:
    heart = Heartbeat(stacks=stacks)
    app = application(Keeper(pid=pid))
    started = time.perf_counter()
    moments: dict[str, float] = {}
    async with app.run_test(size=SIZE, headless=False) as pilot:
        beating = asyncio.create_task(heart.beat())
        while app.keeper.view is None or app.keeper.view.report is None:
            await asyncio.sleep(BEAT_S)
            attach = app.attach_screen
            if "first" not in moments and attach is not None and app.keeper.target is not None:
                moments["first"] = time.perf_counter() - started
            if "split" not in moments and attach is not None and attach.query_one("#attach-memory", Lines).shown:
                moments["split"] = time.perf_counter() - started
            if "types" not in moments and app.main_screen is not None:
                moments["types"] = time.perf_counter() - started
            if attach is not None and attach.error is not None:
                raise SystemExit(attach.error.message)
        moments["verdict"] = time.perf_counter() - started
        beating.cancel()
        if stacks is not None:
            faulthandler.cancel_dump_traceback_later()
        await settle(app, pilot)
    heart.gaps.sort()
    return {
        **{f"{name}_ms": moment * 1000 for name, moment in moments.items()},
        "blocked_ms": heart.longest_s * 1000,
        "blocked_cpu_ms": heart.cpu_s * 1000,
        "blocked_own_ms": heart.own_s * 1000,
        "held_ms": heart.held_s * 1000,
        "blocks_over_50": float(sum(gap > 0.05 for gap in heart.gaps)),
        "blocked_p999_ms": heart.gaps[len(heart.gaps) * 999 // 1000] * 1000,
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--beside", type=int, default=0)
    parser.add_argument("--stacks", type=argparse.FileType("w"))
    parser.add_argument("--objects", type=int, default=5_000_000)
    parser.add_argument("--format", choices=["table", "json"], default="table")
    arguments = parser.parse_args()
    compileall.compile_dir(
        str(ROOT / "heapscope"), quiet=1
    )  # as after the first run, also where none may write byte code
    give_way()  # as the command does
    figures: dict[str, Any] = {"rows": arguments.rows, "beside": arguments.beside, "objects": arguments.objects}
    if arguments.rows:
        figures |= asyncio.run(measure_keys(arguments.rows, arguments.beside))
    if arguments.objects:
        figures |= measure_attach(arguments.objects, arguments.stacks)
    if arguments.format == "json":
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:<18} {value:>12,.1f}" if isinstance(value, float) else f"{name:<18} {value:>12,}")


if __name__ == "__main__":
    main()

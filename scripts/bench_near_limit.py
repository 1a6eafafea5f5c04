#!/usr/bin/env python3
"""Evidence before the end: a target in a control group with a memory limit grows until the kernel kills it; when is its snapshot whole?

Never limits anything but its own target. Needs root, and a memory controller (version 1 or 2). Exits with 1 if evidence was late.

    sudo scripts/bench_near_limit.py --limit 1G --speed 50M --rule 0.75 [--busy 8] [--without-nice]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from heapscope.daemon.quantities import parse_size

PATIENCE_S = 120.0
WITHOUT_NICE = ("setpriv", "--inh-caps=-sys_nice", "--bounding-set=-sys_nice")  # root, but for this
TARGET = """
import sys, time
name, speed = sys.argv[1], float(sys.argv[2])
keep, begun, made = [], time.monotonic(), 0
while True:
    while made < speed * (time.monotonic() - begun):
        keep.append({"number": made, "body": bytes(4000)})
        made += 4300
    time.sleep(0.005)
"""


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """Make a control group with a memory limit, and remove it."""
    second = Path("/sys/fs/cgroup/cgroup.controllers")
    root = (
        Path("/sys/fs/cgroup") if second.exists() and "memory" in second.read_text() else Path("/sys/fs/cgroup/memory")
    )
    group = root / f"heapscope-bench-{os.getpid()}"
    group.mkdir()
    try:
        name = "memory.max" if root.name == "cgroup" else "memory.limit_in_bytes"
        (group / name).write_text(str(limit))
        yield group
    finally:
        end = time.monotonic() + PATIENCE_S
        while (
            group / "cgroup.procs"
        ).read_text() and time.monotonic() < end:  # what has been killed needs its time to end
            time.sleep(0.1)
        group.rmdir()


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep the processors busy, each loop at the usual priority."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def main() -> int:
    """Run it a few times, and print when what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=parse_size, default=parse_size("1G"))
    parser.add_argument("--speed", type=parse_size, default=parse_size("50M"), help="bytes a second")
    parser.add_argument("--rule", type=float, default=0.75)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--busy", type=int, default=0, help="so many others want a processor all the time")
    parser.add_argument("--without-nice", action="store_true", help="the daemon may not raise any priority")
    arguments = parser.parse_args()
    with busy_loops(arguments.busy):
        results = [run(arguments) for _ in range(arguments.runs)]
    return 0 if all(results) else 1


def run(arguments: argparse.Namespace) -> bool:
    """Run once; tell whether the snapshot was whole before the target was killed."""
    with tempfile.TemporaryDirectory(prefix="heapscope-near-") as name, memory_group(arguments.limit) as group:
        folder = Path(name)
        config, log = folder / "heapscope.toml", folder / "log"
        config.write_text(
            f'schema = 1\n[daemon]\nstate_dir = "{folder}/state"\nsocket = "{folder}/sock"\ndiscovery_interval = "1s"\n'
            '[daemon.retention]\nmin_free_disk = "0"\n[[target]]\nname = "grower"\nmatch = { cmdline = "near-limit-target" }\n'
            f'interval = "0"\n[[target.rule]]\nname = "near-limit"\nwhen = "rss_ratio > {arguments.rule}"\nactions = ["snapshot", "report"]\n'
        )
        words = [sys.executable, "-c", TARGET, "near-limit-target", str(int(arguments.speed))]
        with log.open("wb") as stream:
            run_words = [
                *(WITHOUT_NICE if arguments.without_nice else ()),
                sys.executable,
                "-m",
                "heapscope",
                "daemon",
                "run",
                "--config",
                str(config),
                "--log-format",
                "json",
            ]
            daemon = subprocess.Popen(run_words, stderr=stream, cwd=Path(__file__).resolve().parents[1])
        wait_for(log, "started")
        # Into the group first: the memory of a process is counted where it was when it took it.
        target = subprocess.Popen(["sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', str(group), *words])
        try:
            code = target.wait(PATIENCE_S)
            died = time.time()
            time.sleep(1)
        finally:
            target.kill()
            target.wait()
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(PATIENCE_S)
        return say(log, died, code, arguments)


def wait_for(log: Path, kind: str) -> None:
    """Wait for an event."""
    end = time.monotonic() + PATIENCE_S
    while f'"event": "{kind}"' not in log.read_text():
        if time.monotonic() > end:
            sys.exit(log.read_text())
        time.sleep(0.05)


def say(log: Path, died: float, code: int, arguments: argparse.Namespace) -> bool:
    """Print the moments, in seconds before the target's end."""
    events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    fired = [event["time"] for event in events if event["event"] == "rule_fired"]
    kept = [event for event in events if event["event"] == "snapshot_stored"]
    if not fired or not kept:
        begun = fired[0] if fired else died
        shown = [
            f"{event['time'] - begun:+.2f} s {event['event']} {event.get('limit_ratio', '')} {event['message'][-160:]}"
            for event in events
        ]
        print(f"NO EVIDENCE, killed {died - begun:+.2f} s: " + "; ".join(shown))
        return False
    left = arguments.limit * (1 - arguments.rule) / arguments.speed
    print(
        f"{arguments.busy} busy; killed by {signal.Signals(-code).name if code < 0 else code}; {left:.1f} s from the threshold to the limit; before the end: rule fired"
        f" {died - fired[0]:.2f} s, snapshot whole {died - kept[0]['time']:.2f} s ({kept[0]['objects']} objects, {kept[0]['pause_ns'] / 1e6:.1f} ms pause)"
    )
    return bool(kept[0]["time"] < died)


if __name__ == "__main__":
    sys.exit(main())

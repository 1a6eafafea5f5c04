#!/usr/bin/env python3
"""Measure what captures cost the users of a live service: gunicorn and Flask, two workers, a large heap in each, under load.

Requests come on schedule from a process of their own, whatever the answers take; waiting counts from the moment a request was due.
Captures take turns with stretches without one, so that both see the same machine; the two workers are captured in turn.

    python scripts/bench_service.py [--objects 30000000] [--captures 10] [--rate 60] [--format table|json] [PYTHON ...]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.units import format_bytes, format_count, format_duration_ns
from scripts.benching.environments import environment_with, packages_for, version_of
from scripts.benching.report import markdown
from scripts.benching.targets import status_bytes
from tests.support.command_line import heapscope_words
from tests.support.load import free_port, wait_for_server
from tests.support.targets import children_of

WORKERS = 2
START_S = 600.0
FACTOR = 2.0
SERVERS = ROOT / "tests" / "integration" / "servers"
LOAD = ROOT / "scripts" / "benching" / "load.py"
Span = tuple[int, int]


@contextlib.contextmanager
def serving(python: str, objects: int) -> Iterator[tuple[int, list[int]]]:
    """Start the service; yield its port and its workers when each has built its heap. All of it is killed at the end."""
    packages = packages_for(python, ("flask", "gunicorn"))
    if packages is None:
        raise SystemExit(f"{python}: flask and gunicorn are not to be had")
    port = free_port()
    words = ["-m", "gunicorn", "--workers", str(WORKERS), "--timeout", "900", "--log-level", "error"]
    environment = {**environment_with(packages), "HEAPSCOPE_BENCH_OBJECTS": str(objects)}
    with subprocess.Popen(
        [python, *words, "--bind", f"127.0.0.1:{port}", "bench_app:app"],
        cwd=SERVERS,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            wait_for_server(port, START_S)
            yield port, _settled_workers(process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _settled_workers(master: int) -> list[int]:
    """Wait until no worker grows any more: one may answer while the other still builds."""
    last: list[int] = []
    while True:
        workers = children_of(master)
        sizes = [status_bytes(pid, "VmRSS") for pid in workers]
        if len(workers) == WORKERS and sizes == last:
            return workers
        last = sizes
        time.sleep(2.0)


@contextlib.contextmanager
def load_on(port: int, per_second: float) -> Iterator[list[list[int]]]:
    """Ask while the block runs; what the list holds afterwards is what load.py printed."""
    samples: list[list[int]] = []
    command = [sys.executable, str(LOAD), str(port), str(per_second)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield samples
            output, _ = process.communicate()
            samples += json.loads(output)
        finally:
            process.kill()


def take_turns(workers: list[int], captures: int, rest_s: float) -> tuple[list[Span], list[Span]]:
    """Capture each worker in turn, resting after each; return the spans with and those without a capture (monotonic ns)."""
    busy: list[Span] = []
    idle: list[Span] = []
    moment = time.monotonic_ns()
    time.sleep(rest_s)
    for number in range(captures):
        begun = time.monotonic_ns()
        idle.append((moment, begun))
        with tempfile.TemporaryDirectory(prefix="heapscope-bench-") as folder:
            options = ("--timeout", "600", "-o", f"{folder}/file", str(workers[number % WORKERS]))
            subprocess.run(
                heapscope_words("--quiet", "snapshot", *options), check=True, stdout=subprocess.DEVNULL, cwd=ROOT
            )
            moment = time.monotonic_ns()
        busy.append((begun, moment))
        moment += 1_000_000_000  # what the capture left to be answered is nobody's
        time.sleep(1.0 + rest_s)
    return busy, idle


def waits_in(samples: list[list[int]], spans: list[Span]) -> list[int]:
    """Return how long the requests waited that were due in one of the spans."""
    return [waited for due, waited in samples if any(start <= due < end for start, end in spans)]


def percentiles(waits: list[int]) -> dict[str, int]:
    """Return requests, failures, and the wait in ns at a few percentiles."""
    good = sorted(wait for wait in waits if wait >= 0)
    cuts = statistics.quantiles(good, n=1000, method="inclusive")
    return {
        "requests": len(waits),
        "failures": len(waits) - len(good),
        "p50_ns": int(cuts[499]),
        "p99_ns": int(cuts[989]),
        "p999_ns": int(cuts[998]),
        "longest_ns": good[-1],
    }


def measure(python: str, objects: int, captures: int, per_second: float, rest_s: float) -> dict[str, Any]:
    """Run the service, the load and the captures; times in ns, sizes in bytes."""
    with serving(python, objects) as (port, workers):
        sizes = [status_bytes(pid, "VmRSS") for pid in workers]
        with load_on(port, per_second) as samples:
            busy, idle = take_turns(workers, captures, rest_s)
        grown = [status_bytes(pid, "VmRSS") for pid in workers]
    without, during = percentiles(waits_in(samples, idle)), percentiles(waits_in(samples, busy))
    return {
        "python": python,
        "version": version_of(python),
        "worker_rss_bytes": min(sizes),
        "worker_rss_change": round(max(after / before - 1 for before, after in zip(sizes, grown, strict=True)), 4),
        "capture_ns": int(statistics.median(end - start for start, end in busy)),
        "without": without,
        "during": during,
        "p99_ratio": round(during["p99_ns"] / without["p99_ns"], 2),
        "is_within": during["p99_ns"] <= FACTOR * without["p99_ns"] and not during["failures"],
    }


def table_of(rows: list[dict[str, Any]]) -> str:
    """Return one line for each interpreter and state."""
    lines = []
    for row in rows:
        for state in ("without", "during"):
            figures = row[state]
            times = [format_duration_ns(figures[name]) for name in ("p50_ns", "p99_ns", "p999_ns", "longest_ns")]
            size = format_bytes(row["worker_rss_bytes"])
            name = f"{row['version']}, {size} a worker: {state}" if state == "without" else f"{state} captures"
            counts = [format_count(figures["requests"]), str(figures["failures"])]
            ratio = f"{row['p99_ratio']:.2f}" + ("" if row["is_within"] else " (over)") if state == "during" else ""
            lines.append([name, *counts, *times, ratio])
    return markdown(["", "requests", "failed", "p50", "p99", "p99.9", "longest", "p99 during / without"], lines)


def main() -> None:
    """Measure each interpreter given, or the one that runs this script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=30_000_000, help="in each worker; about 70 bytes each")
    parser.add_argument("--captures", type=int, default=10)
    parser.add_argument("--rate", type=float, default=60.0, help="requests a second, to both workers together")
    parser.add_argument("--rest", type=float, default=5.0, help="seconds without a capture between two")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("python", nargs="*", default=[sys.executable])
    options = parser.parse_args()
    rows = [measure(each, options.objects, options.captures, options.rate, options.rest) for each in options.python]
    print(json.dumps(rows, indent=1) if options.format == "json" else table_of(rows))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Measure what a capture costs its target, how fast it is, and how much of the heap it sees.

Each figure comes with its mark, and is judged; but machines are noisy: compare the columns of one run.

    python scripts/bench_capture.py [--objects 10000000] [--captures 5] [--coverage] [--format table|json] [PYTHON ...]

    load average   of the machine, the minute before: what else runs makes wall times longer, processor times hardly
    bare clone     median of the raw system call made by the target itself, GIL held: nothing can be faster
    own gap        longest time between two ticks of a 1 ms thread in the target, in a second without a capture
    longest gap    the same during each capture (median); at most 2 x bare clone + 10 ms
    pause          what heapscope says about itself
    streamed       objects a second, walked by the clone and decoded into the host's columns at the same time
    clone, host    the same by the processor time that each of the two took; the host's with the building of the snapshot
    to snapshot    objects a second from the start of the capture, clone and all, to the finished snapshot
    to file        `heapscope snapshot`, from its start to its end
    clone wrote    growth of the clone's private memory by the end of its walk; at most 2 % of the RSS + 16 MB
    target         RSS, allocated blocks and instances with a __dict__, afterwards against before
    coverage       what the snapshot says about itself: bytes attributed / bytes in use by the small-object allocator
    ... / traced   with --coverage: requested bytes attributed / traced by tracemalloc, for four workloads; 0.98 to 1.005
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.benching.captures import captured, dirty_growth, drained
from scripts.benching.coverage import WORKLOADS, measure_coverage
from scripts.benching.report import capture_table
from scripts.benching.targets import BenchTarget, bench_target, status_bytes
from tests.support.command_line import heapscope_words

IDLE_S = 1.0
MEDIANS = (
    "pause_ns",
    "capture_ns",
    "stream_ns",
    "host_stream_cpu_ns",
    "build_ns",
    "host_build_cpu_ns",
    "gap_ns",
    "clone_cpu_ns",
)


def capture_once(target: BenchTarget, collector: str) -> dict[str, Any]:
    """Capture once, and ask the target what it noticed."""
    children = target.ask("children")
    target.ask("gap")
    row = captured(target.pid, collector)
    return {**row, "gap_ns": target.ask("gap"), "clone_cpu_ns": target.ask("children") - children}


def to_file_ns(pid: int, collector: str) -> int:
    """Time the ``snapshot`` command from start to end."""
    with tempfile.TemporaryDirectory(prefix="heapscope-bench-") as folder:
        options = ("--timeout", "300", "--collector", collector, "-o", f"{folder}/file")
        command = heapscope_words("--quiet", "snapshot", *options, str(pid))
        started = time.perf_counter_ns()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter_ns() - started


def own_figures(target: BenchTarget) -> dict[str, int]:
    """Return what the target costs itself."""
    clone_ns = target.ask("clone")
    target.ask("gap")
    time.sleep(IDLE_S)
    return {"bare_clone_ns": clone_ns, "own_gap_ns": target.ask("gap")}


def changes(before: dict[str, int], after: dict[str, int]) -> dict[str, float]:
    """Return how the target differs from before; ``rss_change`` is a share."""
    return {
        "rss_change": round(after["rss"] / before["rss"] - 1, 5),
        "blocks_change": after["blocks"] - before["blocks"],
        "dicts_change": after["dicts"] - before["dicts"],
    }


def state_of(target: BenchTarget) -> dict[str, int]:
    """Return what must be as before."""
    return {**target.facts(), "rss": status_bytes(target.pid, "VmRSS")}


def measure(python: str, objects: int, captures: int, collector: str) -> dict[str, Any]:
    """Run one target and capture it several times; times in ns, sizes in bytes."""
    load, _, _ = os.getloadavg()
    with bench_target(python, "records", objects) as target:
        state_of(target)
        target.ask("children")  # before 3.9 a function keeps the frame of its first call: one block each
        figures = own_figures(target)
        before = state_of(target)
        runs = [capture_once(target, collector) for _ in range(captures)]
        after = state_of(target)
        stream = drained(target.pid, collector)
        wrote = dirty_growth(target.pid, collector, stream["stream_bytes"])
        files = [to_file_ns(target.pid, collector) for _ in range(captures)]
    medians = {name: int(statistics.median(run[name] for run in runs)) for name in MEDIANS}
    row = {**runs[-1], **figures, **medians, **stream, **changes(before, after)}
    row["load_average"] = round(load, 2)
    return {"python": python, **row, "clone_wrote_bytes": wrote, "to_file_ns": int(statistics.median(files))}


def main() -> None:
    """Measure each interpreter given, or the one that runs this script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1_000_000, help="0: only what else is asked for")
    parser.add_argument("--captures", type=int, default=5)
    parser.add_argument("--collector", choices=("auto", "native", "python"), default="auto")
    parser.add_argument("--coverage", nargs="*", choices=tuple(WORKLOADS), help="also these workloads, or all")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("python", nargs="*", default=[sys.executable])
    options = parser.parse_args()
    workloads = [] if options.coverage is None else options.coverage or list(WORKLOADS)
    rows = []
    for python in options.python:
        row = measure(python, options.objects, options.captures, options.collector) if options.objects else {}
        row["workloads"] = [measure_coverage(python, workload, options.collector) for workload in workloads]
        rows.append({"python": python, **row})
    print(json.dumps(rows, indent=1) if options.format == "json" else capture_table(rows))


if __name__ == "__main__":
    main()

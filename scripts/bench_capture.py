#!/usr/bin/env python3
"""Measure what a capture costs its target: the longest pause seen from inside, against the bare clone of the same process.

Prints one line per interpreter. Judges nothing: machines are noisy, so compare the columns of one line.

    python scripts/bench_capture.py [--objects 1000000] [--captures 3] [--format table|json] [PYTHON ...]

    bare clone   median of the raw system call made by the target itself, GIL held: nothing can be faster
    own gap      longest time between two ticks of a 1 ms thread in the target before any capture
    gap          the same during the captures; gap / clone is the figure to look at
    pause        what heapscope says about itself (median)
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.service.capture import CaptureOptions, capture
from heapscope.units import format_bytes, format_count, format_duration_ns

TARGET = r"""
import ctypes, json, os, sys, threading, time
class Record:
    def __init__(self, number):
        self.number = number
        self.tags = [number]
RECORDS = [Record(number) for number in range(int(sys.argv[1]) // 2)]
GAP = [0]
def tick():
    last = time.perf_counter_ns()
    while True:
        time.sleep(0.001)
        now = time.perf_counter_ns()
        GAP[0] = max(GAP[0], now - last)
        last = now
def bare_clone():
    call = ctypes.PyDLL(None).syscall
    call.restype = ctypes.c_long
    times = []
    for _ in range(9):
        started = time.perf_counter_ns()
        pid = call(56, 0, None, None, None, None)
        if pid == 0:
            os._exit(0)
        times.append(time.perf_counter_ns() - started)
        os.waitpid(pid, 0x40000000)
        time.sleep(0.02)
    return sorted(times)[4]
threading.Thread(target=tick, daemon=True).start()
for line in sys.stdin:
    if line.strip() == "clone":
        answer = bare_clone()
    else:
        answer, GAP[0] = GAP[0], 0
    print(json.dumps(answer), flush=True)
"""


def ask(target: subprocess.Popen[str], question: str) -> int:
    """Ask the target for one figure."""
    assert target.stdin is not None
    assert target.stdout is not None
    target.stdin.write(question + "\n")
    target.stdin.flush()
    return int(json.loads(target.stdout.readline()))


def measure(python: str, objects: int, captures: int) -> dict[str, Any]:
    """Run one target and capture it several times; return the figures, times in ns, sizes in bytes."""
    command = [python, "-c", TARGET, str(objects)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as target:
        try:
            clone_ns = ask(target, "clone")
            ask(target, "gap")
            subprocess.run(["sleep", "1"], check=True)
            own_gap_ns = ask(target, "gap")
            snapshots, gaps = [], []
            for _ in range(captures):
                ask(target, "gap")
                snapshots.append(capture(target.pid, CaptureOptions(timeout_s=300)))
                gaps.append(ask(target, "gap"))
        finally:
            target.kill()
    last = snapshots[-1]
    return {
        "python_version": last.meta.python_version,
        "objects": last.object_count,
        "rss_bytes": last.meta.rss_before_bytes,
        "bare_clone_ns": clone_ns,
        "own_gap_ns": own_gap_ns,
        "gap_ns": int(statistics.median(gaps)),
        "ratio": round(statistics.median(gaps) / clone_ns, 2),
        "pause_ns": int(statistics.median(each.meta.pause_ns for each in snapshots)),
        "capture_ns": int(statistics.median(each.meta.capture_ns for each in snapshots)),
    }


def main() -> None:
    """Measure each interpreter given, or the one that runs this script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--captures", type=int, default=3)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("python", nargs="*", default=[sys.executable])
    options = parser.parse_args()
    rows = []
    for python in options.python:
        row = measure(python, options.objects, options.captures)
        rows.append(row)
        if options.format == "table":
            times = {
                name: format_duration_ns(row[name + "_ns"])
                for name in ("bare_clone", "own_gap", "gap", "pause", "capture")
            }
            print(
                f"{row['python_version']:9} {format_count(row['objects']):>8} objects {format_bytes(row['rss_bytes']):>6}"
                f"  bare clone {times['bare_clone']:>8}  own gap {times['own_gap']:>8}  gap {times['gap']:>8}"
                f"  gap/clone {row['ratio']:5.2f}  pause {times['pause']:>8}  capture {times['capture']:>7}"
            )
    if options.format == "json":
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()

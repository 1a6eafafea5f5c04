#!/usr/bin/env python3
"""What it costs to know where the memory of a process is: time to the first figures, time in a capture, cost in the target.

Starts a target of its own with so many objects, and as many blocks of malloc's; a thread of it ticks every millisecond and notes
its longest gap, with and without somebody looking.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.analysis.memory import split_memory
from heapscope.service.capture import capture
from heapscope.service.memory import frozen_memory, observe_memory, quick_memory
from heapscope.target.discovery import target_of
from heapscope.units import format_bytes

TARGET = """
import ctypes, json, sys, threading, time
count = int(sys.argv[1])
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
keep = [(str(number), [number]) for number in range(count // 3)]
blocks = [libc.malloc(200 + number % 2000) for number in range(count // 10)]
gap = 0.0
def tick():
    global gap
    before = time.monotonic()
    while True:
        time.sleep(0.001)
        now = time.monotonic()
        gap, before = max(gap, now - before), now
threading.Thread(target=tick, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    found, gap = gap, 0.0
    print(json.dumps({"gap": found, "cpu": time.process_time()}), flush=True)
"""


def main() -> None:
    """Measure, and write a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--python", default=sys.executable, help="the target's interpreter")
    parser.add_argument("--rounds", type=int, default=7)
    choice = parser.parse_args()
    command = [choice.python, "-c", TARGET, str(choice.objects)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            measure(process, choice.rounds)
        finally:
            process.kill()


def ask(process: subprocess.Popen[str]) -> dict[str, float]:
    """Have the target tell its longest gap since it was asked before, and its CPU time."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    assert isinstance(answer, dict)
    return answer


def measure(process: subprocess.Popen[str], rounds: int) -> None:
    """Write one line per way of looking."""
    target = target_of(process.pid)
    quick_memory(target)  # imports
    print(f"target: RSS {format_bytes(target.rss_bytes)}; median of {rounds}")
    print(f"{'':<34}{'wall':>10}{'our CPU':>10}{'longest gap of the target':>28}")
    ask(process)
    time.sleep(1)
    print(f"{'nobody looks, 1 s':<34}{'':>10}{'':>10}{ask(process)['gap'] * 1000:>25.1f} ms")
    report("first figures", process, rounds, lambda: split_memory(quick_memory(target), None))
    observed = observe_memory(target)
    report("smaps, stacks, limits", process, rounds, lambda: observe_memory(target))
    report("the same and all allocators", process, rounds, lambda: frozen_memory(target, observed, process.pid))
    snapshot = capture(process.pid)
    assert snapshot.memory is not None
    facts = snapshot.memory
    report("split of the snapshot", process, rounds, lambda: split_memory(facts, snapshot))
    report("whole capture, for comparison", process, 3, lambda: capture(process.pid))
    split = split_memory(facts, snapshot)
    print(f"unexplained {split.unexplained_share:.2%}; {split.verdict}")


def report(name: str, process: subprocess.Popen[str], rounds: int, work: object) -> None:
    """Run something a few times."""
    assert callable(work)
    walls, cpus, gaps = [], [], []
    for _ in range(rounds):
        ask(process)
        wall, cpu = time.monotonic(), time.process_time()
        work()
        walls.append(time.monotonic() - wall)
        cpus.append(time.process_time() - cpu)
        gaps.append(ask(process)["gap"])
    figures = [statistics.median(each) * 1000 for each in (walls, cpus, gaps)]
    print(f"{name:<34}{figures[0]:>7.0f} ms{figures[1]:>7.0f} ms{figures[2]:>25.1f} ms")


if __name__ == "__main__":
    main()

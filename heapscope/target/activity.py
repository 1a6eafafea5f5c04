"""How much a process has in memory, and how fast it writes: what decides the cost of a clone that shares it.

Never writes to /proc/PID/clear_refs, which would show the writes exactly but makes the target fault on each page again.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from heapscope.target.process import parse_status, read_text

BUSY_WRITE_RATE = 150 << 20
"""Bytes that a busy thread un-shares in a second. Python service loops on heaps of 300 MB took 0.3 MB (arithmetic, JSON), 30 MB
(records looked up and written out) and 110-190 MB (a walk over everything, or one full garbage collection), most of it in the first 0.2 s."""

_WINDOW_S = 0.05
_KILOBYTE = 1024


@dataclass(frozen=True, slots=True)
class MemoryFacts:
    """What /proc/PID/status says about memory, in bytes.

    ``anonymous`` is what a clone shares until one side writes; ``page_tables`` are copied at once; ``swapped`` comes back into
    memory when the clone reads it.
    """

    anonymous: int
    page_tables: int
    swapped: int


@dataclass(frozen=True, slots=True)
class Activity:
    """Counters of a process at one moment: CPU time of all threads in ns, minor page faults."""

    at: float  # time.monotonic
    cpu_ns: int
    minor_faults: int


def read_memory_facts(pid: int, proc: str = "/proc") -> MemoryFacts:
    """Read the figures; zeros for a process that is gone."""
    status = parse_status(read_text(f"{proc}/{pid}/status") or "")

    def size(key: str) -> int:
        words = status.get(key, "").split()
        return int(words[0]) * _KILOBYTE if words and words[0].isdigit() else 0

    return MemoryFacts(size("RssAnon"), size("VmPTE"), size("VmSwap"))


def read_activity(pid: int, proc: str = "/proc") -> Activity | None:
    """Read the counters; None for a process that is gone."""
    text = read_text(f"{proc}/{pid}/stat") or ""
    fields = text[text.rfind(")") + 2 :].split()
    if len(fields) < 13:
        return None
    tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    ticks = (int(fields[11]) + int(fields[12])) * tick_ns
    return Activity(time.monotonic(), _exact_cpu_ns(pid, proc) or ticks, int(fields[7]))


def _exact_cpu_ns(pid: int, proc: str) -> int:
    """Sum the first field of each thread's schedstat; 0 where the kernel does not count."""
    total = 0
    try:
        threads = os.listdir(f"{proc}/{pid}/task")
    except OSError:
        return 0
    for thread in threads:
        words = (read_text(f"{proc}/{pid}/task/{thread}/schedstat") or "").split()
        total += int(words[0]) if words and words[0].isdigit() else 0
    return total


def write_rate(before: Activity, after: Activity) -> float:
    """Estimate, in bytes a second, what a process un-shares from a clone: by its CPU time, at least by its page faults.

    A thread that ended in between takes its CPU time with it: never below zero.
    """
    seconds = max(after.at - before.at, 1e-3)
    cores = max(0, after.cpu_ns - before.cpu_ns) / 1e9 / seconds
    faults = max(0, after.minor_faults - before.minor_faults) / seconds
    return max(cores * BUSY_WRITE_RATE, faults * os.sysconf("SC_PAGE_SIZE"))


def write_rate_since(pid: int, before: Activity | None) -> float:
    """Estimate the write rate since an earlier reading; waits until that is at least 50 ms ago."""
    if before is None:
        return 0.0
    time.sleep(max(0.0, _WINDOW_S - (time.monotonic() - before.at)))
    after = read_activity(pid)
    return write_rate(before, after) if after else 0.0


def read_unshared(pid: int, proc: str = "/proc") -> int | None:
    """Return what a clone costs: pages that only it has (copied by it, or left to it by a write of the target), page tables.

    None when it has ended. The kernel walks its page tables: about 10 ms for each gigabyte, of the clone's time, not the target's.
    """
    values = parse_status(read_text(f"{proc}/{pid}/smaps_rollup") or "")
    # What the kernel copied because somebody read it through process_vm_readv is clean.
    words = [values.get(key, "").split() for key in ("Private_Dirty", "Private_Clean")]
    if not all(words):
        return None
    return sum(int(each[0]) for each in words) * _KILOBYTE + read_memory_facts(pid, proc).page_tables

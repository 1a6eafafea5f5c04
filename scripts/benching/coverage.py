"""How much of what a target requested from its allocators a snapshot attributes to objects, by tracemalloc's count.

Static objects, and what is requested before tracemalloc starts, are attributed but not traced: about 1.5 MB of every process.
The workloads are large enough for that not to decide.

What is attributed too little is the padding of ints: one of a single digit has 28 bytes by its __sizeof__, and is requested as the
32 of the whole structure, from 3.14 on always, on 3.11 to 3.13 where arithmetic made it, which nothing in memory tells. Sizes stay
what sys.getsizeof says; the allocated ones are right either way, as both come from one size class. n such ints in a list: 36 n of 40 n.
"""

from __future__ import annotations

from typing import Any

from heapscope.service.capture import CaptureOptions, capture
from scripts.benching.environments import packages_for
from scripts.benching.targets import bench_target

RANGE = (0.98, 1.005)
TIMEOUT_S = 600
# name -> how much (bench_workloads.py), and the packages that the workload is about
WORKLOADS: dict[str, tuple[int, tuple[str, ...]]] = {
    "records": (4_000_000, ()),
    "json": (3_000_000, ()),
    "application": (1, ("sphinx",)),
    "numbers": (1_500_000, ("numpy", "pandas")),
}


def measure_coverage(python: str, workload: str, collector: str) -> dict[str, Any]:
    """Capture one workload under tracemalloc; sizes in bytes, ``ratio`` = attributed / traced, None where packages are missing."""
    size, requirements = WORKLOADS[workload]
    row: dict[str, Any] = {"workload": workload, "objects": 0, "traced_bytes": 0, "attributed_bytes": 0, "ratio": None}
    packages = packages_for(python, requirements) if requirements else None
    if requirements and packages is None:
        return {**row, "allocator_coverage": None, "in_range": None, "warnings": []}
    with bench_target(python, workload, size, flags=("-X", "tracemalloc"), packages=packages) as target:
        target.facts()
        before = target.ask("traced")
        snapshot = capture(target.pid, CaptureOptions(timeout_s=TIMEOUT_S, collector=collector))
        traced = (before + target.ask("traced")) / 2  # a tick may have held a few hundred bytes more
    ratio = snapshot.heap_bytes / traced
    return {
        **row,
        "objects": snapshot.object_count,
        "traced_bytes": int(traced),
        "attributed_bytes": snapshot.heap_bytes,
        "ratio": round(ratio, 4),
        "allocator_coverage": snapshot.meta.coverage,
        "in_range": RANGE[0] <= ratio <= RANGE[1],
        "warnings": list(snapshot.meta.warnings),
    }

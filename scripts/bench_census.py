#!/usr/bin/env python3
"""What a census costs beside a snapshot of the same process, as the daemon takes them: in a worker of their own, the file synced.

Judges nothing: machines differ. ``cpu`` is of the worker with its helper and of the clone, ``clone`` the time from pause to end of it.

    python scripts/bench_census.py [--objects 1000000] [--workload records] [--runs 5] [--format table|json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.daemon.config import CaptureConfig
from heapscope.daemon.model import Kind, Process, Record, Trigger
from heapscope.daemon.store import Store
from heapscope.daemon.workers import Job, Result, Workshop
from heapscope.target.discovery import target_of
from scripts.benching.targets import bench_target

Row = dict[str, float]


def main() -> None:
    """Measure both in turn, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--workload", default="records")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    arguments = parser.parse_args()
    with (
        bench_target(arguments.python, arguments.workload, arguments.objects) as target,
        tempfile.TemporaryDirectory() as folder,
    ):
        known = target_of(target.pid)
        process = Process(known.pid, known.start_ticks, known.start_time)
        found = asyncio.run(measure(process, folder, arguments.runs))
    medians = {
        kind: {key: statistics.median(row[key] for row in rows) for key in rows[0]} for kind, rows in found.items()
    }
    if arguments.format == "json":
        print(json.dumps(medians))
        return
    keys = list(medians["snapshot"])
    print(f"| {'':9}" + "".join(f"| {key:>9} " for key in keys) + "|")
    for kind, row in medians.items():
        print(f"| {kind:9}" + "".join(f"| {row[key]:>9,.{0 if row[key] > 1000 else 3}f} " for key in keys) + "|")


async def measure(process: Process, folder: str, runs: int) -> dict[str, list[Row]]:
    """Take them in turn."""
    store = Store(folder)
    store.open()
    found: dict[str, list[Row]] = {"snapshot": [], "census": []}
    for _ in range(runs):
        for kind, rows in found.items():
            rows.append(await one(process, store, Kind(kind)))
    store.close()
    return found


async def one(process: Process, store: Store, kind: Kind) -> Row:
    """Take one, and keep it as the daemon does."""
    record_id = store.new_id()
    path = store.files.incoming_path(record_id) if kind is Kind.SNAPSHOT else ""
    cpu, begun = used_s(process.pid), time.perf_counter()
    result: Result = await Workshop().run(Job(process, path, CaptureConfig(nice=0)), lambda _: None)
    if result.error:
        sys.exit(f"{result.error}: {result.message}")
    wall, cpu = time.perf_counter() - begun, used_s(process.pid) - cpu
    record = Record(record_id, kind, "bench", 0, time.time(), Trigger.API)
    kept = store.add(record, result.details)
    sidecar = os.stat(store.files.sidecar_path("bench", record_id)).st_size
    facts = result.facts
    store.remove(record_id)
    return {
        "objects": facts["objects"],
        "pause ms": (result.pause_ns or 0) / 1e6,
        "cpu s": cpu,
        "wall s": wall,
        "clone s": (facts["capture_ns"] - (result.pause_ns or 0)) / 1e9,
        "bytes": kept.file_bytes + sidecar,
    }


def used_s(pid: int) -> float:
    """Return the processor's seconds of our children that ended, and of the target's: the clones."""
    mine = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return mine.ru_utime + mine.ru_stime + (int(words[13]) + int(words[14])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()

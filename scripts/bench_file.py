#!/usr/bin/env python3
"""Measure snapshot files: how large, how fast written, opened to a table of types, loaded, and what memory that takes.

Prints one line per heap, and with --columns what each column costs. Judges nothing: the clock is that of a shared machine.

    python scripts/bench_file.py [--objects 10000000] [--columns] [--format table|json] [FILE.heapscope ...]

Without files, two kinds of targets are started and captured: records (what a JSON service keeps) and program (modules and
syntax trees). A heap with fewer objects than asked for is repeated: addresses and object numbers of the copies move on, half
of the fingerprints change. Copies do not make it easier to compress, as a block of a column does not know those before.

    B/object   of the file, without the targets of references     B/reference   of these
    save       wall clock, with syncing to the disk               types         open to a type table, in a new process
    load       all of it, checked, in a new process               peak          memory of that process, numpy's included
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.service.capture import CaptureOptions, capture
from heapscope.snapshot.file import load_snapshot, save_snapshot
from heapscope.snapshot.model import COLUMN_TYPES, Snapshot
from heapscope.snapshot.opening import SnapshotFile
from heapscope.units import format_bytes, format_count

RECORDS = """
import json, random, sys
random.seed(5)
KEPT = [json.loads(json.dumps({"id": i, "name": "user%d" % i, "mail": "u%d@example.com" % i, "tags": ["a", "x%d" % (i % 50)],
        "score": random.random(), "place": {"lat": random.random(), "city": random.choice(["Rome", "Oslo"])}}))
        for i in range(80_000)]
print("ready", flush=True)
sys.stdin.read()
"""
PROGRAM = """
import ast, glob, os, sys, asyncio, email, unittest, http.server, sqlite3, xml.dom.minidom
KEPT = []
for name in sorted(glob.glob(os.path.dirname(os.__file__) + "/*.py"))[:60]:
    KEPT.append(ast.parse(open(name, encoding="utf-8").read()))
print("ready", flush=True)
sys.stdin.read()
"""
PROBE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from heapscope.snapshot.opening import SnapshotFile
started = time.perf_counter()
with SnapshotFile(sys.argv[2]) as file:
    count = int(file.type_table.count.sum()) if sys.argv[3] == "types" else file.load().object_count
seconds = time.perf_counter() - started
# Not ru_maxrss: that includes the parent's at the time of the fork.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([seconds, int(peak.split()[1]) << 10, count]))
"""


def captured(program: str) -> Snapshot:
    """Start a target and capture it."""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as target:
        try:
            assert target.stdout is not None
            target.stdout.readline()
            return capture(target.pid, CaptureOptions(timeout_s=300))
        finally:
            target.kill()


def repeated(snapshot: Snapshot, object_count: int) -> Snapshot:
    """Repeat a heap until it has so many objects."""
    copies = -(-object_count // snapshot.object_count)
    if copies < 2:
        return snapshot
    span = np.uint64((int(snapshot.address.max()) - int(snapshot.address.min()) | ((1 << 20) - 1)) + 1)
    parts: dict[str, list[Any]] = {name: [] for name in COLUMN_TYPES}
    odd = (snapshot.fingerprint & np.uint64(0x80)) != 0
    for copy in range(copies):
        for name, part in parts.items():
            part.append(getattr(snapshot, name))
        parts["address"][-1] = snapshot.address + span * np.uint64(copy)
        parts["reference_targets"][-1] = snapshot.reference_targets + np.uint32(copy * snapshot.object_count)
        offsets = snapshot.reference_offsets + np.uint64(copy * snapshot.reference_count)
        parts["reference_offsets"][-1] = offsets if copy == 0 else offsets[1:]
        parts["fingerprint"][-1] = np.where(odd, snapshot.fingerprint * np.uint64(2 * copy + 1), snapshot.fingerprint)
    return dataclasses.replace(snapshot, **{name: np.concatenate(part) for name, part in parts.items()})


def probe(path: Path, what: str) -> tuple[float, int]:
    """Open a file in a new process; return seconds and peak memory in bytes."""
    command = [sys.executable, "-c", PROBE, str(ROOT), str(path), what]
    seconds, peak, _ = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return float(seconds), int(peak)


def measure(name: str, snapshot: Snapshot, folder: str) -> dict[str, Any]:
    """Save and open one snapshot; return the figures: seconds, bytes."""
    path = Path(folder) / "bench.heapscope"
    started, cpu = time.perf_counter(), time.process_time()
    save_snapshot(snapshot, path, overwrite=True)
    row: dict[str, Any] = {
        "heap": name,
        "objects": snapshot.object_count,
        "references": snapshot.reference_count,
        "save_s": time.perf_counter() - started,
        "save_cpu_s": time.process_time() - cpu,
        "file_bytes": path.stat().st_size,
    }
    with SnapshotFile(path) as file:
        stored = {each: file.stored_size(each) for each in COLUMN_TYPES}
    row["columns"] = {each: round(size / snapshot.object_count, 3) for each, size in stored.items()}
    targets = stored["reference_targets"]
    row["bytes_per_object"] = (row["file_bytes"] - targets) / snapshot.object_count
    row["bytes_per_reference"] = targets / snapshot.reference_count
    row["types_s"], row["types_peak_bytes"] = probe(path, "types")
    row["load_s"], row["load_peak_bytes"] = probe(path, "load")
    return row


def line_of(row: dict[str, Any]) -> str:
    """Write figures as one line."""
    return (
        f"{row['heap']:10.10} {format_count(row['objects']):>7} objects {format_count(row['references']):>7} references"
        f" {format_bytes(row['file_bytes']):>8}  {row['bytes_per_object']:5.2f} B/object"
        f" {row['bytes_per_reference']:5.2f} B/reference"
        f"  save {row['save_s']:5.2f} s ({row['save_cpu_s']:.2f} CPU)"
        f"  types {row['types_s'] * 1000:4.0f} ms, peak {format_bytes(row['types_peak_bytes'])}"
        f"  load {row['load_s']:5.2f} s, peak {format_bytes(row['load_peak_bytes'])}"
    )


def main() -> None:
    """Measure the files given, or the two kinds of targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=10_000_000)
    parser.add_argument("--columns", action="store_true")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--folder", default=None, help="where the file is written (default: the temporary folder)")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    rows = []
    heaps = options.files or ["records", "program"]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for heap in heaps:
            source = load_snapshot(heap) if options.files else captured(RECORDS if heap == "records" else PROGRAM)
            row = measure(os.path.basename(heap), repeated(source, options.objects), folder)
            rows.append(row)
            if options.format == "table":
                print(line_of(row), flush=True)
            if options.format == "table" and options.columns:
                print("  B/object:", ", ".join(f"{name} {cost}" for name, cost in row["columns"].items()), flush=True)
    if options.format == "json":
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Measure exports: time, size and memory per format, on a heap of so many objects. Judges nothing.

    python scripts/bench_export.py [--objects 1000000] [--to pprof ...] [--format table|json] [FILE.heapscope]

Without a file, a target with a registry of sessions is started and captured. Every export runs in a process of its own: "roots, dominators" is what all of them need first; "peak" is beyond what the heap and its
dominators take.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from bench_file import captured

from heapscope.service.exporting import FORMATS, OF_TABLES
from heapscope.snapshot.file import save_snapshot
from heapscope.units import format_bytes, format_count

SESSIONS = """
import sys
class Session:
    def __init__(self, number):
        self.number, self.name, self.parts = number + 10**6, "session %d" % number, [number * 1.5]
REGISTRY = {number + 10**6: Session(number) for number in range(COUNT)}
print("ready", flush=True)
sys.stdin.read()
"""
OBJECTS_PER_SESSION = 6
PROBE = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
from heapscope.service.exporting import ExportChoice, write_export
from heapscope.service.queries import HeapQueries
from heapscope.snapshot.file import load_snapshot
heap = HeapQueries(load_snapshot(sys.argv[2]))
start = time.perf_counter(); heap.tree; ready = time.perf_counter()
def peak():
    # Not ru_maxrss: that includes the parent's at the time of the fork.
    return 1024 * int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
before = peak()
kind, tables, path = sys.argv[3], tuple(filter(None, sys.argv[4].split(","))), sys.argv[5]
cpu = time.process_time(); begin = time.perf_counter()
with open(path, "wb") as file:
    write_export(heap, ExportChoice(kind, tables, path=path), file.write)
print(json.dumps(dict(
    format=kind, table=sys.argv[4], dominators_s=ready - start, wall_s=time.perf_counter() - begin,
    cpu_s=time.process_time() - cpu, file_bytes=os.path.getsize(path),
    objects=heap.snapshot.object_count, peak_bytes=peak() - before)))
"""


def measure(file: str, kind: str, table: str, folder: str) -> dict[str, Any]:
    """Export in a process of its own."""
    words = [sys.executable, "-c", PROBE, str(ROOT), file, kind, table, f"{folder}/out"]
    found: dict[str, Any] = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return found


def main() -> int:
    """Measure all formats, or those asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?")
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--to", action="append", choices=FORMATS)
    parser.add_argument("--format", choices=["table", "json"], default="table")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = options.file
        if file is None:
            file = f"{folder}/heap.heapscope"
            save_snapshot(captured(SESSIONS.replace("COUNT", str(options.objects // OBJECTS_PER_SESSION))), file)
        for kind in options.to or FORMATS:
            rows += [measure(file, kind, table, folder) for table in (("objects",) if kind in OF_TABLES else ("",))]
    if options.format == "json":
        print(json.dumps(rows, indent=1))
        return 0
    print(
        f"{format_count(rows[0]['objects'])} objects; roots, dominators: {min(row['dominators_s'] for row in rows):.2f} s"
    )
    for row in rows:
        name = f"{row['format']} {row['table']}"
        sizes = f"{format_bytes(row['file_bytes']):>6} file  {format_bytes(row['peak_bytes']):>6} peak"
        print(f"{name:22} {row['wall_s']:7.2f} s wall {row['cpu_s']:7.2f} s cpu  {sizes}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

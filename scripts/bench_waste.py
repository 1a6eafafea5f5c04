#!/usr/bin/env python3
"""Measure the search for waste on made-up heaps: CPU seconds and the peak of resident memory, each size in a process of its own.

Judges nothing: machines differ, so compare figures of one run.

    python scripts/bench_waste.py [--objects 1000000 10000000] [--format table|json]

A heap is a module with a list of records: each a dict with three keys, and a text, a float and an int of its own; a tenth of the
texts are copies. ``patterns`` is finding what is wasteful, ``ways`` the shortest ways to everything, ``holders`` naming who
holds it. ``input`` is the resident memory before the work began.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.analysis.paths import Paths, find_paths
from heapscope.analysis.roots import find_roots
from heapscope.analysis.waste.find import find_waste
from heapscope.graph.library import Oversight
from heapscope.snapshot.model import NO_CODES, Naming, Root, Snapshot, SnapshotMeta, TypeInfo
from heapscope.units import format_bytes, format_count
from heapscope.wire.protocol import RootKind

SEED = 1
NAMES = ("module", "dict", "list", "str", "float", "int")
MODULE, DICT, LIST, STR, FLOAT, INT = range(6)
FIRST = 6  # module, its namespace, the list, three keys
EACH = 4

Figures = dict[str, float | int]


def records_heap(object_count: int) -> Snapshot:
    """Make the heap."""
    count = (object_count - FIRST) // EACH
    total = FIRST + EACH * count
    record = np.arange(FIRST, total, EACH, dtype=np.uint32)
    kinds = np.concatenate([[MODULE, DICT, LIST, STR, STR, STR], np.tile([DICT, STR, FLOAT, INT], count)])
    keys = np.tile(np.array([3, 4, 5], dtype=np.uint32), (count, 1))
    own = np.concatenate([keys, (record[:, None] + np.arange(1, 4, dtype=np.uint32))], axis=1)
    targets = np.concatenate([np.array([1, 3, 2], dtype=np.uint32), record, own.reshape(-1)])
    counts = np.zeros(total, dtype=np.uint64)
    counts[:3] = 1, 2, count
    counts[FIRST::EACH] = own.shape[1]
    sizes = np.array([72, 184, 56 + 8 * count, 60, 24, 28], dtype=np.uint64)[kinds]
    lengths = np.full(total, -1, dtype=np.int64)
    lengths[1], lengths[2], lengths[kinds == STR] = 1, count, 12
    lengths[FIRST::EACH] = 3
    fingerprint = np.zeros(total, dtype=np.uint64)
    fingerprint[FIRST::EACH] = 77
    texts = np.random.default_rng(SEED).integers(1, 1 + count * 9 // 10, count, dtype=np.uint64)
    fingerprint[FIRST + 1 :: EACH] = texts + np.uint64(1000)
    return Snapshot(
        meta=SnapshotMeta(python_version="3.12.1"),
        types=tuple(TypeInfo(16 * (at + 1), f"builtins.{name}") for at, name in enumerate(NAMES)),
        instances=(),
        roots=(Root(RootKind.MODULE, 4096, 0, "app"),),
        address=np.arange(total, dtype=np.uint64) * np.uint64(64) + np.uint64(4096),
        type_index=kinds.astype(np.uint32),
        shallow=sizes,
        allocated=(sizes + np.uint64(15)) // np.uint64(16) * np.uint64(16),
        refcount=np.bincount(targets, minlength=total).astype(np.uint64),
        length=lengths,
        flags=np.zeros(total, dtype=np.uint32),
        fingerprint=fingerprint,
        reference_offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64),
        reference_targets=targets,
        naming=Naming(names={3: "id", 4: "price", 5: "size"}),
        codes=NO_CODES,
    )


def measure(object_count: int) -> Figures:
    """Search one heap."""
    snapshot = records_heap(object_count)
    figures: Figures = {"objects": snapshot.object_count, "references": snapshot.reference_count, "input": peak_bytes()}
    started = time.process_time()

    def ways(oversight: Oversight) -> Paths:
        figures["patterns"] = round(time.process_time() - started, 3)
        found = find_paths(snapshot, find_roots(snapshot, oversight), oversight=oversight)
        figures["ways"] = round(time.process_time() - started - figures["patterns"], 3)
        return found

    report = find_waste(snapshot, ways)
    figures["holders"] = round(time.process_time() - started - figures["patterns"] - figures["ways"], 3)
    figures["rows"] = len(report.rows)
    figures["peak"] = peak_bytes()
    return figures


def peak_bytes() -> int:
    """Give the peak of resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    """Run each size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--format", choices=["table", "json"], default="table")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(measure(arguments.one)))
        return 0
    found = []
    for count in arguments.objects:
        done = subprocess.run([sys.executable, __file__, "--one", str(count)], check=True, stdout=subprocess.PIPE)
        found.append(json.loads(done.stdout))
    if arguments.format == "json":
        print(json.dumps(found, indent=1))
        return 0
    print(f"{'objects':>9} {'patterns':>9} {'ways':>7} {'holders':>8} {'input':>7} {'peak':>7} {'rows':>5}")
    for row in found:
        print(
            f"{format_count(row['objects']):>9} {row['patterns']:>8.2f}s {row['ways']:>6.2f}s {row['holders']:>7.2f}s "
            f"{format_bytes(row['input']):>7} {format_bytes(row['peak']):>7} {row['rows']:>5}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

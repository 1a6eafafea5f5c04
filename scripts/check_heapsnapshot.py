#!/usr/bin/env python3
"""Compare retained sizes: ours, and those that Chrome's developer tools compute from our export, node by node.

Needs node, and the package heap-snapshot-toolkit (npm install heap-snapshot-toolkit), which is that code of the developer tools:

    scripts/check_heapsnapshot.py FILE.heapscope --toolkit node_modules/heap-snapshot-toolkit/index.js
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.service.exporting import ExportChoice, write_export
from heapscope.service.queries import HeapQueries
from heapscope.snapshot.file import load_snapshot

HEAP_MB = 6000


def compare(heap: HeapQueries, toolkit: str, folder: Path) -> dict[str, object]:
    """Export, load with the developer tools, and compare every node."""
    file, out = folder / "heap.heapsnapshot", folder / "sizes"
    start = time.perf_counter()
    with file.open("wb") as writer:
        write_export(heap, ExportChoice("heapsnapshot"), writer.write)
    exported = time.perf_counter()
    script = ROOT / "scripts" / "check_heapsnapshot.mjs"
    words = ["node", f"--max-old-space-size={HEAP_MB}", str(script), toolkit, str(file), str(out)]
    said = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    loaded = time.perf_counter()
    theirs = np.fromfile(out, dtype="<f8").astype(np.uint64)
    tree, living = heap.tree, np.flatnonzero(heap.roots.reached)
    threads = [tree.thread_node(at) for at in range(len(heap.roots.threads))]
    ours = tree.retained[np.array([tree.root, *living.tolist(), *threads], dtype=np.int64)]
    theirs = theirs[: ours.size]
    different = np.flatnonzero(ours != theirs)
    return {
        "nodes": said["nodes"],
        "compared": int(ours.size),
        "different": int(different.size),
        "heap_bytes": int(ours[0]),
        "file_bytes": file.stat().st_size,
        "export_s": round(exported - start, 2),
        "developer_tools_s": round(loaded - exported, 2),
        "first_different": [[int(at), int(ours[at]), int(theirs[at])] for at in different[:5]],
    }


def main() -> int:
    """Compare one snapshot file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--toolkit", required=True, help="index.js of heap-snapshot-toolkit")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = compare(HeapQueries(load_snapshot(options.file)), options.toolkit, Path(folder))
    print(json.dumps(found, indent=1))
    return 1 if found["different"] or not found["compared"] else 0


if __name__ == "__main__":
    sys.exit(main())

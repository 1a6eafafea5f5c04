#!/usr/bin/env python3
"""Measure growth per holder on snapshot files: seconds, peak of memory, and what is kept of each snapshot of a series.

Prints CPU seconds and the peak of resident memory, each figure from a process of its own. Judges nothing: machines differ.

    python scripts/bench_growth.py [--captured 1000000 10000000] [--workload records] [--format table|json] [FILE ...]

    open        the file, beside which "input" is the memory in use
    dominators  roots, dominator tree and retained sizes: what the terminal UI has anyway
    holders     on top of these, the tree of holders of one snapshot; "peak" is that of the process
    types       the census of types of one snapshot
    compare     three such trees, by name: "kept" is what one takes while a series goes on
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.units import format_bytes, format_count
from scripts.benching.figures import Figures, peak_bytes, timed

CAPTURE_TIMEOUT_S = 600


def measure(path: str) -> Figures:
    """Do everything that growth needs of one snapshot, and compare it with itself and with a part of itself."""
    from heapscope.analysis.dominators import build_dominator_tree  # noqa: PLC0415 - its imports are memory
    from heapscope.analysis.growth import take_census  # noqa: PLC0415
    from heapscope.analysis.holder_growth import measure_holder_growth  # noqa: PLC0415
    from heapscope.analysis.holder_tree import find_holder_tree  # noqa: PLC0415
    from heapscope.snapshot.file import load_snapshot  # noqa: PLC0415

    figures: Figures = {}
    snapshot = timed(figures, "open", lambda: load_snapshot(path))
    figures |= {"objects": snapshot.object_count, "references": snapshot.reference_count, "input": peak_bytes()}
    tree = timed(figures, "dominators", lambda: build_dominator_tree(snapshot))
    figures["peak before"] = peak_bytes()
    holders = timed(figures, "holders", lambda: find_holder_tree(snapshot, tree))
    figures["peak"] = peak_bytes()
    census = timed(figures, "types", lambda: take_census(snapshot))
    few = find_holder_tree(snapshot, tree, keep=max(1, holders.size // 2))
    rows = timed(figures, "compare", lambda: measure_holder_growth([holders, few, few]))
    kept = holders.nbytes
    figures |= {"kept": kept, "types of it": census.nbytes, "holders found": holders.size, "rows": len(rows)}
    return figures


def capture_to(path: str, workload: str, object_count: int) -> None:
    """Start a process with about so many objects, and capture it into a file."""
    from heapscope.service.capture import CaptureOptions, capture  # noqa: PLC0415
    from heapscope.snapshot.file import save_snapshot  # noqa: PLC0415
    from scripts.benching.targets import bench_target  # noqa: PLC0415

    with bench_target(sys.executable, workload, int(object_count * 0.84)) as target:
        save_snapshot(capture(target.pid, CaptureOptions(timeout_s=CAPTURE_TIMEOUT_S)), path)


def in_a_child(path: str) -> Figures:
    """Do one measurement in a process of its own: peaks do not mix."""
    done = subprocess.run([sys.executable, __file__, "--child", path], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        return {"failed": (done.stderr.strip().splitlines() or ["killed"])[-1]}
    figures: Figures = json.loads(done.stdout)
    return figures


def line(path: str, figures: Figures) -> str:
    """Write the figures of one measurement."""
    texts = []
    for name, value in figures.items():
        if name in {"objects", "references", "rows", "holders found"}:
            texts.append(f"{name} {format_count(int(value))}")
        elif name in {"input", "peak before", "peak", "kept", "types of it"}:
            texts.append(f"{name} {format_bytes(int(value))}")
        else:
            texts.append(f"{name} {value} s" if isinstance(value, float) else f"{name} {value}")
    return f"{Path(path).name}  " + " · ".join(texts)


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--captured", type=int, nargs="*", default=[], metavar="OBJECTS")
    parser.add_argument("--workload", default="records", help="of the process that is captured: records, json, ...")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    parser.add_argument("--child", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child)))
        return 0
    with tempfile.TemporaryDirectory(prefix="heapscope-bench-") as folder:
        files = list(options.files)
        for count in options.captured:
            files.append(str(Path(folder) / f"{options.workload}-{count}.heapscope"))
            capture_to(files[-1], options.workload, count)
        for path in files:
            figures = in_a_child(path)
            print(json.dumps({"file": path} | figures) if options.format == "json" else line(path, figures), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

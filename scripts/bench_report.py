#!/usr/bin/env python3
"""Measure the report on snapshot files: seconds by part, and the peak of resident memory.

Prints CPU seconds, each file in a process of its own. Judges nothing: machines differ.

    python scripts/bench_report.py [--captured 1000000 10000000] [--workload records] [--series N] FILE ...

    open        the file, beside which "input" is the memory in use
    tree        roots, dominators and retained sizes: what the terminal UI has anyway
    summary     with --series: holders and types, kept of every snapshot of a series
    paths       shortest ways to everything, for the paths that are shown: what the UI has after the first path, too
    suspects    all detectors and the verdict
    growth      with --series: the comparison of so many summaries
    text        writing it
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.units import format_bytes, format_count
from scripts.benching.figures import Figures, peak_bytes, timed

if TYPE_CHECKING:
    from heapscope.analysis.holder_growth import HolderGrowth
    from heapscope.analysis.suspects.past import Past

CAPTURE_TIMEOUT_S = 600


def measure(path: str, series: int) -> Figures:
    """Report on one file."""
    from heapscope.analysis.holder_growth import measure_holder_growth  # noqa: PLC0415 - its imports are memory
    from heapscope.analysis.holder_tree import find_holder_tree  # noqa: PLC0415
    from heapscope.analysis.suspects.find import find_suspects  # noqa: PLC0415
    from heapscope.analysis.suspects.past import remember  # noqa: PLC0415
    from heapscope.analysis.suspects.scene import Scene  # noqa: PLC0415
    from heapscope.cli.report_text import report_text  # noqa: PLC0415
    from heapscope.service.queries import HeapQueries  # noqa: PLC0415
    from heapscope.service.report import memory_of  # noqa: PLC0415
    from heapscope.snapshot.file import load_snapshot  # noqa: PLC0415

    figures: Figures = {}
    snapshot = timed(figures, "open", lambda: load_snapshot(path))
    figures |= {"objects": snapshot.object_count, "references": snapshot.reference_count, "input": peak_bytes()}
    heap = HeapQueries(snapshot)
    tree = timed(figures, "tree", lambda: heap.tree)
    older: list[Past] = []
    growth: tuple[HolderGrowth, ...] = ()
    if series > 1:
        past, holders = timed(figures, "summary", lambda: (remember(tree), find_holder_tree(snapshot, tree)))
        older = [past] * (series - 1)
        growth = timed(figures, "growth", lambda: measure_holder_growth([holders] * series))
    timed(figures, "paths", lambda: heap.paths)
    scene = Scene(tree, lambda: heap.paths)
    report = timed(figures, "suspects", lambda: find_suspects(scene, older, growth, memory_of(snapshot)))
    timed(figures, "text", lambda: report_text(report))
    return {**figures, "peak": peak_bytes(), "verdict": report.verdict.kind.value, "found": len(report.suspects)}


def capture_to(path: str, workload: str, object_count: int) -> None:
    """Start a process with about so many objects, and capture it into a file."""
    from heapscope.service.capture import CaptureOptions, capture  # noqa: PLC0415
    from heapscope.snapshot.file import save_snapshot  # noqa: PLC0415
    from scripts.benching.targets import bench_target  # noqa: PLC0415

    with bench_target(sys.executable, workload, int(object_count * 0.84)) as target:
        save_snapshot(capture(target.pid, CaptureOptions(timeout_s=CAPTURE_TIMEOUT_S)), path)


def apart(*words: str) -> Figures:
    """Run a part of this script in a process of its own."""
    done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, check=True)
    found: Figures = json.loads(done.stdout) if done.stdout else {}
    return found


def show(figures: Figures) -> str:
    """Write the figures of one file on a line."""
    shown = []
    for name, value in figures.items():
        if isinstance(value, float):
            shown.append(f"{name} {value:.2f} s")
        elif isinstance(value, int):
            shown.append(f"{name} {format_bytes(value) if name in ('input', 'peak') else format_count(value)}")
        else:
            shown.append(f"{name} {value}")
    return "; ".join(shown)


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--captured", nargs="*", type=int, default=[])
    parser.add_argument("--workload", default="records")
    parser.add_argument("--series", type=int, default=1)
    parser.add_argument("--format", choices=["table", "json"], default="table")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--capture-to", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(chosen.one, chosen.series)))
        return 0
    if chosen.capture_to:
        capture_to(chosen.capture_to, chosen.workload, chosen.captured[0])
        return 0
    with tempfile.TemporaryDirectory() as folder:
        files = list(chosen.files)
        for count in chosen.captured:
            files.append(str(Path(folder) / f"{count}.heapscope"))
            words = ("--capture-to", files[-1], "--workload", chosen.workload, "--captured", str(count))
            apart(*words)
        for path in files:
            figures = apart("--one", path, "--series", str(chosen.series))
            print(json.dumps(figures) if chosen.format == "json" else show(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())

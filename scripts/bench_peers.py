#!/usr/bin/env python3
"""Look at the same heap with heapscope and with other tools, side by side; prints the table of the README.

Each tool gets a target of its own, with the same heap. Tools that attach through gdb are tried that way first; where gdb cannot
call functions, they run inside the target instead, as if its author had put them there, and the table says so.

    python scripts/bench_peers.py [--objects 1000000] [--pyheap dumper_inferior.py] [--format table|json] [PYTHON]

    longest gap   of a thread in the target that ticks every millisecond: nothing in the target ran for that long
    main thread   how long the target's main thread was away from its own work
    wall          from the start of the tool to its result
    left behind   growth of the target's RSS a second later
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.units import format_bytes, format_count, format_duration_ns
from scripts.benching.environments import packages_for, version_of
from scripts.benching.peers import PEERS, Peer
from scripts.benching.report import markdown
from scripts.benching.targets import BenchTarget, TargetLost, bench_target, status_bytes
from tests.support.command_line import heapscope_words

ATTACH_TIMEOUT_S = 120
LAST_WORDS_S = 3.0
SETTLE_S = 1.0
AFTERWARDS_S = 20.0  # a target that does not answer by then hangs
Row = dict[str, Any]


def row_of(name: str, how: str, note: str = "") -> Row:
    """Return a row without figures; times in ns, sizes in bytes."""
    figures = dict.fromkeys(("gap_ns", "main_thread_ns", "wall_ns", "left_bytes", "objects"))
    return {"tool": name, "how": how, "note": note, **figures}


def observed(target: BenchTarget, row: Row, work: Callable[[], int | None]) -> Row:
    """Do the work, and add what the target noticed; ``work`` returns how long the main thread was away, None if it was not."""
    target.ask("gap")
    before = status_bytes(target.pid, "VmRSS")
    started = time.perf_counter_ns()
    away = work()
    wall = time.perf_counter_ns() - started
    gap = target.ask("gap", AFTERWARDS_S)
    time.sleep(SETTLE_S)
    left = status_bytes(target.pid, "VmRSS") - before
    return {**row, "gap_ns": gap, "main_thread_ns": away or gap, "wall_ns": wall, "left_bytes": left}


def attached(peer: Peer, target: BenchTarget, folder: Path, python: str) -> Row | str:
    """Attach the tool from outside; return its row, or why it did not work."""
    words = peer.words(target.pid, folder, python)
    environment = {**os.environ, **({"PYTHONPATH": str(folder / "packages")} if words[0] == python else {})}
    environment["DEBUGINFOD_URLS"] = ""  # gdb would look for debug information on the network
    results = [folder / "seen", folder / "memray"]

    def work() -> int | None:
        if peer.needs_work:
            target.begin("work")
        subprocess.run(words, env=environment, timeout=ATTACH_TIMEOUT_S, capture_output=True, check=False)
        end = time.monotonic() + LAST_WORDS_S
        while time.monotonic() < end and not any(result.exists() for result in results):
            time.sleep(0.01)
        return target.ask("enough", AFTERWARDS_S) if peer.needs_work else None

    try:
        row = observed(target, row_of(peer.name, "attached", peer.note), work)
    except subprocess.TimeoutExpired:
        return f"attaching did not end within {ATTACH_TIMEOUT_S} s"
    except (TargetLost, OSError):
        return "attaching ended the target" if target.process.poll() is not None else "after attaching the target hung"
    return row if any(result.exists() for result in results) else "attaching did nothing"


def inside(peer: Peer, target: BenchTarget, folder: Path) -> Row:
    """Run the tool in the target."""
    row = row_of(peer.name, "run inside the target", peer.note)
    try:
        return observed(target, row, lambda: target.ask(f"run {folder / 'program.py'}"))
    except TargetLost:
        return {**row, "how": "did not work"}


def measure_peer(peer: Peer, python: str, objects: int, path: str) -> Row:
    """Measure one tool, from outside if that works."""
    if peer.needs_file and not path:
        why = "not on the package index, where the name is another program's: give --pyheap"
        return row_of(peer.name, "not measured", why)
    packages = packages_for(python, peer.requirements) if peer.requirements else None
    if peer.requirements and packages is None:
        return row_of(peer.name, "not measured", "not to be had for this interpreter")
    why = ""
    with tempfile.TemporaryDirectory(prefix="heapscope-bench-") as name:
        folder = Path(name)
        (folder / "program.py").write_text(peer.program(folder, path))
        if packages is not None:
            (folder / "packages").symlink_to(packages)
        row: Row | str = ""
        for way in ("attach", "inside"):
            if isinstance(row, str) and (peer.attach if way == "attach" else peer.code):
                with bench_target(python, "records", objects, packages=packages) as target:
                    row = attached(peer, target, folder, python) if way == "attach" else inside(peer, target, folder)
            why = row if isinstance(row, str) else why
        if isinstance(row, str):
            row = row_of(peer.name, "did not work", peer.note)
        seen = folder / "seen"
        row["objects"] = _number(seen.read_text()) if seen.exists() else None
    return {**row, "note": "; ".join(part for part in (why, peer.note) if part)}


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def measure_heapscope(python: str, objects: int) -> Row:
    """Measure ``heapscope snapshot``."""
    with (
        tempfile.TemporaryDirectory(prefix="heapscope-bench-") as folder,
        bench_target(python, "records", objects) as target,
    ):
        words = heapscope_words("--quiet", "snapshot", "--format", "json", "-o", f"{folder}/file", str(target.pid))
        said: list[Row] = []

        def work() -> None:
            done = subprocess.run(words, check=True, capture_output=True, cwd=ROOT)
            said.append(json.loads(done.stdout))

        row = observed(target, row_of("heapscope", "attached"), work)
    return {**row, "objects": said[0]["objects"], "note": "sizes, references, roots of all objects, in a file"}


def _cell(row: Row, name: str) -> str:
    value = row[name]
    if value is None:
        return "-"
    if name == "objects":
        return format_count(value)
    return format_bytes(max(0, value)) if name == "left_bytes" else format_duration_ns(value)


def table_of(rows: list[Row]) -> str:
    """Return the table of the README."""
    names = ("gap_ns", "main_thread_ns", "wall_ns", "left_bytes", "objects")
    lines = [[row["tool"], *(_cell(row, name) for name in names), row["how"], row["note"]] for row in rows]
    return markdown(["", "longest gap", "main thread", "wall", "left behind", "objects seen", "how", "remarks"], lines)


def main() -> None:
    """Measure every tool on one interpreter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--pyheap", default="", help="PyHeap's dumper_inferior.py, from a checkout of its repository")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("python", nargs="?", default=sys.executable)
    options = parser.parse_args()
    rows = [measure_heapscope(options.python, options.objects)]
    rows += [measure_peer(peer, options.python, options.objects, options.pyheap) for peer in PEERS]
    if options.format == "json":
        print(json.dumps(rows, indent=1))
    else:
        print(f"CPython {version_of(options.python)}, {format_count(options.objects)} objects\n\n{table_of(rows)}")


if __name__ == "__main__":
    main()

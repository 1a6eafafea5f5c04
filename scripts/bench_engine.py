#!/usr/bin/env python3
"""Measure the heap engine: dominators against igraph on random graphs, and everything on snapshot files.

Prints CPU seconds and the peak of resident memory, each figure from a process of its own. Judges nothing: machines differ,
so compare figures of one run.

    python scripts/bench_engine.py [--nodes 1000000 3000000 10000000 30000000] [--no-igraph] [--captured 10000000]
                                   [--cancel] [--format table|json] [FILE ...]

    random     a graph of n nodes and 3 n random references, the worst case for every cache; all sizes 1
    records    a graph shaped like a heap: a table of records with their parts, shared names, parents
    captured   a process with about so many objects (parsed documents), captured to a file, then as FILE
    FILE       a snapshot, as it was captured
    cancel     each long call on FILE, given up at several moments: seconds of wall clock and of CPU until it answers, the worst

``dominators`` alone is the kernel, from references in compressed form to immediate dominators; igraph's figure beside it
is its ``dominator`` alone, and ``build`` what it needs before. ``engine`` is referrers, roots, dominators and retained
sizes of everything. Memory is that of the whole process, Python and input included; ``input`` is before the work began.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from heapscope.graph.dominators import RootGraph, accumulate, find_dominators
from heapscope.graph.references import References
from heapscope.snapshot.model import Snapshot
from heapscope.units import format_bytes, format_count
from scripts.benching.figures import Figures, peak_bytes, timed

SEED = 1
IGRAPH_MOST = 10_000_000  # it takes 600 bytes per node
CAPTURE_TIMEOUT_S = 600
TABLE_TYPES = 3000  # of the graph shaped like a heap: as many as a large application has


def in_parts(count: int, size: int = 1 << 22) -> Iterable[tuple[int, int]]:
    """Split a range, so that making the input takes little memory beside it."""
    return ((start, min(count, start + size)) for start in range(0, count, size))


def random_graph(node_count: int) -> References:
    """Give every node three references to random nodes."""
    generator = np.random.default_rng(SEED)
    offsets = np.arange(0, 3 * node_count + 1, 3, dtype=np.uint64)
    targets = np.empty(3 * node_count, dtype=np.uint32)
    for start, end in in_parts(targets.size):
        targets[start:end] = generator.integers(0, node_count, end - start, dtype=np.uint32)
    return References(offsets, targets)


def measure_random(node_count: int) -> Figures:
    """Dominators and retained sizes of a random graph."""
    graph = random_graph(node_count)
    figures: Figures = {"objects": node_count, "references": int(graph.targets.size), "input": peak_bytes()}
    roots = RootGraph(np.zeros(1, dtype=np.uint32))
    found = timed(figures, "dominators", lambda: find_dominators(graph, roots))
    figures["peak"] = peak_bytes()
    ones = np.ones(node_count, dtype=np.uint64)
    timed(figures, "retained", lambda: accumulate(found.immediate, found.order, ones))
    figures["reached"] = int(found.order.size) - 1
    return figures


def measure_igraph(node_count: int) -> Figures:
    """The same graph with igraph."""
    import igraph  # noqa: PLC0415 - a test dependency, and not in the other measurements' memory

    graph = random_graph(node_count)
    figures: Figures = {"objects": node_count, "references": int(graph.targets.size), "input": peak_bytes()}

    def build() -> igraph.Graph:
        theirs = igraph.Graph(n=node_count, directed=True)
        edges = np.empty((graph.targets.size, 2), dtype=np.int64)
        edges[:, 0] = np.repeat(np.arange(node_count), 3)
        edges[:, 1] = graph.targets
        theirs.add_edges(edges)
        return theirs

    theirs = timed(figures, "build", build)
    found = timed(figures, "dominators", lambda: theirs.dominator(0))
    figures["peak"] = peak_bytes()
    figures["reached"] = sum(1 for above in found if above >= -1)
    return figures


def records_snapshot(node_count: int) -> Snapshot:
    """Make a heap: a module, its dict, a table of records, each with a dict, two parts and a parent, and shared names."""
    from heapscope.snapshot.model import Root, SnapshotMeta, TypeInfo  # noqa: PLC0415

    records = node_count // 4
    count = 2 + 4 * records
    record = np.arange(2, count, 4, dtype=np.uint32)
    generator = np.random.default_rng(SEED)
    own = np.empty((records, 4, 3), dtype=np.uint32)
    # A record refers to its dict, its type's namespace (the module's dict) and another record; the parts to the record.
    own[:, 0] = np.stack([record + 1, np.ones_like(record), generator.choice(record, records)], axis=1)
    own[:, 1] = np.stack(
        [record + 2, record + 3, record[generator.integers(0, 1 + records // 50, records)] + 3], axis=1
    )
    own[:, 2] = np.stack([record, record + 3, record + 3], axis=1)
    own[:, 3] = (record + 3)[:, None]
    table = np.append(record, record[:1])
    targets = np.concatenate([np.ones(1, dtype=np.uint32), table, own.reshape(-1)])
    offsets = np.concatenate([[0, 1], 1 + table.size + np.arange(0, 12 * records + 1, 3)]).astype(np.uint64)
    kinds = np.concatenate([[0, 1], np.repeat(generator.integers(2, TABLE_TYPES, records), 4)]).astype(np.uint32)
    names = ["builtins.module", "builtins.dict", *(f"app.T{number}" for number in range(2, TABLE_TYPES))]
    sizes = np.full(count, 64, dtype=np.uint64)
    return Snapshot(
        **blank_columns(count),
        meta=SnapshotMeta(python_version="3.13.0"),
        types=tuple(TypeInfo(address=16 * (at + 1), name=name) for at, name in enumerate(names)),
        instances=(),
        roots=(Root(1, 16, 0, "app"),),
        type_index=kinds,
        shallow=sizes,
        allocated=sizes,
        refcount=np.bincount(targets, minlength=count).astype(np.uint64),
        reference_offsets=offsets,
        reference_targets=targets,
    )


def blank_columns(count: int) -> dict[str, Any]:
    """Give the columns that the engine does not look at: one of zeros for each, whatever there are."""
    from heapscope.snapshot.model import COLUMN_TYPES  # noqa: PLC0415

    used = {"type_index", "shallow", "allocated", "refcount", "reference_offsets", "reference_targets"}
    return {name: np.zeros(count, dtype=kind) for name, kind in COLUMN_TYPES.items() if name not in used}


def measure_snapshot(open_: Callable[[], Snapshot]) -> Figures:
    """Everything that the engine computes for a snapshot."""
    from heapscope.analysis.dominators import build_dominator_tree  # noqa: PLC0415
    from heapscope.analysis.paths import find_paths  # noqa: PLC0415
    from heapscope.analysis.retained import retained_by_type  # noqa: PLC0415
    from heapscope.analysis.roots import find_roots  # noqa: PLC0415
    from heapscope.graph.recursive import recursive_sizes  # noqa: PLC0415
    from heapscope.graph.references import referrers  # noqa: PLC0415

    figures: Figures = {}
    snapshot = timed(figures, "open", open_)
    figures |= {"objects": snapshot.object_count, "references": snapshot.reference_count, "input": peak_bytes()}
    index = timed(figures, "referrers", lambda: referrers(snapshot))
    figures["referrer entries"] = int(index.targets.size)
    roots = timed(figures, "roots", lambda: find_roots(snapshot))
    tree = timed(figures, "dominators", lambda: build_dominator_tree(snapshot, roots))
    figures["peak"] = peak_bytes()
    figures["engine"] = round(sum(float(figures[name]) for name in ("referrers", "roots", "dominators")), 3)
    timed(figures, "by type", lambda: retained_by_type(tree))
    timed(figures, "paths", lambda: find_paths(snapshot, roots).shapes)
    timed(figures, "recursive", lambda: recursive_sizes(snapshot))
    figures |= {"types": len(np.unique(snapshot.type_index)), "peak of all": peak_bytes()}
    return figures


def capture_to(path: str, object_count: int) -> None:
    """Start a process with about so many objects, and capture it into a file."""
    from heapscope.service.capture import CaptureOptions, capture  # noqa: PLC0415
    from heapscope.snapshot.file import save_snapshot  # noqa: PLC0415
    from scripts.benching.targets import bench_target  # noqa: PLC0415

    with bench_target(sys.executable, "json", int(object_count * 0.84)) as target:
        save_snapshot(capture(target.pid, CaptureOptions(timeout_s=CAPTURE_TIMEOUT_S)), path)


def measure(job: str, argument: str) -> Figures:
    """Do one measurement, in this process."""
    if job == "random":
        return measure_random(int(argument))
    if job == "igraph":
        return measure_igraph(int(argument))
    if job == "records":
        return measure_snapshot(lambda: records_snapshot(int(argument)))
    if job == "cancel":
        from scripts.benching.cancelling import measure_cancel  # noqa: PLC0415 - its imports are memory

        return measure_cancel(argument)
    from heapscope.snapshot.file import load_snapshot  # noqa: PLC0415

    return measure_snapshot(lambda: load_snapshot(argument))


def in_a_child(job: str, argument: str) -> Figures:
    """Do one measurement in a process of its own: peaks do not mix."""
    command = [sys.executable, __file__, "--child", job, argument]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        return {"failed": (done.stderr.strip().splitlines() or ["killed"])[-1]}
    figures: Figures = json.loads(done.stdout)
    return figures


def line(job: str, argument: str, figures: Figures) -> str:
    """Write the figures of one measurement."""
    texts = []
    for name, value in figures.items():
        if name in {"objects", "references", "reached", "types", "referrer entries"}:
            texts.append(f"{name} {format_count(int(value))}")
        elif name in {"input", "peak", "peak of all"}:
            texts.append(f"{name} {format_bytes(int(value))}")
        else:
            texts.append(f"{name} {value} s" if isinstance(value, float) else f"{name} {value}")
    shown = Path(argument).name
    return f"{job:8} {shown:>10}  " + " · ".join(texts)


def show(job: str, argument: str, format_: str) -> None:
    """Do one measurement and print it."""
    figures = in_a_child(job, argument)
    text = json.dumps({"job": job, "argument": argument} | figures) if format_ == "json" else ""
    print(text or line(job, argument, figures), flush=True)


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--nodes", type=int, nargs="*", default=[1_000_000, 3_000_000, 10_000_000, 30_000_000])
    parser.add_argument(
        "--captured", type=int, metavar="OBJECTS", help="capture a process of about so many objects, too"
    )
    parser.add_argument("--cancel", action="store_true", help="give up every long call on the snapshots, too")
    parser.add_argument("--no-igraph", action="store_true")
    parser.add_argument("--format", choices=["table", "json"], default="table")
    parser.add_argument("--child", nargs=2, metavar=("JOB", "ARGUMENT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(*options.child)))
        return 0
    for count in options.nodes:
        show("random", str(count), options.format)
        if not options.no_igraph and count <= IGRAPH_MOST:
            show("igraph", str(count), options.format)
        show("records", str(count), options.format)
    with tempfile.TemporaryDirectory(prefix="heapscope-bench-") as folder:
        files = list(options.files)
        if options.captured:
            files.append(str(Path(folder) / "captured.heapscope"))
            capture_to(files[-1], options.captured)
        for name in files:
            for job in ["file", "cancel"] if options.cancel else ["file"]:
                show(job, name, options.format)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How long the calls of the engine go on when somebody gives them up in the middle.

Judges nothing. Wall clock is that of a machine that may be busy, and CPU that of all threads of this process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from heapscope.analysis.dominators import build_dominator_tree
from heapscope.analysis.paths import find_paths
from heapscope.analysis.retained import retained_by_type
from heapscope.analysis.roots import find_roots
from heapscope.errors import Cancelled
from heapscope.graph.recursive import recursive_sizes
from heapscope.graph.references import referrers
from heapscope.oversight import Oversight
from heapscope.snapshot.file import load_snapshot, save_snapshot

CANCEL_AT = (0.03, 0.2, 0.4, 0.6, 0.8, 0.97)  # of the time that a call takes


def measure_cancel(path: str) -> dict[str, float | int | str]:
    """Give up each long call of the engine on a snapshot file at several moments; say how long the slowest answer took."""
    snapshot = load_snapshot(path)
    roots = find_roots(snapshot)
    tree = build_dominator_tree(snapshot, roots)
    paths = find_paths(snapshot, roots)
    largest = np.flatnonzero(snapshot.type_index == np.bincount(snapshot.type_index).argmax())
    name = snapshot.types[int(snapshot.type_index[largest[0]])].name
    with tempfile.TemporaryDirectory(prefix="heapscope-bench-") as folder:
        calls: dict[str, Callable[[Oversight], object]] = {
            "open": lambda oversight: load_snapshot(path, oversight),
            "save": lambda oversight: save_snapshot(
                snapshot, Path(folder) / "again", overwrite=True, oversight=oversight
            ),
            "referrers": lambda oversight: referrers(snapshot, oversight),
            "roots": lambda oversight: find_roots(snapshot, oversight),
            "dominators": lambda oversight: build_dominator_tree(snapshot, roots, oversight),
            "by type": lambda oversight: retained_by_type(tree, oversight=oversight),
            "paths": lambda oversight: find_paths(snapshot, roots, oversight=oversight),
            "merged": lambda oversight: dataclasses.replace(paths).merged_of_type(name, oversight=oversight),
            "recursive": lambda oversight: recursive_sizes(snapshot, oversight=oversight),
        }
        figures: dict[str, float | int | str] = {"objects": snapshot.object_count}
        for call_name, call in calls.items():
            started = time.perf_counter()
            call(Oversight())
            whole = time.perf_counter() - started
            answers = [given_up_after(whole * share, call) for share in CANCEL_AT]
            wall, cpu = (max(column) for column in zip(*answers, strict=True))
            figures[call_name] = f"{wall:.3f} s, CPU {cpu:.3f} s"
    return figures


def given_up_after(moment: float, call: Callable[[Oversight], object]) -> tuple[float, float]:
    """Give up a call after so many seconds; give those of wall clock and of CPU from then to its answer."""
    cancel = threading.Event()
    stamps: list[tuple[float, float]] = []

    def give_up() -> None:
        stamps.append((time.perf_counter(), time.process_time()))
        cancel.set()

    timer = threading.Timer(moment, give_up)
    timer.start()
    with contextlib.suppress(Cancelled):
        call(Oversight(cancel.is_set))
    ended = time.perf_counter(), time.process_time()
    timer.cancel()
    timer.join()
    # Done before it was given up: nobody waited.
    wall, cpu = stamps[0] if stamps else ended
    return max(0.0, ended[0] - wall), max(0.0, ended[1] - cpu)

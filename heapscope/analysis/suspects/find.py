"""The search for suspects: all detectors, the same thing once, ranked, and the verdict over them.

Never captures and never measures growth: it is given the newest heap, what grew, and the memory split. No I/O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from heapscope.analysis.holder_growth import GARBAGE, HolderGrowth
from heapscope.analysis.memory import MemorySplit
from heapscope.analysis.suspects import thresholds
from heapscope.analysis.suspects.accumulation import find_accumulations
from heapscope.analysis.suspects.caches import find_caches
from heapscope.analysis.suspects.exceptions import find_exceptions
from heapscope.analysis.suspects.found import Detector, Found
from heapscope.analysis.suspects.garbage import find_garbage
from heapscope.analysis.suspects.growing import find_growing, find_growing_types
from heapscope.analysis.suspects.merging import doubt_flat, merge_found
from heapscope.analysis.suspects.model import Confidence, HeapFigures, Report, Suspect, SuspectKind
from heapscope.analysis.suspects.naming import Naming
from heapscope.analysis.suspects.native_holds import find_native_holds
from heapscope.analysis.suspects.outside import find_outside
from heapscope.analysis.suspects.past import Past
from heapscope.analysis.suspects.scene import Scene
from heapscope.analysis.suspects.verdict import judge
from heapscope.analysis.suspects.workers import find_workers

DETECTORS: tuple[Detector, ...] = (
    find_native_holds,
    find_exceptions,
    find_caches,
    find_garbage,
    find_workers,
    find_accumulations,
)


def find_suspects(
    scene: Scene,
    older: Sequence[Past] = (),
    growth: Sequence[HolderGrowth] = (),
    memory: MemorySplit | None = None,
) -> Report:
    """Report on the newest heap. ``older`` snapshots, oldest first, and what grew since then are evidence, if there are any.

    O(n) several times, and the ways to a few objects. Raises Cancelled.
    """
    naming = Naming(scene)
    newest = scene.snapshot
    seconds = max(0.0, newest.meta.captured_at - older[0].meta.captured_at) if older else 0.0
    found: list[Found] = []
    for number, detect in enumerate(DETECTORS):
        scene.oversight.check()
        found += detect(scene, naming)
        scene.oversight.report((number + 1) / (len(DETECTORS) + 1))
    found += find_outside(scene, naming, memory)
    if older:
        growing = find_growing(scene, naming, growth, seconds)
        explained = sum(one.suspect.growth_bytes or 0 for one in growing)
        found += growing or find_growing_types(scene, older, explained)
    suspects = [_settle(one, growth, len(older)) for one in merge_found(scene, found)]
    ranked = tuple(sorted(suspects, key=_rank)[: thresholds.MAX_SUSPECTS])
    figures = figures_of(scene, older)
    return Report(
        verdict=judge(ranked, figures, snapshot_count=len(older) + 1, seconds=seconds),
        suspects=ranked,
        figures=figures,
        memory=memory,
        interval_s=seconds,
        snapshot_count=len(older) + 1,
        warnings=newest.meta.warnings,
    )


def _settle(suspect: Suspect, growth: Sequence[HolderGrowth], steps: int) -> Suspect:
    """Weigh what several snapshots say of a suspect that did not grow in them."""
    if suspect.kind is not SuspectKind.GARBAGE:
        return doubt_flat(suspect, steps)
    row = next((row for row in growth if row.holder == GARBAGE), None)
    if steps < thresholds.GROWTH_STEPS_MEDIUM or (row is not None and row.rising == row.steps):
        return suspect
    return dataclasses.replace(
        suspect, confidence=Confidence.LOW, doubts=(*suspect.doubts, "it comes and goes: the collector does its work")
    )


def _rank(suspect: Suspect) -> tuple[int, bool, float, str]:
    """Order by confidence; among those of the lowest, what grew comes before what is large."""
    is_large_only = suspect.confidence is Confidence.LOW and suspect.growth_bytes is None
    return -suspect.confidence, is_large_only, -suspect.weight, suspect.holder


def figures_of(scene: Scene, older: Sequence[Past] = ()) -> HeapFigures:
    """Give the newest snapshot in figures."""
    snapshot, meta, roots = scene.snapshot, scene.snapshot.meta, scene.tree.roots
    return HeapFigures(
        pid=meta.pid,
        python_version=meta.python_version,
        command=meta.command,
        captured_at=meta.captured_at,
        object_count=snapshot.object_count,
        heap_bytes=snapshot.heap_bytes,
        garbage_count=roots.garbage_count,
        garbage_bytes=roots.garbage_bytes,
        rss_bytes=meta.rss_before_bytes,
        pause_ns=meta.pause_ns,
        coverage=meta.coverage,
        collector=meta.collector,
        growth_bytes=snapshot.heap_bytes - older[0].heap_bytes if older else None,
        growth_count=snapshot.object_count - older[0].object_count if older else None,
    )

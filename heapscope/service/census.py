"""The use case "census": how many objects of each type a process has and what they cost, for a fraction of a snapshot's price.

The clone counts, and sends nothing of any single object: no memory and hardly any time on this side. Where the compiled walker
cannot be used, a snapshot is made, counted, and let go. Never leaves a clone behind: attempt.py releases it on every way out.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from heapscope.service.attempt import Run, begin, down_the_ladder, frozen_clone, meta_of, receive
from heapscope.service.capture_options import CaptureOptions, CaptureProgress, Report
from heapscope.service.collectors import NATIVE, Collector
from heapscope.service.surroundings import Surroundings
from heapscope.snapshot.counts import CountsBuilder, TypeTotal
from heapscope.target.info import TargetInfo

if TYPE_CHECKING:
    from heapscope.snapshot.facts import SnapshotMeta


@dataclass(frozen=True, slots=True)
class Census:
    """Totals per type name, largest shallow size first. ``meta`` as in a snapshot; its coverage is not known."""

    types: tuple[TypeTotal, ...]
    meta: SnapshotMeta

    @property
    def object_count(self) -> int:
        """How many objects there are."""
        return sum(row.count for row in self.types)

    @property
    def heap_bytes(self) -> int:
        """What they cost, in requested bytes."""
        return sum(row.shallow_bytes for row in self.types)


def take_census(
    pid: int,
    options: CaptureOptions | None = None,
    progress: Report | None = None,
    cancel: threading.Event | None = None,
    *,
    surroundings: Surroundings | None = None,
) -> Census:
    """Count the objects of a process by type. Blocks until done. Raises as ``capture``."""
    run, target = begin(pid, options, progress, cancel, surroundings)
    return down_the_ladder(run, target, _count_once)


def _count_once(run: Run, target: TargetInfo, via: str, collector: Collector) -> Census:
    if collector is not NATIVE:
        return _from_snapshot(run, target, via, collector)
    rss_before = run.world.rss_of(target)
    started_ns = time.monotonic_ns()
    captured_at = time.time()
    builder = CountsBuilder()
    with frozen_clone(run, target, via, collector) as clone:
        receive(run, target, clone, collector, builder, is_census=True)
    capture_ns = time.monotonic_ns() - started_ns
    run.check_cancel()
    run.report(CaptureProgress("build", builder.progress_objects, pause_ns=clone.pause_ns))
    types, warnings = builder.build()
    meta = meta_of(run, target, clone, collector, builder, None)
    return Census(
        types,
        replace(
            meta,
            captured_at=captured_at,
            capture_ns=capture_ns,
            rss_before_bytes=rss_before,
            rss_after_bytes=run.world.rss_of(target),
            warnings=tuple(dict.fromkeys((*meta.warnings, *warnings))),
        ),
    )


def _from_snapshot(run: Run, target: TargetInfo, via: str, collector: Collector) -> Census:
    from heapscope.analysis.histogram import build_histogram  # noqa: PLC0415 - numpy, 100 ms
    from heapscope.service.capture import capture_once  # noqa: PLC0415 - only where the clone cannot count

    snapshot = capture_once(run, target, via, collector)
    rows = build_histogram(snapshot, recursive=False).rows
    return Census(
        tuple(
            TypeTotal(row.type_name, row.count, row.shallow_bytes, row.allocated_bytes, row.type_count) for row in rows
        ),
        snapshot.meta,
    )

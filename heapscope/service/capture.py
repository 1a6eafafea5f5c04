"""The use case "capture": judge the target, make the clone, receive its records, build the snapshot.

Never leaves a clone behind: attempt.py releases it on every way out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from heapscope.errors import HeapscopeError
from heapscope.service.attempt import Run, begin, down_the_ladder, frozen_clone, meta_of, nicely, receive
from heapscope.service.capture_options import INJECTORS, SILENCE_S, CaptureOptions, CaptureProgress, Report
from heapscope.service.collectors import Collector
from heapscope.service.surroundings import CloneHandle, Surroundings
from heapscope.target.info import TargetInfo
from heapscope.units import clean_text

if TYPE_CHECKING:  # numpy costs 100 ms, which a refused capture need not pay
    from heapscope.service.memory import Observed
    from heapscope.snapshot.builder import SnapshotBuilder
    from heapscope.snapshot.memory import MemoryFacts
    from heapscope.snapshot.model import Snapshot

__all__ = [
    "INJECTORS",
    "SILENCE_S",
    "CaptureOptions",
    "CaptureProgress",
    "Report",
    "capture",
    "capture_once",
    "coverage_of",
]

Item = TypeVar("Item")


def capture(
    pid: int,
    options: CaptureOptions | None = None,
    progress: Report | None = None,
    cancel: threading.Event | None = None,
    *,
    surroundings: Surroundings | None = None,
) -> Snapshot:
    """Capture the heap of a process. Blocks until done; may run in any thread.

    Raises:
        TargetGone, UnsupportedTarget, PermissionRefused: the target cannot be captured.
        BudgetExceeded: no memory head-room, or no time left.
        CaptureInconsistent: the stream contradicts itself, or the clone hung twice.
        Cancelled: the cancel signal was set.
    """
    run, target = begin(pid, options, progress, cancel, surroundings)
    return down_the_ladder(run, target, capture_once)


def capture_once(run: Run, target: TargetInfo, via: str, collector: Collector) -> Snapshot:
    """Capture with one collector, at the first attempt. Raises as ``capture``."""
    from heapscope.snapshot.builder import SnapshotBuilder  # noqa: PLC0415 - numpy, see the top

    rss_before = run.world.rss_of(target)
    started_ns = time.monotonic_ns()
    captured_at = time.time()
    observed = _try_memory(run, lambda: run.world.observe_memory(target))
    builder = SnapshotBuilder()
    with frozen_clone(run, target, via, collector) as clone:
        memory = _frozen_memory(run, target, clone, observed)
        receive(run, target, clone, collector, builder)
    capture_ns = time.monotonic_ns() - started_ns
    run.check_cancel()
    run.report(CaptureProgress("build", builder.progress_objects, pause_ns=clone.pause_ns))
    rss_after = run.world.rss_of(target)
    allocated = memory.pymalloc.allocated_bytes if memory and memory.pymalloc else None
    meta = meta_of(run, target, clone, collector, builder, coverage_of(builder.end or {}, allocated))
    meta = replace(
        meta,
        captured_at=captured_at,
        capture_ns=capture_ns,
        rss_before_bytes=rss_before,
        rss_after_bytes=rss_after,
    )
    snapshot = nicely(run, lambda: builder.build(meta))
    return replace(snapshot, memory=_with_attributed(memory, builder))


def _try_memory(run: Run, read: Callable[[], Item]) -> Item | None:
    """Read where memory is; a capture does not fail for that."""
    try:
        return read()
    except (HeapscopeError, OSError, ValueError, OverflowError) as error:  # figures of the target that make no sense
        why = error.message if isinstance(error, HeapscopeError) else str(error)
        run.warnings += (f"where the memory is could not be read: {clean_text(why, 200)}",)
        return None


def _frozen_memory(run: Run, target: TargetInfo, clone: CloneHandle, observed: Observed | None) -> MemoryFacts | None:
    if observed is None:
        return None
    return _try_memory(run, lambda: run.world.frozen_memory(target, observed, clone))


def _with_attributed(memory: MemoryFacts | None, builder: SnapshotBuilder) -> MemoryFacts | None:
    """Add what the walk says of the allocator's small blocks."""
    attributed = (builder.end or {}).get("coverage_attributed_bytes")
    if memory is None or memory.pymalloc is None or not isinstance(attributed, int) or attributed < 0:
        return memory
    return replace(memory, pymalloc=replace(memory.pymalloc, attributed_bytes=attributed))


def coverage_of(end: Mapping[str, Any], allocated_bytes: int | None) -> float | None:
    """Return the share of the small-object allocator's bytes in use that the walk attributed to objects; None if not known."""
    attributed = end.get("coverage_attributed_bytes")
    if not isinstance(attributed, int) or not allocated_bytes:
        return None
    return max(0.0, attributed / allocated_bytes)

"""One capture with the time and the processor that each part of it took, and one that stops just before the clone ends.

Uses the real surroundings of a capture; only looks at the clock in between.
"""

from __future__ import annotations

import contextlib
import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from heapscope.errors import HeapscopeError
from heapscope.service.capture import CaptureOptions, CaptureProgress, capture
from heapscope.service.channel import Channel
from heapscope.service.collectors import Collector, Orders, rungs_of
from heapscope.service.surroundings import CloneHandle, RealSurroundings
from heapscope.snapshot.model import Snapshot
from heapscope.target.info import TargetInfo
from scripts.benching.targets import status_bytes

TIMEOUT_S = 300.0
SMALL_PIPE = 1 << 16  # what a clone may have written ahead of us
REST = 3 * SMALL_PIPE  # of the stream is left unread, so that the clone cannot end
SETTLE_S = 0.2


class TimedSurroundings(RealSurroundings):
    """The real ones, and the moment at which the walker got its orders."""

    def __init__(self) -> None:
        self.ordered_ns = 0
        self.ordered_cpu_ns = 0

    def give_orders(
        self, target: TargetInfo, clone: CloneHandle, *, collector: str, deadline_s: float, is_census: bool = False
    ) -> Orders:
        """Start the collector in the clone, then note the time."""
        orders = super().give_orders(target, clone, collector=collector, deadline_s=deadline_s, is_census=is_census)
        self.ordered_ns, self.ordered_cpu_ns = time.perf_counter_ns(), time.process_time_ns()
        return orders


@dataclass(slots=True)
class TimedCapture:
    """One capture. ``stream_ns``: orders to last record, in the host's columns. ``build_ns``: from there to the snapshot."""

    snapshot: Snapshot
    stream_ns: int
    stream_cpu_ns: int
    build_ns: int
    build_cpu_ns: int


@dataclass(slots=True)
class _Stamps:
    """Wall and processor time of the last report of each phase."""

    at: dict[str, tuple[int, int]] = field(default_factory=dict)

    def report(self, progress: CaptureProgress) -> None:
        self.at[progress.phase] = (time.perf_counter_ns(), time.process_time_ns())


def timed_capture(pid: int, collector: str) -> TimedCapture:
    """Capture with the clock in hand."""
    world, stamps = TimedSurroundings(), _Stamps()
    options = CaptureOptions(timeout_s=TIMEOUT_S, collector=collector)
    snapshot = capture(pid, options, stamps.report, surroundings=world)
    ended, ended_cpu = time.perf_counter_ns(), time.process_time_ns()
    (walked, walked_cpu), (begun, begun_cpu) = stamps.at["walk"], stamps.at["build"]
    return TimedCapture(
        snapshot, walked - world.ordered_ns, walked_cpu - world.ordered_cpu_ns, ended - begun, ended_cpu - begun_cpu
    )


def _private_dirty(clone_pid: int) -> int:
    return status_bytes(clone_pid, "Private_Dirty", "smaps_rollup")


@contextlib.contextmanager
def _ordered_clone(pid: int, collector: Collector) -> Iterator[tuple[CloneHandle, Channel, int]]:
    """Yield a clone that has its orders, its channel, and what it had un-shared before it began."""
    world = RealSurroundings()
    target = world.target_of(pid, ignore=frozenset())
    clone = world.make_clone(
        target,
        via="auto",
        runs_python=collector.runs_python,
        deadline_s=TIMEOUT_S,
        report=lambda _message: None,
        cancel=threading.Event(),
    )
    try:
        before = _private_dirty(clone.clone_pid)
        orders = world.give_orders(target, clone, collector=collector.name, deadline_s=TIMEOUT_S)
        channel = Channel(
            clone.command_fd,
            clone.result_fd,
            deadline=time.monotonic() + TIMEOUT_S,
            silence_s=TIMEOUT_S,
            cancel=threading.Event(),
            check_target=lambda: world.check_alive(target),
        )
        channel.send(*orders.messages)
        yield clone, channel, before
    finally:
        clone.release()


def drained(pid: int, collector: str) -> dict[str, int]:
    """Read a whole stream and throw it away: wall time in ns and bytes. What the clone can do when nobody holds it up."""
    with _ordered_clone(pid, rungs_of(collector)[0]) as (_clone, channel, _before):
        started = time.perf_counter_ns()
        size = sum(len(data) for _kind, data in channel.receive())
        return {"drain_ns": time.perf_counter_ns() - started, "stream_bytes": size}


def dirty_growth(pid: int, collector: str, stream_bytes: int) -> int | None:
    """Return by how many bytes the clone's private memory grew up to the end of its walk; None for too short a stream.

    The last bytes of the stream are left in its pipe: the clone waits for room, with all that it ever wrote still mapped.
    """
    stop_at = stream_bytes - REST
    if stop_at <= 0:
        return None
    with _ordered_clone(pid, rungs_of(collector)[0]) as (clone, channel, before):
        fcntl.fcntl(clone.result_fd, fcntl.F_SETPIPE_SZ, SMALL_PIPE)
        size = 0
        for _kind, data in channel.receive():
            size += len(data)
            if size >= stop_at:
                break
        return _settled(lambda: _private_dirty(clone.clone_pid)) - before


def _settled(read: Callable[[], int]) -> int:
    """Read until two readings in a row agree: the clone has filled its pipe, and waits."""
    last = -1
    while (value := read()) != last:
        last = value
        time.sleep(SETTLE_S)
    return value


def captured(pid: int, collector: str) -> dict[str, Any]:
    """Capture once; return figures of the capture in ns, objects a second against each core's time."""
    try:
        timed = timed_capture(pid, collector)
    except HeapscopeError as error:
        raise SystemExit(f"pid {pid}: {error.message}") from error
    objects = timed.snapshot.object_count
    return {
        "objects": objects,
        "references": timed.snapshot.reference_count,
        "collector": timed.snapshot.meta.collector,
        "pause_ns": timed.snapshot.meta.pause_ns,
        "capture_ns": timed.snapshot.meta.capture_ns,
        "stream_ns": timed.stream_ns,
        "host_stream_cpu_ns": timed.stream_cpu_ns,
        "build_ns": timed.build_ns,
        "host_build_cpu_ns": timed.build_cpu_ns,
        "rss_before_bytes": timed.snapshot.meta.rss_before_bytes,
        "rss_after_bytes": timed.snapshot.meta.rss_after_bytes,
        "coverage": timed.snapshot.meta.coverage,
        "warnings": list(timed.snapshot.meta.warnings),
        "python_version": timed.snapshot.meta.python_version,
    }

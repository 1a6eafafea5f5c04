"""The use case "capture": judge the target, make the clone, receive its records, build the snapshot.

Never leaves a clone behind: every way out of a capture goes through the release of the clone handle.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from heapscope import __version__
from heapscope.errors import Cancelled, CaptureInconsistent, HeapscopeError, TargetGone, UsageError
from heapscope.service.channel import Channel, CloneSilent
from heapscope.service.collectors import CHOICES, Collector, rungs_of
from heapscope.service.priority import run_nicely
from heapscope.service.surroundings import CloneHandle, RealSurroundings, Surroundings
from heapscope.target.info import TargetInfo
from heapscope.target.obstacles import HEAD_ROOM_CODES
from heapscope.units import clean_text, format_bytes, format_count
from heapscope.wire.protocol import Kind

if TYPE_CHECKING:  # numpy costs 100 ms, which a refused capture need not pay
    from heapscope.service.memory import Observed
    from heapscope.snapshot.builder import SnapshotBuilder
    from heapscope.snapshot.memory import MemoryFacts
    from heapscope.snapshot.model import Snapshot, SnapshotMeta

INJECTORS = ("auto", "remote_exec", "ptrace", "pyrasite")
SILENCE_S = 20.0  # the walker reports at least every few ten thousand objects, also on a loaded machine
REPORT_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """How to capture. ``timeout_s`` covers everything until the last record; ``memory_budget`` is in bytes, see watch.py."""

    via: str = "auto"
    collector: str = "auto"
    timeout_s: float = 60.0
    ignore_head_room: bool = False
    memory_budget: int | None = None
    silence_s: float = SILENCE_S
    is_urgent: bool = False  # the clone competes with everybody else, also with the target: evidence before the end

    def __post_init__(self) -> None:
        if self.via not in INJECTORS:
            raise UsageError(f"there is no injector {clean_text(self.via)}", hint=f"--via {'|'.join(INJECTORS)}")
        if self.collector not in CHOICES:
            raise UsageError(
                f"there is no collector {clean_text(self.collector)}", hint=f"--collector {'|'.join(CHOICES)}"
            )
        if not self.timeout_s > 0:
            raise UsageError("the timeout must be more than 0 seconds", hint="--timeout 60")


@dataclass(frozen=True, slots=True)
class CaptureProgress:
    """Where a capture stands. Phases in order: find, headroom, inject, clone, walk, build."""

    phase: str
    objects: int = 0
    message: str = ""
    pause_ns: int | None = None


Report = Callable[[CaptureProgress], None]
Item = TypeVar("Item")


@dataclass(slots=True)
class _Run:
    """The state of one capture."""

    options: CaptureOptions
    report: Report
    cancel: threading.Event
    world: Surroundings
    deadline: float  # on time.monotonic
    warnings: tuple[str, ...] = ()

    def remaining_s(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    def check_cancel(self) -> None:
        if self.cancel.is_set():
            raise Cancelled("the capture was cancelled")


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
    chosen = options or CaptureOptions()
    run = _Run(
        options=chosen,
        report=progress or (lambda _: None),
        cancel=cancel or threading.Event(),
        world=surroundings or RealSurroundings(),
        deadline=time.monotonic() + chosen.timeout_s,
    )
    run.report(CaptureProgress("find", message=f"pid {pid}"))
    ignored = HEAD_ROOM_CODES if chosen.ignore_head_room else frozenset()
    target = run.world.target_of(pid, ignore=ignored)
    run.report(CaptureProgress("find", message=f"CPython {target.python_version}"))
    run.report(CaptureProgress("headroom", message=f"RSS {format_bytes(target.rss_bytes)}"))
    return _capture_with_retry(run, target)


def _capture_with_retry(run: _Run, target: TargetInfo) -> Snapshot:
    """Go down the ladder of collectors; try again once when a clone hangs.

    A clone may have been made while another thread asked for the GIL: Python in it gives the GIL up, and waits for ever.
    """
    rungs = rungs_of(run.options.collector, is_free_threaded=target.free_threaded)
    for position, collector in enumerate(rungs):
        run.check_cancel()
        via = run.options.via
        if position > 0 and via == "auto":
            via = "ptrace"
        try:
            return _capture_once(run, target, via, collector)
        except CaptureInconsistent as error:
            is_last = position + 1 == len(rungs)
            if is_last or (rungs[position + 1] is collector and not isinstance(error, CloneSilent)):
                raise
            run.warnings = (f"a first attempt was given up ({collector.name}): {error.message}",)
            run.report(CaptureProgress("inject", message=f"{error.message}; trying {rungs[position + 1].name}"))
    raise AssertionError("unreachable")


def _capture_once(run: _Run, target: TargetInfo, via: str, collector: Collector) -> Snapshot:
    from heapscope.snapshot.builder import SnapshotBuilder  # noqa: PLC0415 - numpy, see the top

    rss_before = run.world.rss_of(target)
    started_ns = time.monotonic_ns()
    captured_at = time.time()
    observed = _try_memory(run, lambda: run.world.observe_memory(target))
    run.report(CaptureProgress("inject"))
    clone = _make_clone(run, target, via, collector)
    builder = SnapshotBuilder()
    try:
        run.report(CaptureProgress("clone", message=clone.injector, pause_ns=clone.pause_ns))
        if run.options.is_urgent:
            run.world.hurry(target, clone)
        with run.world.watch_clone(
            target,
            clone,
            collector=collector.name,
            memory_budget=run.options.memory_budget,
            ignore_head_room=run.options.ignore_head_room,
        ):
            memory = _frozen_memory(run, target, clone, observed)
            _run_nicely(run, lambda: _receive(run, target, clone, collector, builder))
    except HeapscopeError as error:
        _prefer_target_gone(run, target, error)
        raise
    finally:
        clone.release()
    capture_ns = time.monotonic_ns() - started_ns
    run.check_cancel()
    run.report(CaptureProgress("build", builder.progress_objects, pause_ns=clone.pause_ns))
    rss_after = run.world.rss_of(target)
    meta = _meta_of(run, target, clone, collector, builder, memory)
    meta = replace(meta, captured_at=captured_at, capture_ns=capture_ns)
    meta = replace(meta, rss_before_bytes=rss_before, rss_after_bytes=rss_after)
    snapshot = _run_nicely(run, lambda: builder.build(meta))
    return replace(snapshot, memory=_with_attributed(memory, builder))


def _run_nicely(run: _Run, work: Callable[[], Item]) -> Item:
    """Do what the target does not wait for: it should not wait for its processor either."""
    return work() if run.options.is_urgent else run_nicely(work, run.cancel.set)


def _try_memory(run: _Run, read: Callable[[], Item]) -> Item | None:
    """Read where memory is; a capture does not fail for that."""
    try:
        return read()
    except (HeapscopeError, OSError, ValueError, OverflowError) as error:  # figures of the target that make no sense
        why = error.message if isinstance(error, HeapscopeError) else str(error)
        run.warnings += (f"where the memory is could not be read: {clean_text(why, 200)}",)
        return None


def _frozen_memory(run: _Run, target: TargetInfo, clone: CloneHandle, observed: Observed | None) -> MemoryFacts | None:
    if observed is None:
        return None
    return _try_memory(run, lambda: run.world.frozen_memory(target, observed, clone))


def _with_attributed(memory: MemoryFacts | None, builder: SnapshotBuilder) -> MemoryFacts | None:
    """Add what the walk says of the allocator's small blocks."""
    attributed = (builder.end or {}).get("coverage_attributed_bytes")
    if memory is None or memory.pymalloc is None or not isinstance(attributed, int) or attributed < 0:
        return memory
    return replace(memory, pymalloc=replace(memory.pymalloc, attributed_bytes=attributed))


def _make_clone(run: _Run, target: TargetInfo, via: str, collector: Collector) -> CloneHandle:
    try:
        return run.world.make_clone(
            target,
            via=via,
            runs_python=collector.runs_python,
            deadline_s=run.remaining_s(),
            report=lambda message: run.report(CaptureProgress("inject", message=clean_text(message))),
            cancel=run.cancel,
        )
    except HeapscopeError as error:
        _prefer_target_gone(run, target, error)
        raise


def _receive(run: _Run, target: TargetInfo, clone: CloneHandle, collector: Collector, builder: SnapshotBuilder) -> None:
    orders = run.world.give_orders(target, clone, collector=collector.name, deadline_s=run.remaining_s())
    channel = Channel(
        clone.command_fd,
        clone.result_fd,
        deadline=run.deadline,
        silence_s=run.options.silence_s,
        cancel=run.cancel,
        check_target=lambda: run.world.check_alive(target),
    )
    channel.send(*orders.messages)
    last_report = 0.0
    for kind, data in channel.receive():
        builder.feed(kind, data)
        now = time.monotonic()
        if kind in (Kind.HELLO, Kind.END) or now - last_report >= REPORT_EVERY_S:
            last_report = now
            objects = builder.progress_objects
            message = f"{format_count(objects)} objects"
            run.report(CaptureProgress("walk", objects, message, clone.pause_ns))
    builder.add_roots(orders.roots)
    run.warnings += orders.warnings


def _prefer_target_gone(run: _Run, target: TargetInfo, error: HeapscopeError) -> None:
    """Name the cause instead of its effect: a stream breaks off when the target, and the clone with it, is killed."""
    if isinstance(error, (Cancelled, TargetGone)):
        return
    try:
        run.world.check_alive(target)
    except TargetGone as gone:
        raise TargetGone(f"{gone.message} during the capture", hint=gone.hint) from error


def _meta_of(
    run: _Run,
    target: TargetInfo,
    clone: CloneHandle,
    collector: Collector,
    builder: SnapshotBuilder,
    memory: MemoryFacts | None,
) -> SnapshotMeta:
    from heapscope.snapshot.model import SnapshotMeta  # noqa: PLC0415 - numpy, see the top

    hello: dict[str, Any] = dict(builder.hello)
    end: dict[str, Any] = dict(builder.end or {})
    version = hello.get("python_version")
    return SnapshotMeta(
        pid=target.pid,
        process_start_time=target.start_time,
        host_name=socket.gethostname(),
        command=clean_text(target.command, 1000),
        python_version=clean_text(version, 40) if isinstance(version, str) else target.python_version or "",
        collector=collector.name,
        injector=clone.injector,
        pause_ns=clone.pause_ns,
        warnings=run.warnings,
        coverage=coverage_of(end, memory.pymalloc.allocated_bytes if memory and memory.pymalloc else None),
        heapscope_version=__version__,
    )


def coverage_of(end: dict[str, Any], allocated_bytes: int | None) -> float | None:
    """Return the share of the small-object allocator's bytes in use that the walk attributed to objects; None if not known."""
    attributed = end.get("coverage_attributed_bytes")
    if not isinstance(attributed, int) or not allocated_bytes:
        return None
    return max(0.0, attributed / allocated_bytes)

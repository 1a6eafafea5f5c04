"""Attempts at a capture: a clone is made, given its orders, and heard to its end; by another collector when the first cannot.

Never leaves a clone behind: every way out of an attempt goes through the release of the clone handle.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from heapscope import __version__
from heapscope.errors import Cancelled, CaptureInconsistent, HeapscopeError, TargetGone
from heapscope.service.capture_options import CaptureOptions, CaptureProgress, Report
from heapscope.service.channel import Channel, CloneSilent
from heapscope.service.collectors import Collector, Orders, rungs_of
from heapscope.service.priority import run_nicely
from heapscope.service.surroundings import CloneHandle, RealSurroundings, Surroundings
from heapscope.snapshot.facts import SnapshotMeta
from heapscope.target.info import TargetInfo
from heapscope.target.obstacles import HEAD_ROOM_CODES
from heapscope.units import clean_text, format_bytes, format_count
from heapscope.wire.protocol import Kind

if TYPE_CHECKING:  # 10 ms, which a refused capture need not pay
    from heapscope.snapshot.records import RootRecord

REPORT_EVERY_S = 0.05
Found = TypeVar("Found")


class Receiver(Protocol):
    """What takes the frames of one stream: a builder of snapshots, or of censuses."""

    @property
    def hello(self) -> Mapping[str, Any]:
        """What the first frame said."""

    @property
    def end(self) -> Mapping[str, Any] | None:
        """What the last frame said, once it has come."""

    @property
    def progress_objects(self) -> int:
        """How many objects have come so far."""

    def feed(self, kind: int, payload: bytes) -> None:
        """Take one frame. Raises CaptureInconsistent."""

    def add_roots(self, roots: Sequence[RootRecord]) -> None:
        """Add roots that the host has read itself."""


@dataclass(slots=True)
class Run:
    """The state of one capture, over all its attempts."""

    options: CaptureOptions
    report: Report
    cancel: threading.Event
    world: Surroundings
    deadline: float  # on time.monotonic
    warnings: tuple[str, ...] = ()

    def remaining_s(self) -> float:
        """Return how much time is left."""
        return max(0.0, self.deadline - time.monotonic())

    def check_cancel(self) -> None:
        """Raise Cancelled when the capture is not wanted any more."""
        if self.cancel.is_set():
            raise Cancelled("the capture was cancelled")


def begin(
    pid: int,
    options: CaptureOptions | None,
    progress: Report | None,
    cancel: threading.Event | None,
    surroundings: Surroundings | None,
) -> tuple[Run, TargetInfo]:
    """Judge the target. Raises TargetGone, UnsupportedTarget, PermissionRefused, BudgetExceeded."""
    chosen = options or CaptureOptions()
    run = Run(
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
    return run, target


def down_the_ladder(run: Run, target: TargetInfo, once: Callable[[Run, TargetInfo, str, Collector], Found]) -> Found:
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
            return once(run, target, via, collector)
        except CaptureInconsistent as error:
            is_last = position + 1 == len(rungs)
            if is_last or (rungs[position + 1] is collector and not isinstance(error, CloneSilent)):
                raise
            run.warnings = (f"a first attempt was given up ({collector.name}): {error.message}",)
            run.report(CaptureProgress("inject", message=f"{error.message}; trying {rungs[position + 1].name}"))
    raise AssertionError("unreachable")


@contextlib.contextmanager
def frozen_clone(run: Run, target: TargetInfo, via: str, collector: Collector) -> Iterator[CloneHandle]:
    """Make a clone, watch its memory as long as the block runs, and let it go. Errors name the cause: see below."""
    run.report(CaptureProgress("inject"))
    try:
        clone = run.world.make_clone(
            target,
            via=via,
            runs_python=collector.runs_python,
            is_urgent=run.options.is_urgent,
            deadline_s=run.remaining_s(),
            report=lambda message: run.report(CaptureProgress("inject", message=clean_text(message))),
            cancel=run.cancel,
        )
    except HeapscopeError as error:
        _prefer_target_gone(run, target, error)
        raise
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
            yield clone
    except HeapscopeError as error:
        _prefer_target_gone(run, target, error)
        raise
    finally:
        clone.release()


def receive(
    run: Run,
    target: TargetInfo,
    clone: CloneHandle,
    collector: Collector,
    receiver: Receiver,
    *,
    is_census: bool = False,
) -> None:
    """Give the clone its orders, and hand on all that it says."""
    orders = run.world.give_orders(
        target, clone, collector=collector.name, deadline_s=run.remaining_s(), is_census=is_census
    )
    nicely(run, lambda: _hear(run, target, clone, receiver, orders))


def nicely(run: Run, work: Callable[[], Found]) -> Found:
    """Do what the target does not wait for: it should not wait for its processor either."""
    return work() if run.options.is_urgent else run_nicely(work, run.cancel.set)


def _hear(run: Run, target: TargetInfo, clone: CloneHandle, receiver: Receiver, orders: Orders) -> None:
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
        receiver.feed(kind, data)
        now = time.monotonic()
        if kind in (Kind.HELLO, Kind.END) or now - last_report >= REPORT_EVERY_S:
            last_report = now
            objects = receiver.progress_objects
            message = f"{format_count(objects)} objects"
            run.report(CaptureProgress("walk", objects, message, clone.pause_ns))
    receiver.add_roots(orders.roots)
    run.warnings += orders.warnings


def _prefer_target_gone(run: Run, target: TargetInfo, error: HeapscopeError) -> None:
    """Name the cause instead of its effect: a stream breaks off when the target, and the clone with it, is killed."""
    if isinstance(error, (Cancelled, TargetGone)):
        return
    try:
        run.world.check_alive(target)
    except TargetGone as gone:
        raise TargetGone(f"{gone.message} during the capture", hint=gone.hint) from error


def meta_of(
    run: Run, target: TargetInfo, clone: CloneHandle, collector: Collector, receiver: Receiver, coverage: float | None
) -> SnapshotMeta:
    """Say whose heap it is, and how it was captured; times and RSS are the caller's to add."""
    version = receiver.hello.get("python_version")
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
        coverage=coverage,
        heapscope_version=__version__,
    )

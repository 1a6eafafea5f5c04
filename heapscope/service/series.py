"""A series of snapshots, for growth: captured at intervals or read from files, of which only summaries are kept.

Never keeps a snapshot, and never mistakes another process for the target: its identity is looked at before and after each capture.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from heapscope.errors import BudgetExceeded, Cancelled, CaptureInconsistent, HeapscopeError, TargetGone, UsageError
from heapscope.oversight import UNWATCHED, Oversight
from heapscope.service.capture import CaptureOptions, CaptureProgress, Report, capture
from heapscope.target.process import read_process

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.analysis.growth import GrowthRow, TypeCensus
    from heapscope.analysis.holder_growth import HolderGrowth
    from heapscope.analysis.holder_tree import HolderTree
    from heapscope.snapshot.model import Snapshot, SnapshotMeta

LOOK_EVERY_S = 0.5  # at the target, while waiting
MAX_SNAPSHOTS = 10_000


class Series:
    """Summaries of snapshots, oldest first. Some MB each, and 12 bytes per object for the oldest and the newest.

    Not safe to share between threads.
    """

    def __init__(self, *, with_holders: bool = True, with_types: bool = True) -> None:
        self.metas: list[SnapshotMeta] = []
        self._with_holders, self._with_types = with_holders, with_types
        self._holders: list[HolderTree] = []
        self._types: list[TypeCensus] = []

    @property
    def size(self) -> int:
        """How many snapshots there are."""
        return len(self.metas)

    @property
    def seconds(self) -> float:
        """Seconds from the oldest to the newest."""
        return self.metas[-1].captured_at - self.metas[0].captured_at if self.metas else 0.0

    def add(self, snapshot: Snapshot, oversight: Oversight = UNWATCHED) -> None:
        """Sum up one more; the snapshot itself is not kept. Raises Cancelled, and is then as it was."""
        from heapscope.analysis.growth import take_census  # noqa: PLC0415 - numpy, 100 ms
        from heapscope.analysis.holder_tree import find_holder_tree  # noqa: PLC0415 - as above

        if self._with_holders:
            self._holders.append(find_holder_tree(snapshot, oversight=oversight))
        if self._with_types:
            if len(self._types) > 1:
                self._types[-1] = self._types[-1].without_places()
            self._types.append(take_census(snapshot))
        self.metas.append(snapshot.meta)

    def holders(self) -> tuple[HolderGrowth, ...]:
        """Give the growth per holder; empty where it was not asked for."""
        from heapscope.analysis.holder_growth import measure_holder_growth  # noqa: PLC0415 - numpy, 100 ms

        return measure_holder_growth(self._holders) if self._with_holders else ()

    def types(self) -> tuple[GrowthRow, ...]:
        """Give the growth per type; empty where it was not asked for."""
        from heapscope.analysis.growth import measure_type_growth  # noqa: PLC0415 - numpy, 100 ms

        return measure_type_growth(self._types) if self._with_types else ()


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """When to capture: at once, then every ``every_s`` seconds until ``for_s`` seconds have passed."""

    for_s: float
    every_s: float

    def __post_init__(self) -> None:
        if not 0 < self.every_s <= self.for_s:
            raise UsageError("a series needs two snapshots: --every must be more than nothing, and at most --for")
        if self.for_s / self.every_s > MAX_SNAPSHOTS:
            raise UsageError(f"a series has at most {MAX_SNAPSHOTS:,} snapshots", hint="a longer --every")

    @property
    def last(self) -> int:
        """The number of the last snapshot, the first one being 0."""
        return math.floor(self.for_s / self.every_s + 1e-9)


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """How a series ended: ``error`` is why early, if it did; ``skipped`` says of captures that failed why."""

    error: HeapscopeError | None = None
    skipped: tuple[str, ...] = ()


def _start_ticks(pid: int) -> int | None:
    """One that has ended is there until its parent asks how it did."""
    try:
        facts = read_process(pid)
    except TargetGone:
        return None
    return None if facts.state in "ZX" else facts.start_ticks


def _wait(cancel: threading.Event, seconds: float) -> None:
    cancel.wait(seconds)


@dataclasses.dataclass(frozen=True, slots=True)
class World:
    """What a series does outside; tests put others in their place."""

    capture: Callable[[int, CaptureOptions, Report, threading.Event], Snapshot] = capture
    start_ticks: Callable[[int], int | None] = _start_ticks
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[threading.Event, float], None] = _wait


def watch(
    pid: int,
    plan: Plan,
    series: Series,
    options: CaptureOptions,
    *,
    keep: Callable[[Snapshot], None] = lambda _: None,
    report: Report = lambda _: None,
    cancel: threading.Event | None = None,
    world: World | None = None,
) -> Ended:
    """Capture a process again and again into ``series``; ``keep`` gets every snapshot.

    Ends early, with what there is, when it is cancelled, the target ends, or captures are refused. A capture that fails by itself
    (no head-room now, a stream that contradicts itself) is left out. One that takes longer than the interval misses turns;
    a second snapshot is made all the same.

    Raises:
        HeapscopeError: there is no first snapshot, by the reason that there is none; or ``keep`` failed.
    """
    run = _Watch(pid, plan, series, options, report, cancel or threading.Event(), world or World())
    return run.all(keep)


class _Watch:
    def __init__(
        self,
        pid: int,
        plan: Plan,
        series: Series,
        options: CaptureOptions,
        report: Report,
        cancel: threading.Event,
        world: World,
    ) -> None:
        self._pid, self._plan, self._series, self._options = pid, plan, series, options
        self._report, self._cancel, self._world = report, cancel, world
        self._ticks = world.start_ticks(pid)
        self._skipped: list[HeapscopeError] = []

    def all(self, keep: Callable[[Snapshot], None]) -> Ended:
        error: HeapscopeError | None = None
        try:
            self._check_target()
            started, number = self._world.clock(), 0
            while number <= self._plan.last:
                self._wait_until(started + number * self._plan.every_s)
                self._take(keep)
                number = max(number + 1, self._next_turn(self._world.clock() - started, number))
        except (Cancelled, TargetGone) as gone:
            error = gone
        except HeapscopeError as refused:
            if not self._series.size:
                raise
            error = refused
        if not self._series.size:
            raise error or self._skipped[-1]
        return Ended(error, tuple(each.message for each in self._skipped))

    def _next_turn(self, passed_s: float, number: int) -> int:
        """Leave out the turns that a capture took too long for; but one snapshot is no series, so there is a second, however late."""
        turn = math.ceil(passed_s / self._plan.every_s)
        return min(turn, self._plan.last) if number == 0 else turn

    def _take(self, keep: Callable[[Snapshot], None]) -> None:
        try:
            snapshot = self._world.capture(self._pid, self._options, self._report, self._cancel)
        except (BudgetExceeded, CaptureInconsistent) as error:
            self._check_target()
            self._skipped.append(error)
            return
        self._check_target()
        keep(snapshot)
        self._series.add(snapshot, Oversight(self._cancel.is_set, self._analysed))

    def _analysed(self, share: float) -> None:
        self._report(CaptureProgress("analyse", message=f"snapshot {self._series.size + 1}, {share:.0%}"))

    def _wait_until(self, moment: float) -> None:
        while True:
            if self._cancel.is_set():
                raise Cancelled("the series was ended early")
            self._check_target()
            left = moment - self._world.clock()
            if left <= 0:
                return
            done = f"{self._series.size} of {self._plan.last + 1} snapshots"
            self._report(CaptureProgress("wait", message=f"{done}, next in {left:.0f} s; Ctrl-C ends early"))
            self._world.wait(self._cancel, min(left, LOOK_EVERY_S))

    def _check_target(self) -> None:
        """A process number may be used again at once; the start time tells the two apart."""
        ticks = self._world.start_ticks(self._pid)
        if ticks is None or self._ticks is None:
            ended = " any more" if self._ticks is not None else ""
            raise TargetGone(f"there is no process {self._pid}{ended}", hint="heapscope ps")
        if ticks != self._ticks:
            raise TargetGone(f"process {self._pid} ended, and another one has its number", hint="heapscope ps")

"""A series: when captures are made, what ends it early, and that nothing but summaries stays."""

from __future__ import annotations

import dataclasses
import threading
import weakref
from collections.abc import Callable
from functools import partial

import pytest

from heapscope.analysis.holder_growth import HolderGrowth
from heapscope.errors import BudgetExceeded, Cancelled, HeapscopeError, PermissionRefused, TargetGone, UsageError
from heapscope.service.capture import CaptureOptions, Report
from heapscope.service.series import Ended, Plan, Series, World, watch
from heapscope.snapshot.model import Snapshot
from tests.support.growing_heap import Service

PID = 7


@dataclasses.dataclass
class FakeWorld:
    """A process that grows by 20 sessions per capture, on a clock that waiting moves.

    ``at`` says what happens when it is waited for, ``during`` what happens in which capture.
    """

    now: float = 1000.0
    ticks: int | None = 5
    capture_s: float = 0.0
    at: dict[int, Callable[[], None]] = dataclasses.field(default_factory=dict)
    during: dict[int, Callable[[], None]] = dataclasses.field(default_factory=dict)
    captures: int = 0
    captured: list[float] = dataclasses.field(default_factory=list)
    cancel: threading.Event = dataclasses.field(default_factory=threading.Event)
    snapshots: list[weakref.ref[Snapshot]] = dataclasses.field(default_factory=list)

    def capture(self, pid: int, _options: CaptureOptions, _report: Report, cancel: threading.Event) -> Snapshot:
        """Take the time that a capture takes."""
        assert pid == PID
        assert not cancel.is_set()
        moment = self.now - 1000
        self.now += self.capture_s
        self.captures += 1
        self.during.get(self.captures - 1, lambda: None)()
        self.captured.append(moment)
        service = Service()
        service.module("app", SESSIONS=service.table([service.blob(100) for _ in range(20 * self.captures)]))
        snapshot = service.snapshot(moment / 60)
        self.snapshots.append(weakref.ref(snapshot))
        return snapshot

    def wait(self, _cancel: threading.Event, seconds: float) -> None:
        """Move the clock."""
        self.now += seconds
        for moment in [moment for moment in self.at if moment <= self.now - 1000]:
            self.at.pop(moment)()

    def watch(self, plan: Plan, series: Series, keep: Callable[[Snapshot], None] = lambda _: None) -> Ended:
        """Run a series here."""
        world = World(self.capture, lambda _: self.ticks, lambda: self.now, self.wait)
        return watch(PID, plan, series, CaptureOptions(), keep=keep, cancel=self.cancel, world=world)


def failing(error: HeapscopeError) -> Callable[[], None]:
    """Make something that fails when it happens."""

    def fail() -> None:
        raise error

    return fail


def first(series: Series) -> HolderGrowth:
    """Give what grew most."""
    return series.holders()[0]


def test_captures_are_made_at_once_and_then_at_every_turn() -> None:
    """Four in three seconds; only summaries stay, and of the middle ones no places."""
    world, series, kept = FakeWorld(), Series(), list[float]()
    assert world.watch(Plan(3, 1), series, lambda snapshot: kept.append(snapshot.meta.captured_at)) == Ended()
    assert world.captured == kept == [0, 1, 2, 3]
    assert (series.size, series.seconds) == (4, 3)
    row = first(series)
    assert (row.holder, row.rising, row.steps, row.count_delta) == ("app.SESSIONS", 3, 3, 60)
    types = {row.type_name: row for row in series.types()}
    assert types["builtins.bytes"].new is not None
    assert types["builtins.bytes"].count_series == (20, 40, 60, 80)
    assert all(each() is None for each in world.snapshots)


def test_a_capture_that_takes_longer_than_the_interval_misses_turns() -> None:
    """They are not made up for: the target would have no rest."""
    world, series = FakeWorld(capture_s=2.5), Series()
    assert world.watch(Plan(7, 1), series) == Ended()
    assert world.captured == [0, 3, 6]


def test_a_first_capture_that_takes_all_the_time_is_followed_by_a_second() -> None:
    """One snapshot shows no growth."""
    world, series = FakeWorld(capture_s=9), Series()
    assert world.watch(Plan(7, 1), series) == Ended()
    assert world.captured == [0, 9]


def test_a_target_that_ends_while_waiting_is_noticed_and_what_there_is_stays() -> None:
    """At once, not at the next turn; also where its number is used again."""
    for ticks in (None, 6):
        world, series = FakeWorld(), Series()
        world.at[65] = partial(setattr, world, "ticks", ticks)
        ended = world.watch(Plan(600, 60), series)
        assert isinstance(ended.error, TargetGone)
        assert world.captured == [0, 60]
        assert world.now - 1000 <= 66
        assert first(series).count_delta == 20


def test_a_snapshot_of_another_process_with_that_number_is_none_of_the_series() -> None:
    """It came between looking and capturing."""
    world, series = FakeWorld(), Series()
    world.during[2] = partial(setattr, world, "ticks", 9)
    ended = world.watch(Plan(600, 60), series)
    assert isinstance(ended.error, TargetGone)
    assert (series.size, len(world.captured)) == (2, 3)


def test_ctrl_c_ends_early_with_what_there_is() -> None:
    """While waiting."""
    world, series = FakeWorld(), Series()
    world.at[130] = world.cancel.set
    ended = world.watch(Plan(600, 60), series)
    assert isinstance(ended.error, Cancelled)
    assert series.size == 3


def test_a_capture_that_fails_by_itself_is_left_out_and_a_refusal_ends_the_series() -> None:
    """No head-room now may be another thing in a minute; a permission that went does not come back."""
    world, series = FakeWorld(), Series()
    world.during[1] = failing(BudgetExceeded("no room"))
    ended = world.watch(Plan(180, 60), series)
    assert ended == Ended(None, ("no room",))
    assert (series.size, first(series).steps) == (3, 2)
    world, series = FakeWorld(), Series()
    world.during[1] = failing(PermissionRefused("not any more"))
    ended = world.watch(Plan(180, 60), series)
    assert isinstance(ended.error, PermissionRefused)
    assert series.size == 1


def test_without_a_first_snapshot_there_is_only_the_reason() -> None:
    """Whatever it is."""
    for error in (PermissionRefused("no"), TargetGone("gone"), BudgetExceeded("no room"), Cancelled("given up")):
        world = FakeWorld()
        world.during = {number: failing(error) for number in range(3)}
        with pytest.raises(type(error)):
            world.watch(Plan(2, 1), Series())
    with pytest.raises(TargetGone, match="no process"):
        FakeWorld(ticks=None).watch(Plan(2, 1), Series())


def test_plans_need_two_snapshots_and_are_bounded() -> None:
    """By count, not by time."""
    assert [Plan(600, 60).last, Plan(1, 0.1).last, Plan(90, 60).last] == [10, 10, 1]
    for for_s, every_s in ((60, 61), (60, 0), (1e9, 1)):
        with pytest.raises(UsageError):
            Plan(for_s, every_s)


def test_only_what_was_asked_for_is_computed() -> None:
    """Types alone need no dominators."""
    service = Service()
    service.module("app")
    series = Series(with_holders=False)
    series.add(service.snapshot())
    series.add(service.snapshot())
    assert series.holders() == ()
    assert series.types()

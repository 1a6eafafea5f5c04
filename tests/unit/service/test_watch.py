"""The budget of a clone, and the watch that ends it."""

from __future__ import annotations

import threading

import pytest

from heapscope.errors import BudgetExceeded, ExitCode
from heapscope.service.budget import (
    LARGEST_RESERVE,
    SMALLEST_RESERVE,
    Budget,
    excess,
    make_budget,
    reserve_of,
    shortage,
)
from heapscope.service.capture import CaptureOptions, capture
from heapscope.service.watch import READING_SHARE, Readings, Watch
from heapscope.target.limits import Limit, Resource
from tests.support.fakes import TARGET, FakeClone, FakeSurroundings, empty_stream

MB = 1 << 20
GB = 1 << 30


def memory(available: int, total: int = 16 * GB, name: str = "the memory of the host") -> Limit:
    """Return a limit on memory."""
    return Limit(Resource.MEMORY, name, available, total, remedy="echo max")


@pytest.mark.parametrize(
    ("total", "available", "reserve"),
    [
        (GB, GB, SMALLEST_RESERVE),
        (4 * GB, GB, 4 * GB // 50),
        (1 << 50, GB, LARGEST_RESERVE),
        (GB, 10 * MB, 5 * MB),
        (GB, -5, 0),
    ],
)
def test_the_reserve_is_a_share_within_bounds_and_never_most_of_what_is_free(
    total: int, available: int, reserve: int
) -> None:
    """A capture that was allowed to begin has room to be made."""
    assert reserve_of(memory(available, total)) == reserve


def test_the_budget_is_half_of_what_is_available_or_the_estimate() -> None:
    """Of the tightest limit; the user's word counts before both; ignoring leaves the reserves only."""
    limits = [memory(4 * GB), memory(GB, name="group"), Limit(Resource.COMMIT, "commit", MB, GB)]
    assert make_budget(limits, estimate=MB).unshared_bytes == GB // 2
    assert make_budget(limits, estimate=GB - 1).unshared_bytes == GB - 1
    assert make_budget(limits, estimate=MB, chosen=7, ignore_head_room=True).unshared_bytes == 7
    ignoring = make_budget(limits, estimate=MB, ignore_head_room=True)
    assert ignoring.unshared_bytes is None
    assert set(ignoring.reserves) == {"the memory of the host", "group", "commit"}
    assert make_budget([], estimate=MB).unshared_bytes is None


def test_an_excess_says_how_much_and_what_to_do() -> None:
    """Figures, and the option with a size that would have done."""
    budget = Budget(100 * MB, is_chosen=True, reserves={})
    assert excess(budget, 100 * MB, [], 7) is None
    assert excess(budget, None, [], 7) is None
    error = excess(budget, 101 * MB, [], 7)
    assert error is not None
    assert error.exit_code == ExitCode.BUDGET
    assert "process 7" in error.message
    assert "101M" in error.message
    assert "--memory-budget 202M" in error.hint


def test_a_limit_that_runs_out_ends_the_clone_whoever_used_it_up() -> None:
    """A limit that was not there at the start, and one that is passed, are judged too; the remedy is the limit's."""
    budget = make_budget([memory(GB, name="group \x1b[1m")], estimate=0)
    assert excess(budget, 0, [memory(SMALLEST_RESERVE * 20, name="group \x1b[1m")], 7) is None
    error = excess(budget, 0, [memory(MB, name="group \x1b[1m")], 7)
    assert error is not None
    assert "\\x1b[1m had only 1.00M left" in error.message
    assert "echo max" in error.hint
    assert excess(budget, 0, [memory(-1, name="new")], 7) is not None


class World:
    """Figures that the test sets, and a clock that readings move on."""

    def __init__(self, dear_s: float = 0.0) -> None:
        self.unshared: int | None = MB
        self.available = GB
        self.now = 0.0
        self.dear_s = dear_s
        self.ended = 0
        self.readings = 0
        self.has_ended = threading.Event()

    def read(self) -> int | None:
        """Return the figure, and let the time pass that it takes."""
        self.readings += 1
        self.now += self.dear_s
        return self.unshared

    def end(self) -> None:
        """Count."""
        self.ended += 1
        self.has_ended.set()

    def watch(self, unshared_bytes: int | None = 10 * MB) -> Watch:
        """Return a watch on this world."""
        budget = Budget(unshared_bytes, is_chosen=False, reserves={"the memory of the host": 32 * MB})
        readings = Readings(self.read, lambda: [memory(self.available)], self.end, lambda: self.now)
        return Watch(7, budget, readings)


def test_the_clone_is_ended_once_and_the_reason_kept() -> None:
    """The first reason counts."""
    world = World()
    watch = world.watch()
    watch.look()
    assert (world.ended, watch.error) == (0, None)
    world.unshared = 11 * MB
    watch.look()
    world.available = 0
    watch.look()
    assert world.ended == 1
    assert watch.error is not None
    assert "un-shared" in watch.error.message
    assert watch.peak == 11 * MB


def test_dear_readings_are_rare_but_limits_are_looked_at_each_time() -> None:
    """A reading of 0.1 s is not repeated before twenty times that has passed."""
    world = World(dear_s=0.1)
    watch = world.watch()
    watch.look()
    watch.look()
    assert world.readings == 1
    world.now += 0.1 / READING_SHARE
    watch.look()
    assert world.readings == 2
    world.available = MB
    watch.look()
    assert (world.readings, world.ended) == (2, 1)


def test_a_clone_that_has_ended_is_no_excess() -> None:
    """There is nothing to read any more."""
    world = World()
    world.unshared = None
    watch = world.watch()
    watch.look()
    assert (watch.error, watch.peak) == (None, 0)


def test_the_thread_looks_until_it_is_stopped() -> None:
    """It ends the clone by itself, while the host does something else; stopping twice is no error."""
    world = World()
    world.unshared = 99 * MB
    watch = world.watch()
    watch.start()
    assert world.has_ended.wait(60)
    watch.stop()
    watch.stop()
    assert isinstance(watch.error, BudgetExceeded)


def test_a_collector_that_does_not_fit_is_refused_with_figures() -> None:
    """By the tightest limit on memory; one on commit has figures of its own."""
    limits = [memory(4 * GB), memory(100 * MB, name="group"), Limit(Resource.COMMIT, "commit", MB, GB)]
    assert shortage(limits, estimate=100 * MB, pid=7, collector="python-clone") is None
    error = shortage(limits, estimate=101 * MB, pid=7, collector="python-clone")
    assert error is not None
    assert "python-clone may need 101M more memory for process 7, but group leaves 100M" in error.message
    assert "--ignore-head-room" in error.hint
    assert shortage([], estimate=1, pid=7, collector="x") is None


def test_the_budget_of_the_user_reaches_the_watch() -> None:
    """Through the use case; with the collector that runs."""
    world = FakeSurroundings([FakeClone(empty_stream())])
    capture(TARGET.pid, CaptureOptions(memory_budget=5 * MB), surroundings=world)
    assert world.budgets == [5 * MB]

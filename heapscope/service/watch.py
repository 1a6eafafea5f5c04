"""Watches a clone's memory while it lives, and ends it when its budget is passed. A thread, as the host may be busy or blocked.

Never touches the target: it reads the clone's figures, those of the limits above the target, and kills the clone only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from heapscope.errors import BudgetExceeded, Cancelled, HeapscopeError, TargetGone
from heapscope.service.budget import Budget, excess, make_budget, shortage
from heapscope.target.activity import read_memory_facts, read_unshared
from heapscope.target.experience import Observed, remember
from heapscope.target.headroom import estimate_parts
from heapscope.target.info import TargetInfo
from heapscope.target.limits import Limit, commit_limit, memory_limits
from heapscope.target.process import read_process

INTERVAL_S = 0.1  # limits cost 0.2 ms to read
OUR_OOM_SCORE_ADJ = 900  # after the clone, which has 1000, and before everybody else
READING_SHARE = 0.02  # of the time at most is spent on what the clone un-shared: 10 ms for each gigabyte


@dataclass(frozen=True, slots=True)
class Readings:
    """Where the figures come from, and how the clone is ended; tests put others in their place."""

    unshared: Callable[[], int | None]
    limits: Callable[[], list[Limit]]
    end: Callable[[], None]
    clock: Callable[[], float] = time.monotonic


class Watch:
    """One clone's watch. ``error`` is set, once, when it ended the clone; ``peak`` is the most bytes seen un-shared."""

    def __init__(self, pid: int, budget: Budget, readings: Readings) -> None:
        """``pid`` is the target's, for messages."""
        self._pid = pid
        self._budget = budget
        self._readings = readings
        self._next_reading = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heapscope-watch", daemon=True)
        self.error: BudgetExceeded | None = None
        self.peak = 0

    def start(self) -> None:
        """Begin to look every INTERVAL_S, at once for the first time."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; returns when the last look is over."""
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Look once, and end the clone when its budget is passed."""
        if self.error is not None:
            return
        error = excess(self._budget, self.measure(), self._readings.limits(), self._pid)
        if error is not None:
            self.error = error
            self._readings.end()

    def measure(self, *, anyway: bool = False) -> int | None:
        """Read what the clone has un-shared, None if the last reading was too dear to be repeated so soon, or it has ended."""
        started = self._readings.clock()
        if started < self._next_reading and not anyway:
            return None
        unshared = self._readings.unshared()
        now = self._readings.clock()
        self._next_reading = now + (now - started) / READING_SHARE
        self.peak = max(self.peak, unshared or 0)
        return unshared

    def _run(self) -> None:
        while True:
            self.look()
            if self._stop.wait(INTERVAL_S):
                return


@contextlib.contextmanager
def watching(
    target: TargetInfo,
    clone_pid: int,
    *,
    collector: str,
    memory_budget: int | None = None,
    ignore_head_room: bool = False,
) -> Iterator[Watch]:
    """Watch a clone as long as the block runs; keep what it cost for the next estimate.

    Args:
        target: whose clone.
        clone_pid: of the clone, in this pid namespace.
        collector: which walker runs in it.
        memory_budget: bytes that the clone may un-share; None for the default (budget.py).
        ignore_head_room: see make_budget.

    Raises:
        BudgetExceeded: there is no head-room for this collector, or the clone was ended; in place of whatever error its end made, unless that was a Cancelled.
    """
    offer_ourselves()
    memory = read_memory_facts(target.pid)
    estimate = sum(estimate_parts(memory, collector).values())
    limits = _limits_of(target.pid)
    short = shortage(limits, estimate=estimate, pid=target.pid, collector=collector)
    if short is not None and not ignore_head_room:
        raise short
    budget = make_budget(limits, estimate=estimate, chosen=memory_budget, ignore_head_room=ignore_head_room)
    started = time.monotonic()
    with _killer_of(clone_pid, target.pid) as end:
        readings = Readings(lambda: read_unshared(clone_pid), lambda: _limits_of(target.pid), end)
        watch = Watch(target.pid, budget, readings)
        watch.start()
        try:
            yield watch
            watch.stop()
            watch.measure(anyway=True)
        except Cancelled:
            raise
        except HeapscopeError as error:
            watch.stop()
            if watch.error is not None:
                raise watch.error from error
            raise
        finally:
            watch.stop()
    duration = time.monotonic() - started
    remember(target.pid, target.start_ticks, collector, Observed(watch.peak, memory.anonymous, duration))


def offer_ourselves() -> None:
    """Have the kernel end heapscope rather than a target when memory runs out: the snapshot takes memory too."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(str(OUR_OOM_SCORE_ADJ))


def _parent_of(pid: int) -> int | None:
    try:
        return read_process(pid).parent_pid
    except TargetGone:
        return None


def _limits_of(pid: int) -> list[Limit]:
    commit = commit_limit()
    return [*memory_limits(pid), *([commit] if commit else [])]


@contextlib.contextmanager
def _killer_of(clone_pid: int, target_pid: int) -> Iterator[Callable[[], None]]:
    """Yield what ends the clone, and nothing else: a pidfd does not come to mean another process."""
    try:
        pidfd = os.pidfd_open(clone_pid)
    except OSError:
        pidfd = -1  # it has ended already
    try:
        is_clone = pidfd >= 0 and _parent_of(clone_pid) == target_pid

        def end() -> None:
            if is_clone:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)

        yield end
    finally:
        if pidfd >= 0:
            os.close(pidfd)

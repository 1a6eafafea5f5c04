"""The outside world of a capture as one interface: the target, the clone, the payload.

Never decides anything: capture.py does, and tests put a fake in the place of the real world.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from heapscope.service.collectors import NATIVE, Orders
from heapscope.target.info import TargetInfo

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.service.memory import Observed
    from heapscope.snapshot.memory import MemoryFacts


class ClonePipes(Protocol):
    """As much of heapscope.inject.CloneHandle as it takes to talk to a clone."""

    @property
    def clone_pid(self) -> int:
        """The clone's number in this pid namespace."""

    @property
    def command_fd(self) -> int:
        """Where the payload goes."""

    @property
    def result_fd(self) -> int:
        """Where the frames come from."""


class CloneHandle(ClonePipes, Protocol):
    """What a capture needs of heapscope.inject.CloneHandle."""

    @property
    def pause_ns(self) -> int:
        """How long Python code could not run in the target."""

    @property
    def injector(self) -> str:
        """Which way in was used."""

    def release(self) -> None:
        """End the clone; safe to call more than once."""


class Surroundings(Protocol):
    """The outside world of a capture; tests put a fake in its place."""

    def target_of(self, pid: int, *, ignore: frozenset[str]) -> TargetInfo:
        """Judge the target."""

    def make_clone(
        self,
        target: TargetInfo,
        *,
        via: str,
        runs_python: bool,
        is_urgent: bool = False,
        deadline_s: float,
        report: Callable[[str], None],
        cancel: threading.Event,
    ) -> CloneHandle:
        """Make the frozen clone."""

    def give_orders(
        self, target: TargetInfo, clone: CloneHandle, *, collector: str, deadline_s: float, is_census: bool = False
    ) -> Orders:
        """Start the collector in the clone; return what to send to it. Raises CaptureInconsistent where it cannot be used.

        ``is_census``: the compiled walker counts per type, and sends nothing else.
        """

    def observe_memory(self, target: TargetInfo) -> Observed:
        """Read where the target's memory is, as far as that must be read before the clone is made."""

    def frozen_memory(self, target: TargetInfo, observed: Observed, clone: CloneHandle) -> MemoryFacts:
        """Read the rest, from a clone that has no orders yet."""

    def watch_clone(
        self,
        target: TargetInfo,
        clone: CloneHandle,
        *,
        collector: str,
        memory_budget: int | None,
        ignore_head_room: bool,
    ) -> contextlib.AbstractContextManager[object]:
        """End the clone, and raise BudgetExceeded, when it costs too much memory while the block runs."""

    def hurry(self, target: TargetInfo, clone: CloneHandle) -> None:
        """Give the clone the target's own priority, where that is allowed."""

    def rss_of(self, target: TargetInfo) -> int:
        """Return the RSS, 0 once the target is gone."""

    def check_alive(self, target: TargetInfo) -> None:
        """Raise TargetGone when the target is."""


class RealSurroundings:
    """The real ones. Imports late, because a refused capture needs none of it."""

    def target_of(self, pid: int, *, ignore: frozenset[str]) -> TargetInfo:
        """Judge the target."""
        from heapscope.target.discovery import target_of  # noqa: PLC0415 - psutil, 15 ms

        return target_of(pid, ignore=ignore)

    def make_clone(
        self,
        target: TargetInfo,
        *,
        via: str,
        runs_python: bool,
        is_urgent: bool = False,
        deadline_s: float,
        report: Callable[[str], None],
        cancel: threading.Event,
    ) -> CloneHandle:
        """Make the frozen clone."""
        from heapscope.inject import make_clone  # noqa: PLC0415 - subprocess, 10 ms
        from heapscope.service.payload import bootstrap_source  # noqa: PLC0415 - reads the agent's sources

        bootstrap = bootstrap_source()
        return make_clone(
            target,
            bootstrap=bootstrap,
            via=via,
            runs_python=runs_python,
            is_urgent=is_urgent,
            deadline_s=deadline_s,
            report=report,
            cancel=cancel,
        )

    def give_orders(
        self, target: TargetInfo, clone: CloneHandle, *, collector: str, deadline_s: float, is_census: bool = False
    ) -> Orders:
        """Start the collector in the clone; return what to send to it."""
        if collector == NATIVE.name:
            from heapscope.service.native import native_orders  # noqa: PLC0415 - reads the walker's image

            return native_orders(target, clone, deadline_s, is_census=is_census)
        from heapscope.service.payload import build_payload  # noqa: PLC0415 - reads and packs the agent's sources
        from heapscope.wire.values import encode_value  # noqa: PLC0415 - only a capture needs it

        return Orders((build_payload(), encode_value({"deadline_s": int(deadline_s) + 1})))

    def observe_memory(self, target: TargetInfo) -> Observed:
        """Read where the target's memory is, as far as that must be read before the clone is made."""
        from heapscope.service.memory import observe_memory  # noqa: PLC0415 - numpy, 100 ms

        return observe_memory(target)

    def frozen_memory(self, target: TargetInfo, observed: Observed, clone: CloneHandle) -> MemoryFacts:
        """Read the rest, from a clone that has no orders yet."""
        from heapscope.service.memory import frozen_memory  # noqa: PLC0415 - numpy, 100 ms

        return frozen_memory(target, observed, clone.clone_pid)

    def watch_clone(
        self,
        target: TargetInfo,
        clone: CloneHandle,
        *,
        collector: str,
        memory_budget: int | None,
        ignore_head_room: bool,
    ) -> contextlib.AbstractContextManager[object]:
        """End the clone, and raise BudgetExceeded, when it costs too much memory while the block runs."""
        from heapscope.service.watch import watching  # noqa: PLC0415 - only where a clone was made

        return watching(
            target,
            clone.clone_pid,
            collector=collector,
            memory_budget=memory_budget,
            ignore_head_room=ignore_head_room,
        )

    def hurry(self, target: TargetInfo, clone: CloneHandle) -> None:
        """Give the clone the target's own priority; that takes CAP_SYS_NICE."""
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, clone.clone_pid, os.getpriority(os.PRIO_PROCESS, target.pid))
            os.sched_setscheduler(clone.clone_pid, os.sched_getscheduler(target.pid), os.sched_getparam(target.pid))

    def rss_of(self, target: TargetInfo) -> int:
        """Return the RSS, 0 once the target is gone."""
        import psutil  # noqa: PLC0415 - 15 ms

        try:
            return int(psutil.Process(target.pid).memory_info().rss) if target.is_alive() else 0
        except psutil.Error:
            return 0

    def check_alive(self, target: TargetInfo) -> None:
        """Raise TargetGone when the target is."""
        target.verify_identity()

"""The outside world of a capture as one interface: the target, the clone, the payload.

Never decides anything: capture.py does, and tests put a fake in the place of the real world.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from heapscope.target.info import TargetInfo


class CloneHandle(Protocol):
    """What this module needs of heapscope.inject.CloneHandle."""

    @property
    def command_fd(self) -> int:
        """Where the payload goes."""

    @property
    def result_fd(self) -> int:
        """Where the frames come from."""

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
        self, target: TargetInfo, *, via: str, deadline_s: float, report: Callable[[str], None], cancel: threading.Event
    ) -> CloneHandle:
        """Make the frozen clone."""

    def build_payload(self) -> bytes:
        """Return the walker's packed source."""

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
        self, target: TargetInfo, *, via: str, deadline_s: float, report: Callable[[str], None], cancel: threading.Event
    ) -> CloneHandle:
        """Make the frozen clone."""
        from heapscope.inject import make_clone  # noqa: PLC0415 - subprocess, 10 ms
        from heapscope.service.payload import bootstrap_source  # noqa: PLC0415 - reads the agent's sources

        bootstrap = bootstrap_source()
        return make_clone(target, bootstrap=bootstrap, via=via, deadline_s=deadline_s, report=report, cancel=cancel)

    def build_payload(self) -> bytes:
        """Return the walker's packed source."""
        from heapscope.service.payload import build_payload  # noqa: PLC0415 - reads and packs the agent's sources

        return build_payload()

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

"""A fake engine: processes, captures and failures by arrangement; the analysis is the real one.

Never touches a process. The heaps that captures give are judged once per test run: all applications share what was found.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Callable, Mapping, Sequence

from heapscope.analysis.diff import HistogramDelta
from heapscope.analysis.memory import MemorySplit, split_memory
from heapscope.analysis.slots.advice import advise_slots
from heapscope.analysis.suspects.model import Report
from heapscope.errors import Cancelled, ExitCode, HeapscopeError, PermissionRefused
from heapscope.graph.library import Oversight
from heapscope.service.capture import CaptureOptions, CaptureProgress
from heapscope.service.report import Summary
from heapscope.snapshot.memory import MemoryFacts
from heapscope.snapshot.model import Snapshot
from heapscope.target.info import TargetInfo
from heapscope.target.obstacles import Obstacle
from heapscope.tui.engine import LiveEngine, TargetSample
from heapscope.tui.holders import HolderIndex, PathAnswer, PathQuestion
from heapscope.tui.inspection import ObjectFacts, ObjectList
from heapscope.tui.state import Analysis
from tests.tui.support.heaps import CAPTURED_AT, STARTED_AT, grown_rows, make_snapshot

GATE_S = 300.0  # who opens a gate may wait for its turn on a busy machine

REPORTS: tuple[CaptureProgress, ...] = (
    CaptureProgress("find", message="CPython 3.12.4"),
    CaptureProgress("headroom", message="RSS 61.0M"),
    CaptureProgress("inject", message="waiting for a safe point"),
    CaptureProgress("clone", message="ptrace", pause_ns=8_400_000),
    CaptureProgress("walk", 84_000, "84,000 objects", 8_400_000),
)


def make_target(pid: int, command: str, rss: int, obstacle: Obstacle | None = None, **facts: object) -> TargetInfo:
    """Build a process."""
    values: dict[str, object] = {
        "start_time": STARTED_AT, "start_ticks": 1, "name": "python", "user": "app", "uid": 1000,
        "python_version": "3.12.4", "implementation": "cpython", "free_threaded": False, "debug_build": False,
        "uss_bytes": rss * 9 // 10, "thread_count": 12, "age_s": 19_000.0,
    }  # fmt: skip
    values.update(facts)
    return TargetInfo(pid=pid, command=command, rss_bytes=rss, obstacle=obstacle, **values)  # type: ignore[arg-type]


YAMA = Obstacle(
    "yama-1",
    "no permission to trace process 812: it belongs to user postgres",
    "sudo heapscope attach 812",
    ExitCode.PERMISSION,
)
TARGETS: tuple[TargetInfo, ...] = (
    make_target(48213, "/srv/app/venv/bin/python /srv/app/api_worker.py --port 8080", 3_100 << 20, thread_count=38),
    make_target(48190, "/srv/app/venv/bin/python -m gunicorn app:api --workers 4", 61 << 20, age_s=86_400.0 * 12),
    make_target(812, "/usr/bin/python3 /usr/bin/patroni /etc/patroni.yml", 91 << 20, YAMA, user="postgres"),
    make_target(977, "/usr/bin/python3 -Es /usr/sbin/tuned -l -P", 24 << 20, user="root", python_version="3.11.2"),
)


captured = functools.lru_cache(maxsize=8)(make_snapshot)


@functools.lru_cache(maxsize=8)
def judged(snapshot: Snapshot) -> HolderIndex:
    """Find the holders of a heap that captures give."""
    return LiveEngine().find_holders(snapshot, Oversight())


@functools.lru_cache(maxsize=8)
def reported(holders: HolderIndex, source: str) -> tuple[Report, Summary]:
    """Report on a heap that captures give."""
    return LiveEngine().report((), holders, source, Oversight())


class FakeEngine(LiveEngine):
    """Captures succeed unless an error or a gate is set."""

    def __init__(self) -> None:
        self.error: HeapscopeError | Exception | None = None
        self.gate: threading.Event | None = None  # a capture waits here, or until it is cancelled
        self.advice_gate: threading.Event | None = None
        self.sizes_gate: threading.Event | None = None
        self.holders_gate: threading.Event | None = None  # dominators wait here, or until they are cancelled
        self.holders_error: Exception | None = None
        self.paths_gate: threading.Event | None = None
        self.paths_error: Exception | None = None
        self.report_gate: threading.Event | None = None
        self.report_error: Exception | None = None
        self.objects_gate: threading.Event | None = None
        self.objects_error: Exception | None = None
        self.given_up: list[str] = []
        self.at_gate = threading.Event()
        self.captures = 0
        self.is_alive = True
        self.targets: Sequence[TargetInfo] = TARGETS
        self.memory: MemoryFacts | None = None

    def list_targets(self) -> Sequence[TargetInfo]:
        """Return the arranged processes."""
        return self.targets

    def find_target(self, pid: int) -> TargetInfo:
        """Return an arranged process."""
        return next((target for target in self.targets if target.pid == pid), make_target(pid, "python x.py", 1 << 26))

    def look_at_memory(self, pid: int) -> MemorySplit:
        """Split arranged figures."""
        if self.memory is None:
            raise PermissionRefused("smaps may not be read")
        return split_memory(self.memory, None)

    def capture(
        self,
        pid: int,
        options: CaptureOptions,
        progress: Callable[[CaptureProgress], None],
        cancel: threading.Event,
    ) -> Snapshot:
        """Report all phases; the second capture sees a larger heap."""
        for report in REPORTS:
            progress(report)
        self.at_gate.set()
        if self.gate is not None:
            while not self.gate.wait(0.01):
                if cancel.is_set():
                    raise Cancelled("the capture was cancelled")
        if self.error is not None:
            raise self.error
        self.captures += 1
        if self.captures == 1:
            return captured(pid=pid)
        make = captured if self.captures == 2 else make_snapshot  # further ones are as large, but not the same
        return make(grown_rows(), pid=pid, captured_at=CAPTURED_AT + 60)

    def advise(self, analysis: Analysis) -> Analysis:
        """Wait for the gate, then judge by types and instances: the made-up service has no code."""
        if self.advice_gate is not None:
            self.advice_gate.wait(GATE_S)
        slots = advise_slots(analysis.snapshot, evidence=None)
        return dataclasses.replace(analysis, slots=slots, has_slots=True)

    def complete(self, analysis: Analysis, is_cancelled: Callable[[], bool]) -> Analysis:
        """Wait for the gate, then compute."""
        if self.sizes_gate is not None:
            self.sizes_gate.wait(GATE_S)
        return super().complete(analysis, is_cancelled)

    def find_holders(self, snapshot: Snapshot, oversight: Oversight) -> HolderIndex:
        """Wait for the gate, then compute."""
        self._wait(self.holders_gate, "holders", oversight)
        if self.holders_error is not None:
            raise self.holders_error
        return judged(snapshot)

    def search_paths(self, holders: HolderIndex, question: PathQuestion, oversight: Oversight) -> PathAnswer:
        """Wait for the gate, then search."""
        self._wait(self.paths_gate, "paths", oversight)
        if self.paths_error is not None:
            raise self.paths_error
        return super().search_paths(holders, question, oversight)

    def report(
        self, earlier: Sequence[Snapshot | Summary], holders: HolderIndex, source: str, oversight: Oversight
    ) -> tuple[Report, Summary]:
        """Wait for the gate, then judge."""
        self._wait(self.report_gate, "report", oversight)
        if self.report_error is not None:
            raise self.report_error
        return super().report(earlier, holders, source, oversight) if earlier else reported(holders, source)

    def list_instances(self, holders: HolderIndex, question: PathQuestion, oversight: Oversight) -> ObjectList:
        """Wait for the gate, then list."""
        self._wait(self.objects_gate, "objects", oversight)
        return super().list_instances(holders, question, oversight)

    def inspect(
        self, holders: HolderIndex, question: PathQuestion, oversight: Oversight, show: Callable[[ObjectFacts], None]
    ) -> ObjectFacts:
        """Look, unless an error is arranged."""
        if self.objects_error is not None:
            raise self.objects_error
        return super().inspect(holders, question, oversight, show)

    def _wait(self, gate: threading.Event | None, what: str, oversight: Oversight) -> None:
        if gate is None:
            return
        oversight.report(0.43)
        while not gate.wait(0.01):
            if oversight.is_cancelled():
                self.given_up.append(what)
                raise Cancelled("The computation was given up")

    def compare(self, base: Analysis, new: Analysis) -> Mapping[str, HistogramDelta]:
        """Compare for real."""
        return super().compare(base, new)

    def sample(self, pid: int, start_time: float) -> TargetSample:
        """Return a steady target, or a dead one."""
        return TargetSample(self.is_alive, 61 << 20 if self.is_alive else None)

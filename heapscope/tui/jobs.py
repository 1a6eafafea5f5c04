"""Owns the work that runs in threads, and the messages that bring its results to the application.

Never touches a widget: a thread only posts messages, and only handlers change the screen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.message import Message

from heapscope.errors import Cancelled, HeapscopeError
from heapscope.tui.engine import Engine, TargetSample
from heapscope.tui.progress import ProgressBoard
from heapscope.tui.state import Analysis, HeapView, Taken

if TYPE_CHECKING:
    from heapscope.analysis.diff import HistogramDelta
    from heapscope.analysis.memory import MemorySplit
    from heapscope.service.capture import CaptureOptions, CaptureProgress
    from heapscope.snapshot.model import Snapshot
    from heapscope.target.info import TargetInfo

Post = Callable[[Message], object]


@dataclass(eq=False)
class CaptureJob:
    """One capture, or the analysis of one file, at ``path``. ``expected_objects`` comes from the snapshot before."""

    board: ProgressBoard
    pid: int = 0
    expected_objects: int = 0
    path: str = ""
    cancel: threading.Event = field(default_factory=threading.Event)


class JobProgressed(Message):
    """Something moved; a newer one replaces those still queued, because the board holds everything."""

    bubble = False

    def can_replace(self, message: Message) -> bool:
        """Only one needs to be in the queue."""
        return isinstance(message, JobProgressed)


class JobAnalysed(Message):
    """A snapshot can be shown; sent again when the recursive sizes are there."""

    def __init__(self, job: CaptureJob, view: HeapView) -> None:
        super().__init__()
        self.job = job
        self.view = view


class JobEnded(Message):
    """The job is over. ``error`` is None when all went well."""

    def __init__(self, job: CaptureJob, error: HeapscopeError | None) -> None:
        super().__init__()
        self.job = job
        self.error = error


class TargetsListed(Message):
    """The list of processes is there."""

    def __init__(self, targets: Sequence[TargetInfo], error: HeapscopeError | None = None) -> None:
        super().__init__()
        self.targets = targets
        self.error = error


class TargetFound(Message):
    """Facts about the target that is being attached to."""

    def __init__(self, target: TargetInfo) -> None:
        super().__init__()
        self.target = target


class MemoryFound(Message):
    """Where the target's memory is, before its heap is walked."""

    def __init__(self, split: MemorySplit) -> None:
        super().__init__()
        self.split = split


class TargetSampled(Message):
    """The target a moment ago."""

    def __init__(self, sample: TargetSample) -> None:
        super().__init__()
        self.sample = sample


class Compared(Message):
    """The changes against a newly set baseline."""

    def __init__(self, base: Analysis, deltas: Mapping[str, HistogramDelta]) -> None:
        super().__init__()
        self.base = base
        self.deltas = deltas


class PairReady(Message):
    """Another snapshot of this session can be shown, with its changes."""

    def __init__(self, base: Analysis | None, current: Analysis, deltas: Mapping[str, HistogramDelta] | None) -> None:
        super().__init__()
        self.base = base
        self.current = current
        self.deltas = deltas


class SnapshotsListed(Message):
    """The snapshot files of the folder in use."""

    def __init__(self, stored: tuple[Taken, ...]) -> None:
        super().__init__()
        self.stored = stored


def as_error(error: Exception) -> HeapscopeError:
    """Turn anything that a job raised into an error that can be shown."""
    if isinstance(error, HeapscopeError):
        return error
    return HeapscopeError(
        f"internal error: {type(error).__name__}: {error}",
        hint="This is a fault of heapscope. The same on the command line, with details: heapscope snapshot PID -o FILE",
    )


@dataclass(frozen=True, slots=True)
class Base:
    """What to compare with: an analysis, or a snapshot that still has to be analysed."""

    analysis: Analysis | None = None
    snapshot: Snapshot | None = None


def run_capture(engine: Engine, job: CaptureJob, options: CaptureOptions, base: Base, number: int, post: Post) -> None:
    """Capture a target and analyse it; runs in a thread, ends with JobEnded whatever happens."""

    def progress(report: CaptureProgress) -> None:
        job.board.report(report.phase, report.objects, report.message, report.pause_ns)
        post(JobProgressed())

    def work() -> None:
        snapshot = engine.capture(job.pid, options, progress, job.cancel)
        _analyse(engine, job, snapshot, base, post, number=number)

    _guarded(job, work, post)


def run_analysis(
    engine: Engine,
    job: CaptureJob,
    snapshot: Snapshot,
    path: str,
    base: Base,
    post: Post,
    earlier: Sequence[Snapshot] = (),
) -> None:
    """Analyse a loaded snapshot, and those before it, oldest first; runs in a thread, ends with JobEnded whatever happens."""

    def work() -> None:
        series = tuple(map(engine.analyse, earlier))
        is_free = base.analysis is None and base.snapshot is None
        known = Base(series[0]) if series and is_free else base
        _analyse(engine, job, snapshot, known, post, path=path, series=series)

    _guarded(job, work, post)


def run_open(engine: Engine, job: CaptureJob, base: Base, post: Post) -> None:
    """Load a snapshot file and analyse it; runs in a thread, ends with JobEnded whatever happens."""

    def work() -> None:
        job.board.report("sizes")
        post(JobProgressed())
        _analyse(engine, job, engine.load(job.path), base, post, path=job.path)

    _guarded(job, work, post)


def run_baseline(engine: Engine, job: CaptureJob, current: Analysis, post: Post) -> None:
    """Load a snapshot file and compare with it; runs in a thread, ends with JobEnded whatever happens."""

    def work() -> None:
        job.board.report("sizes")
        post(JobProgressed())
        base = engine.analyse(engine.load(job.path))
        post(Compared(base, engine.compare(base, current)))

    _guarded(job, work, post)


def show_pair(engine: Engine, base: Analysis | None, current: Analysis, post: Post) -> None:
    """Compare two snapshots that are in memory, to show them."""
    post(PairReady(base, current, engine.compare(base, current) if base is not None else None))


def list_snapshots(engine: Engine, folder: str, post: Post) -> None:
    """Find the snapshot files of a folder."""
    post(SnapshotsListed(engine.list_snapshots(folder)))


def _guarded(job: CaptureJob, work: Callable[[], None], post: Post) -> None:
    try:
        work()
    except Exception as error:  # noqa: BLE001 - the boundary of the thread: everything is reported on the screen
        job.board.fail()
        post(JobEnded(job, as_error(error)))
    else:
        job.board.finish()
        post(JobEnded(job, None))


def _analyse(
    engine: Engine,
    job: CaptureJob,
    snapshot: Snapshot,
    base: Base,
    post: Post,
    *,
    number: int = 0,
    path: str = "",
    series: tuple[Analysis, ...] = (),
) -> None:
    job.board.report("sizes")
    post(JobProgressed())
    analysis = engine.analyse(snapshot)
    base_analysis = base.analysis
    if base_analysis is None and base.snapshot is not None:
        base_analysis = engine.analyse(base.snapshot)
    # What is known is shown at once; what takes longer comes when it is there.
    steps: tuple[Callable[[Analysis], Analysis], ...] = (
        lambda known: known,
        engine.advise,
        lambda known: engine.complete(known, job.cancel.is_set),
    )
    for step in steps:
        if job.cancel.is_set():
            raise Cancelled("the capture was cancelled")
        analysis = step(analysis)
        deltas = engine.compare(base_analysis, analysis) if base_analysis is not None else None
        view = HeapView(analysis, number, path, base_analysis, deltas, series=series, memory=analysis.memory)
        post(JobAnalysed(job, view))


def find_target(engine: Engine, pid: int, post: Post) -> None:
    """Look at the target; the capture itself says it when that fails."""
    try:
        post(TargetFound(engine.find_target(pid)))
    except HeapscopeError:
        return


def look_at_memory(engine: Engine, pid: int, post: Post) -> None:
    """Split the target's memory as far as that is quick; the capture itself says it when that fails."""
    try:
        post(MemoryFound(engine.look_at_memory(pid)))
    except (HeapscopeError, OSError):
        return


def list_targets(engine: Engine, post: Post) -> None:
    """Read the list of processes."""
    try:
        post(TargetsListed(engine.list_targets()))
    except Exception as error:  # noqa: BLE001 - the boundary of the thread
        post(TargetsListed((), as_error(error)))


def sample(engine: Engine, process: tuple[int, float], post: Post) -> None:
    """Look at the target once."""
    post(TargetSampled(engine.sample(*process)))


def compare(engine: Engine, base: Analysis, current: Analysis, post: Post) -> None:
    """Compute the changes against a baseline."""
    post(Compared(base, engine.compare(base, current)))

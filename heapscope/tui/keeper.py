"""Owns what the application knows: the target, the snapshot on the screen, the baseline, the samples of RSS.

Never starts threads or draws; the application asks it and tells it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from heapscope.service.capture import CaptureOptions
from heapscope.tui.engine import TargetSample
from heapscope.tui.jobs import Base
from heapscope.tui.presenters.header import HeaderFacts
from heapscope.tui.presenters.picker import format_age
from heapscope.tui.presenters.target import short_name, target_words
from heapscope.tui.series import Series
from heapscope.tui.state import Analysis, HeapView, Taken
from heapscope.tui.textfit import time_of_day

if TYPE_CHECKING:
    from heapscope.analysis.diff import HistogramDelta
    from heapscope.service.report import Summary
    from heapscope.snapshot.model import Snapshot, SnapshotMeta
    from heapscope.target.info import TargetInfo

MAX_SAMPLES = 64
MAX_REMEMBERED = 99  # files written, and summaries of some MB each
SAME_START_S = 1.0  # start times of one process differ by a clock tick at most


@dataclass
class Keeper:
    """State of one run of the UI. Used from the UI's thread only."""

    pid: int | None = None
    options: CaptureOptions = field(default_factory=CaptureOptions)
    baseline: Snapshot | None = None
    loaded: Snapshot | None = None
    path: str = ""
    opened: tuple[Snapshot, ...] = ()  # with ``loaded``: older ones, the oldest first
    clock: Callable[[], float] = time.time
    target: TargetInfo | None = None
    view: HeapView | None = None
    number: int = 0
    base_analysis: Analysis | None = None
    samples: deque[int] = field(default_factory=lambda: deque(maxlen=MAX_SAMPLES))
    ended_at: float | None = None
    work: str = ""
    series: Series = field(default_factory=Series)
    copy_path: str = ""
    written: list[tuple[SnapshotMeta, str]] = field(default_factory=list)
    summaries: list[tuple[SnapshotMeta, Summary]] = field(default_factory=list)

    def choose(self, target: TargetInfo) -> None:
        """Take a process from the picker."""
        self.pid, self.target = target.pid, target
        self.samples.clear()
        self.ended_at = None

    def base(self) -> Base:
        """Return what the next snapshot is compared with."""
        return Base(self.base_analysis, self.baseline)

    @property
    def expected_objects(self) -> int:
        """How many objects the next capture will see, as far as one can tell."""
        return self.view.current.snapshot.object_count if self.view is not None else 0

    def take(self, view: HeapView) -> None:
        """Keep a new view."""
        if self.view is not None and self.view.current.snapshot is view.current.snapshot:
            view = replace(view, memory=self.view.memory, report=self.view.report)
        if self.view is not None:
            view = replace(view, stored=self.view.stored)
        self.view = self.series.add_to(view)
        self.number = max(self.number, view.number)
        if view.baseline is not None:
            self.base_analysis = view.baseline

    def take_comparison(self, base: Analysis, deltas: Mapping[str, HistogramDelta]) -> None:
        """Make an analysis the baseline of the view."""
        self.base_analysis = base
        if self.view is not None:
            self.view = self.series.add_to(replace(self.view, baseline=base, deltas=deltas))

    def find_whole(self, taken: Taken) -> Analysis | None:
        """Return a snapshot of this session, if it is still in memory."""
        series = self.view.series if self.view is not None else ()
        return next((one for one in series if one.snapshot.meta is taken.meta), None)

    def pair(self, step: int) -> tuple[Taken, Taken] | None:
        """Return the pair of snapshots before or after the one that is compared; None at either end."""
        view = self.view
        if view is None:
            return None
        metas = [taken.meta for taken in view.taken]
        new = metas.index(view.current.snapshot.meta)
        base = metas.index(view.baseline.snapshot.meta) if view.baseline is not None else new - 1 - step
        if base == new:
            base = new - 1
        base, new = base + step, new + step
        return (view.taken[base], view.taken[new]) if base >= 0 and new < len(metas) else None

    def show(self, current: Analysis, base: Analysis | None, deltas: Mapping[str, HistogramDelta] | None) -> None:
        """Show another snapshot of this session."""
        view = self.view
        assert view is not None  # there is a session
        taken = next(one for one in view.taken if one.meta is current.snapshot.meta)
        self.base_analysis = base
        self.take(HeapView(current, taken.number, taken.path, base, deltas, memory=current.memory))

    def ensure_baseline(self) -> None:
        """Without a baseline of the person's choice, the first snapshot is it."""
        if self.base_analysis is None and self.baseline is None and self.view is not None:
            self.base_analysis = self.view.current

    def recapture_refusal(self) -> str:
        """Say why no further capture can be made; "" when it can."""
        if self.pid is None:
            return "this is a snapshot file; heapscope attach PID captures"
        if self.has_ended:
            return "the target has ended; there is nothing left to capture"
        return ""

    @property
    def has_ended(self) -> bool:
        """Whether the target was seen to be gone."""
        return self.ended_at is not None

    def process(self) -> tuple[int, float] | None:
        """Return pid and start time of the target to look at."""
        if self.pid is None:
            return None
        if self.view is not None:
            return self.pid, self.view.current.snapshot.meta.process_start_time
        return (self.pid, self.target.start_time) if self.target is not None else None

    def note_sample(self, sample: TargetSample) -> None:
        """Keep one look at the target."""
        if not sample.is_alive:
            self.ended_at = self.ended_at or self.clock()
        elif sample.rss_bytes is not None:
            self.samples.append(sample.rss_bytes)

    def ended_words(self) -> str:
        """Write the banner."""
        when = time_of_day(self.ended_at or self.clock())
        return f"the target ended (seen {when}); everything here is still browsable, w writes it to a file"

    def baseline_words(self) -> str:
        """Name the baseline by its time."""
        if self.base_analysis is None:
            return "none"
        return f"the snapshot of {time_of_day(self.base_analysis.snapshot.meta.captured_at)}"

    def target_words(self) -> str:
        """Describe the target for the attach screen."""
        if self.target is None:
            return ""
        name = short_name(self.target.command, self.target.name)
        return f"{name}  {target_words(self.target.python_version, self.target.rss_bytes, self.target.user)}"

    def header(self) -> HeaderFacts:
        """Return what the header tells."""
        if self.view is None:
            return HeaderFacts("heapscope", self.pid or 0)
        meta = self.view.current.snapshot.meta
        is_file = self.pid is None or bool(self.view.path)
        age = f" ({format_age(self.clock() - meta.captured_at)} ago)" if is_file else ""
        return HeaderFacts(
            name=short_name(meta.command),
            pid=meta.pid,
            python_version=meta.python_version,
            rss_bytes=self.samples[-1] if self.samples else meta.rss_after_bytes,
            rss_history=tuple(self.samples),
            pause_ns=meta.pause_ns,
            captured=time_of_day(meta.captured_at) + age,
            number=self.view.number if not is_file else 0,
            source=self.view.path,
            has_ended=self.has_ended,
            work=self.work,
        )

    def note_file(self, snapshot: Snapshot, path: str) -> None:
        """Remember where a snapshot was written."""
        self.written = [*self.written[-MAX_REMEMBERED:], (snapshot.meta, path)]

    def note_summary(self, snapshot: Snapshot, summary: Summary) -> None:
        """Remember what later reports need of a snapshot."""
        others = [pair for pair in self.summaries if pair[0] is not snapshot.meta]
        self.summaries = [*others[-MAX_REMEMBERED:], (snapshot.meta, summary)]

    def earlier(self) -> list[Snapshot | Summary]:
        """Return what there is of the snapshots of the same process before the one on the screen, oldest first."""
        view = self.view
        if view is None:
            return []
        current = view.current.snapshot.meta
        before = [
            taken
            for taken in view.taken
            if taken.meta.captured_at < current.captured_at
            and (taken.meta.pid, taken.meta.host_name) == (current.pid, current.host_name)
            and abs(taken.meta.process_start_time - current.process_start_time) <= SAME_START_S
        ]
        found: list[Snapshot | Summary] = []
        for taken in sorted(before, key=lambda taken: taken.meta.captured_at):
            summary = next((summary for meta, summary in self.summaries if meta is taken.meta), None)
            whole = self.find_whole(taken)
            if summary is not None:
                found.append(summary)
            elif whole is not None:
                found.append(whole.snapshot)
        return found

    def source_word(self) -> str:
        """Return the word by which commands know the snapshot on the screen: its file, else the process."""
        if self.view is None:
            return str(self.pid or "")
        current = self.view.current.snapshot.meta
        files = (path for meta, path in self.written if meta is current)
        return self.view.path or next(files, "") or str(self.pid)

    def file_stem(self, what: str) -> str:
        """Return the start of a file name for this snapshot."""
        assert self.view is not None  # files are written from the main screen only
        meta = self.view.current.snapshot.meta
        stamp = datetime.fromtimestamp(meta.captured_at).astimezone().strftime("%Y%m%d-%H%M%S")
        return f"heapscope-{what}{meta.pid}-{stamp}"

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
from heapscope.tui.state import Analysis, HeapView
from heapscope.tui.textfit import time_of_day

if TYPE_CHECKING:
    from heapscope.analysis.diff import HistogramDelta
    from heapscope.snapshot.model import Snapshot
    from heapscope.target.info import TargetInfo

MAX_SAMPLES = 64


@dataclass
class Keeper:
    """State of one run of the UI. Used from the UI's thread only."""

    pid: int | None = None
    options: CaptureOptions = field(default_factory=CaptureOptions)
    baseline: Snapshot | None = None
    loaded: Snapshot | None = None
    path: str = ""
    clock: Callable[[], float] = time.time
    target: TargetInfo | None = None
    view: HeapView | None = None
    number: int = 0
    base_analysis: Analysis | None = None
    samples: deque[int] = field(default_factory=lambda: deque(maxlen=MAX_SAMPLES))
    ended_at: float | None = None
    work: str = ""
    series: Series = field(default_factory=Series)

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
        self.view = self.series.add_to(view)
        self.number = max(self.number, view.number)
        if view.baseline is not None:
            self.base_analysis = view.baseline

    def take_comparison(self, base: Analysis, deltas: Mapping[str, HistogramDelta]) -> None:
        """Make an analysis the baseline of the view."""
        self.base_analysis = base
        if self.view is not None:
            self.view = self.series.add_to(replace(self.view, baseline=base, deltas=deltas))

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
        is_file = self.pid is None
        age = f" ({format_age(self.clock() - meta.captured_at)} ago)" if is_file else ""
        return HeaderFacts(
            name=short_name(meta.command),
            pid=meta.pid,
            python_version=meta.python_version,
            rss_bytes=self.samples[-1] if self.samples else meta.rss_after_bytes,
            rss_history=tuple(self.samples),
            pause_ns=meta.pause_ns,
            captured=time_of_day(meta.captured_at) + age,
            number=self.number if not is_file else 0,
            source=self.path,
            has_ended=self.has_ended,
            work=self.work,
        )

    def file_stem(self, what: str) -> str:
        """Return the start of a file name for this snapshot."""
        assert self.view is not None  # files are written from the main screen only
        meta = self.view.current.snapshot.meta
        stamp = datetime.fromtimestamp(meta.captured_at).astimezone().strftime("%Y%m%d-%H%M%S")
        return f"heapscope-{what}{meta.pid}-{stamp}"

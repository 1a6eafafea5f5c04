"""Owns the work on the report that runs in a thread beside the screens, and the message with its result.

Never touches a widget: a thread only posts messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from heapscope.errors import HeapscopeError
from heapscope.tui.engine import Engine
from heapscope.tui.holder_jobs import Job, error_of, oversight_of
from heapscope.tui.holders import HolderIndex
from heapscope.tui.jobs import Post

if TYPE_CHECKING:
    from heapscope.analysis.suspects.model import Report
    from heapscope.service.report import Summary
    from heapscope.snapshot.model import Snapshot


@dataclass(eq=False)
class ReportJob(Job):
    """One report, on the snapshot that ``holders`` is about. ``earlier`` are those before it, oldest first."""

    holders: HolderIndex | None = None
    earlier: Sequence[Snapshot | Summary] = ()
    source: str = ""


class Reported(Message):
    """The report, and what to remember of the snapshot for later ones; or why there is none."""

    def __init__(
        self, job: ReportJob, report: Report | None, summary: Summary | None, error: HeapscopeError | None = None
    ) -> None:
        super().__init__()
        self.job = job
        self.report = report
        self.summary = summary
        self.error = error


def run_report(engine: Engine, job: ReportJob, post: Post) -> None:
    """Report; ends with Reported whatever happens."""
    results: list[tuple[Report, Summary]] = []

    def work() -> None:
        assert job.holders is not None
        results.append(engine.report(job.earlier, job.holders, job.source, oversight_of(job, post)))

    error = error_of(work)
    report, summary = results[0] if error is None else (None, None)
    post(Reported(job, report, summary, error))

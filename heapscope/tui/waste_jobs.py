"""Owns the search for other remedies that runs in a thread beside the screens, and the messages with its results.

Never touches a widget: a thread only posts messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from heapscope.errors import HeapscopeError
from heapscope.tui.engine import Engine
from heapscope.tui.holder_jobs import Job, error_of, oversight_of
from heapscope.tui.holders import HolderIndex
from heapscope.tui.jobs import Post

if TYPE_CHECKING:
    from heapscope.analysis.waste.model import WasteReport


@dataclass(eq=False)
class WasteJob(Job):
    """One search, in the snapshot that ``holders`` is about."""

    holders: HolderIndex | None = None


class WasteFound(Message):
    """The report, or why there is none."""

    def __init__(self, job: WasteJob, report: WasteReport | None, error: HeapscopeError | None = None) -> None:
        super().__init__()
        self.job = job
        self.report = report
        self.error = error


def run_waste(engine: Engine, job: WasteJob, post: Post) -> None:
    """Search; ends with WasteFound whatever happens."""
    reports: list[WasteReport] = []

    def work() -> None:
        assert job.holders is not None
        reports.append(engine.find_waste(job.holders, oversight_of(job, post)))

    error = error_of(work)
    post(WasteFound(job, reports[0] if error is None else None, error))

"""Owns the hand-over between the Overview and the thread that judges who may be holding too much.

Never blocks; what comes from a report that was given up is dropped.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from heapscope.errors import HeapscopeError
from heapscope.tui import holder_jobs, report_jobs
from heapscope.tui.app_snaps import SnapsApp

if TYPE_CHECKING:
    from heapscope.snapshot.model import Snapshot


class ReportApp(SnapsApp):
    """The part of the application that has every snapshot reported on, as soon as it is known who holds what."""

    def _show_holders_work(self, share: float | None, error: HeapscopeError | None) -> None:
        """Say what the answer waits for, or why there is none."""
        super()._show_holders_work(share, error)
        view = self.keeper.view
        if view is not None and view.holders is None:
            words = f"finding out who holds what {share:.0%}" if share is not None else ""
            self._show_report_work(words, error.message if error is not None else "")

    def holders_ready(self) -> None:
        """Report on the snapshot on the screen, with those before it."""
        super().holders_ready()
        view = self.keeper.view
        if view is None or view.holders is None or view.report is not None:
            return
        self.runner.report(view.holders, self.keeper.earlier(), self.keeper.source_word())
        self._show_report_work("judging who holds too much")

    def on_work_progressed(self, event: holder_jobs.WorkProgressed) -> None:
        """Say how far the report is."""
        if event.job is self.runner.report_job:
            self._show_report_work(f"judging who holds too much {event.job.share:.0%}")

    def on_reported(self, event: report_jobs.Reported) -> None:
        """Show the report, unless the snapshot on the screen is another one by now."""
        view = self.keeper.view
        if event.job is not self.runner.report_job or view is None:
            return
        self.runner.report_job = None
        if event.error is not None:
            self._show_report_work("", event.error.message)
        elif view.holders is event.job.holders and event.report is not None and event.summary is not None:
            self.keeper.note_summary(view.current.snapshot, event.summary)
            self.keeper.view = dataclasses.replace(view, report=event.report, work="")
            self.show_view()

    def _show_report_work(self, words: str, problem: str = "") -> None:
        if self.keeper.view is not None and (self.keeper.view.work, self.keeper.view.problem) != (words, problem):
            self.keeper.view = dataclasses.replace(self.keeper.view, work=words, problem=problem)
            if self.main_screen is not None:
                self.main_screen.overview.show_work(self.keeper.view)

    def on_overview_tab_report_wanted(self) -> None:
        """Try again."""
        view = self.keeper.view
        if view is not None and view.holders is not None:
            self.holders_ready()
        else:
            self.start_holders()

    def cancel_all(self) -> None:
        """Give up all that is computed beside the screens."""
        self.runner.cancel_report()
        super().cancel_all()

    def release(self, snapshot: Snapshot) -> None:
        """Give up a report on another snapshot than this one."""
        job = self.runner.report_job
        if job is not None and job.holders is not None and job.holders.tree.snapshot is not snapshot:
            self.runner.cancel_report()
        super().release(snapshot)

"""Owns the hand-over between the list of other remedies and the thread that searches for them.

Never blocks; what comes from a search that was given up is dropped.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from heapscope.errors import HeapscopeError
from heapscope.tui import holder_jobs, waste_jobs
from heapscope.tui.app_holders import HoldersApp
from heapscope.tui.views.waste import WasteTab

if TYPE_CHECKING:
    from heapscope.snapshot.model import Snapshot


class WasteApp(HoldersApp):
    """The part of the application that searches for other remedies, once somebody looks at their list."""

    def on_waste_tab_waste_wanted(self, event: WasteTab.WasteWanted) -> None:
        """Search, as soon as it is known who holds what."""
        view = self.keeper.view
        if view is None or view.waste is not None or self.runner.waste_job is not None:
            return
        if view.holders is not None:
            self.runner.find_waste(view.holders)
            self._show_waste_work(0.0, None)
            return
        self._show_waste_work(None, None)
        if event.again:
            self.start_holders()

    def on_work_progressed(self, event: holder_jobs.WorkProgressed) -> None:
        """Say how far a search is."""
        if event.job is self.runner.waste_job:
            self._show_waste_work(event.job.share, None)
        super().on_work_progressed(event)

    def on_waste_found(self, event: waste_jobs.WasteFound) -> None:
        """Show the report, unless the snapshot on the screen is another one by now."""
        view = self.keeper.view
        if event.job is not self.runner.waste_job or view is None:
            return
        self.runner.waste_job = None
        if event.report is None:
            self._show_waste_work(None, event.error)
        elif view.holders is event.job.holders:
            self.keeper.view = dataclasses.replace(view, waste=event.report)
            self.show_view()

    def _show_waste_work(self, share: float | None, error: HeapscopeError | None) -> None:
        if self.main_screen is not None:
            self.main_screen.waste.show_work(share, error)

    def end_holders(self, error: HeapscopeError | None) -> None:
        """Without holders there is no search either."""
        super().end_holders(error)
        view = self.keeper.view
        if error is not None and view is not None and view.holders is None:
            self._show_waste_work(None, error)

    def stop_holders(self, error: HeapscopeError) -> bool:
        """Give up the search as well."""
        stopped = self.runner.cancel_waste()
        if stopped:
            self._show_waste_work(None, error)
        return super().stop_holders(error) or stopped

    def cancel_all(self) -> None:
        """Give up all that is computed beside the screens."""
        self.runner.cancel_waste()
        super().cancel_all()

    def release(self, snapshot: Snapshot) -> None:
        """Give up a search in another snapshot than this one."""
        job = self.runner.waste_job
        if job is not None and job.holders is not None and job.holders.tree.snapshot is not snapshot:
            self.runner.cancel_waste()
        super().release(snapshot)

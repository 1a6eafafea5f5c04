"""Owns moving between snapshots: those of this session, and files.

Never blocks and never deletes: files are loaded in threads, and looked at only.
"""

from __future__ import annotations

import dataclasses
import os

from heapscope.tui import jobs
from heapscope.tui.app_objects import ObjectsApp
from heapscope.tui.screens.main import MainScreen
from heapscope.tui.state import Analysis, Taken
from heapscope.tui.textfit import safe_text


class SnapsApp(ObjectsApp):
    """The part of the application that shows other snapshots."""

    def on_snaps_tab_files_wanted(self) -> None:
        """Read the snapshot files of the folder in use: that of the file on the screen, else the current one."""
        self.runner.list_snapshots(os.path.dirname(self.keeper.path) or os.curdir)

    def on_snapshots_listed(self, event: jobs.SnapshotsListed) -> None:
        """Show them."""
        if self.keeper.view is not None:
            self.keeper.view = dataclasses.replace(self.keeper.view, stored=event.stored)
            self.show_view()

    def on_main_screen_snapshot_wanted(self, event: MainScreen.SnapshotWanted) -> None:
        """Show a snapshot of this session, or a file."""
        view, whole = self.keeper.view, self.keeper.find_whole(event.taken)
        if view is None or (whole is not None and whole.snapshot is view.current.snapshot):
            self.notify("this snapshot is on the screen", markup=False)
        elif whole is not None:
            self.runner.show_pair(self.keeper.base_analysis, whole)
        elif self._may_load(event.taken):
            self.runner.open_file(event.taken.path)

    def _may_load(self, taken: Taken) -> bool:
        refusal = ""
        if not taken.path:
            refusal = "this snapshot is no longer in memory, and was not written to a file"
        elif self.runner.job is not None:
            refusal = "a capture is running already; ctrl+c cancels it"
        if refusal:
            self.notify(refusal, markup=False, severity="warning")
        return not refusal

    def on_main_screen_baseline_wanted(self, event: MainScreen.BaselineWanted) -> None:
        """Compare with a snapshot from now on: that of a row, else the one on the screen."""
        view = self.keeper.view
        if view is None:
            return
        base: Analysis | None = view.current
        if event.taken is not None:
            base = self.keeper.find_whole(event.taken)
        if base is not None:
            self.runner.compare(base, view.current)
        elif event.taken is not None and self._may_load(event.taken):
            self.runner.open_baseline(event.taken.path, view.current)

    def on_main_screen_pair_wanted(self, event: MainScreen.PairWanted) -> None:
        """Show the pair of snapshots before or after this one."""
        pair = self.keeper.pair(event.step)
        if pair is None:
            self.notify("there is no such pair of snapshots; n captures again", markup=False)
            return
        base, current = (self.keeper.find_whole(taken) for taken in pair)
        if base is None or current is None:
            self.notify("one of these snapshots is no longer in memory", markup=False, severity="warning")
        else:
            self.runner.show_pair(base, current)

    def on_pair_ready(self, event: jobs.PairReady) -> None:
        """Show another snapshot of this session."""
        if self.runner.job is not None or self.keeper.view is None:
            return  # a newer snapshot is on its way
        self.keeper.show(event.current, event.base, event.deltas)
        self.release(event.current.snapshot)
        self.show_view()
        self.show_headers()
        self.start_holders()
        words = (
            f"snapshot {self.keeper.view.number}" if self.keeper.view.number else safe_text(self.keeper.view.path, 60)
        )
        self.notify(f"{words}, compared with {self.keeper.baseline_words()}", markup=False)

"""Owns starting threads: one capture or analysis at a time, and the short looks beside it.

Never handles results; they arrive at the application as messages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.app import App

from heapscope.tui import file_jobs, growth_jobs, holder_jobs, jobs, object_jobs, report_jobs, treemap_jobs, waste_jobs
from heapscope.tui.engine import Engine
from heapscope.tui.files import keep_copy
from heapscope.tui.holders import HolderIndex, PathQuestion
from heapscope.tui.keeper import Keeper
from heapscope.tui.progress import ProgressBoard

if TYPE_CHECKING:
    from heapscope.service.report import Summary
    from heapscope.snapshot.model import Snapshot
    from heapscope.tui.state import Analysis


class Runner:
    """Starts work for the application. ``job`` is the capture or analysis that runs now.

    ``holders_job``, ``paths_job``, ``waste_job`` and ``report_job`` are what is computed beside it; each is given up when a newer one starts.
    """

    def __init__(self, app: App[int], engine: Engine, keeper: Keeper) -> None:
        self._app = app
        self._engine = engine
        self._keeper = keeper
        self.job: jobs.CaptureJob | None = None
        self.holders_job: holder_jobs.HoldersJob | None = None
        self.paths_job: holder_jobs.PathsJob | None = None
        self.waste_job: waste_jobs.WasteJob | None = None
        self.report_job: report_jobs.ReportJob | None = None
        self.object_jobs: list[object_jobs.ObjectJob] = []  # one per screen that waits for an answer

    def _start(self, work: Callable[[], None], group: str, *, replaces: bool = False) -> None:
        self._app.run_worker(work, thread=True, group=group, exclusive=replaces, exit_on_error=True)

    def new_job(self, pid: int = 0, path: str = "") -> jobs.CaptureJob:
        """Prepare a job, so that a screen for it can be there before its first message."""
        self.job = jobs.CaptureJob(ProgressBoard(time.monotonic_ns), pid, self._keeper.expected_objects, path)
        return self.job

    def capture(self, job: jobs.CaptureJob) -> None:
        """Start a capture."""
        options, base, number = self._keeper.options, self._keeper.base(), self._keeper.number + 1
        post = self._app.post_message
        self._start(lambda: jobs.run_capture(self._engine, job, options, base, number, post), "job")

    def analyse(self, job: jobs.CaptureJob, snapshot: Snapshot, path: str) -> None:
        """Start the analysis of a loaded snapshot, and of those that were opened with it."""
        base, earlier, post = self._keeper.base(), self._keeper.opened, self._app.post_message
        self._start(lambda: jobs.run_analysis(self._engine, job, snapshot, path, base, post, earlier), "job")

    def open_file(self, path: str) -> None:
        """Start loading a snapshot file, to show it."""
        job, base, post = self.new_job(path=path), self._keeper.base(), self._app.post_message
        self._start(lambda: jobs.run_open(self._engine, job, base, post), "job")

    def open_baseline(self, path: str, current: Analysis) -> None:
        """Start loading a snapshot file, to compare with it."""
        job, post = self.new_job(path=path), self._app.post_message
        self._start(lambda: jobs.run_baseline(self._engine, job, current, post), "job")

    def show_pair(self, base: Analysis | None, current: Analysis) -> None:
        """Start comparing two snapshots of this session."""
        self._start(lambda: jobs.show_pair(self._engine, base, current, self._app.post_message), "compare")

    def list_snapshots(self, folder: str) -> None:
        """Read the snapshot files of a folder."""
        self._start(lambda: jobs.list_snapshots(self._engine, folder, self._app.post_message), "files", replaces=True)

    def cancel(self) -> None:
        """Ask the running job to stop."""
        if self.job is not None:
            self.job.cancel.set()

    def find_holders(self, analysis: Analysis) -> None:
        """Start finding dominators and retained sizes."""
        self.cancel_holders()
        job = self.holders_job = holder_jobs.HoldersJob(analysis=analysis)
        self._start(lambda: holder_jobs.run_holders(self._engine, job, self._app.post_message), "holders")

    def cancel_holders(self) -> bool:
        """Give up finding dominators; False when nothing runs."""
        job, self.holders_job = self.holders_job, None
        if job is not None:
            job.cancel.set()
        return job is not None

    def search_paths(self, holders: HolderIndex, question: PathQuestion) -> holder_jobs.PathsJob:
        """Start a search for paths."""
        self.cancel_paths()
        job = self.paths_job = holder_jobs.PathsJob(question=question)
        self._start(lambda: holder_jobs.run_paths(self._engine, holders, job, self._app.post_message), "paths")
        return job

    def cancel_paths(self) -> None:
        """Give up a search for paths."""
        job, self.paths_job = self.paths_job, None
        if job is not None:
            job.cancel.set()

    def ask(self, holders: HolderIndex, question: PathQuestion, *, lists: bool) -> None:
        """Start answering a question about objects."""
        self.give_up(question)
        job = object_jobs.ObjectJob(question=question, lists=lists)
        self.object_jobs.append(job)
        self._start(lambda: object_jobs.run_objects(self._engine, holders, job, self._app.post_message), "objects")

    def give_up(self, question: PathQuestion | None = None) -> None:
        """Give up a question about objects, or all of them."""
        given_up = [job for job in self.object_jobs if question is None or job.question is question]
        for job in given_up:
            job.cancel.set()
            self.object_jobs.remove(job)

    def report(self, holders: HolderIndex, earlier: Sequence[Snapshot | Summary], source: str) -> None:
        """Start judging who may be holding too much."""
        self.cancel_report()
        job = self.report_job = report_jobs.ReportJob(holders=holders, earlier=earlier, source=source)
        self._start(lambda: report_jobs.run_report(self._engine, job, self._app.post_message), "report")

    def cancel_report(self) -> None:
        """Give up the report."""
        job, self.report_job = self.report_job, None
        if job is not None:
            job.cancel.set()

    def find_waste(self, holders: HolderIndex) -> None:
        """Start the search for other remedies."""
        self.cancel_waste()
        job = self.waste_job = waste_jobs.WasteJob(holders=holders)
        self._start(lambda: waste_jobs.run_waste(self._engine, job, self._app.post_message), "waste")

    def cancel_waste(self) -> bool:
        """Give up that search; False when nothing runs."""
        job, self.waste_job = self.waste_job, None
        if job is not None:
            job.cancel.set()
        return job is not None

    def compare_growth(self, job: growth_jobs.GrowthJob) -> None:
        """Start comparing snapshots."""
        self._start(lambda: growth_jobs.run_growth(self._engine, job, self._app.post_message), "growth")

    def open_row(self, wish: holder_jobs.LevelWish) -> None:
        """Start opening a row of the tree."""
        self._start(lambda: holder_jobs.run_level(self._engine, wish, self._app.post_message), "tree")

    def descend(self, wish: holder_jobs.DescentWish) -> None:
        """Start opening the tree down to a place."""
        self._start(lambda: holder_jobs.run_descent(self._engine, wish, self._app.post_message), "tree")

    def divide(self, wish: treemap_jobs.CellsWish) -> None:
        """Start dividing a level of a treemap."""
        self._start(lambda: treemap_jobs.run_cells(wish, self._app.post_message), "treemap")

    def list_targets(self) -> None:
        """Read the list of processes."""
        self._start(lambda: jobs.list_targets(self._engine, self._app.post_message), "list", replaces=True)

    def find_target(self, pid: int) -> None:
        """Look at the target that is being attached to."""
        self._start(lambda: jobs.find_target(self._engine, pid, self._app.post_message), "look")

    def look_at_memory(self, pid: int) -> None:
        """Split the memory of the target that is being attached to."""
        self._start(lambda: jobs.look_at_memory(self._engine, pid, self._app.post_message), "memory")

    def sample(self, process: tuple[int, float]) -> None:
        """Look at the target's size."""
        self._start(lambda: jobs.sample(self._engine, process, self._app.post_message), "sample", replaces=True)

    def compare(self, base: Analysis, current: Analysis) -> None:
        """Compute changes."""
        self._start(lambda: jobs.compare(self._engine, base, current, self._app.post_message), "compare")

    def write_text(self, path: str, text: str) -> None:
        """Write an export."""
        self._start(lambda: file_jobs.write_text(path, text, self._app.post_message), "write")

    def keep_copy(self, path: str, text: str) -> None:
        """Keep what was copied in a file."""
        self._start(lambda: keep_copy(path, text), "copy")

    def write_snapshot(self, snapshot: Snapshot, path: str) -> None:
        """Write a snapshot file."""
        self._start(lambda: file_jobs.write_snapshot(self._engine, snapshot, path, self._app.post_message), "write")

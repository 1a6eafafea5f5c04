"""Owns the hand-over between the Growth tab and the thread that compares, and the summaries of this session's snapshots.

Never blocks; what comes from a comparison that was given up is dropped.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from heapscope.errors import HeapscopeError
from heapscope.tui import growth_jobs, holder_jobs, jobs
from heapscope.tui.app_holders import HoldersApp
from heapscope.tui.growth_jobs import GrowthJob, Source
from heapscope.tui.holders import HolderIndex
from heapscope.tui.state import HeapView

if TYPE_CHECKING:
    from heapscope.analysis.holder_tree import HolderTree
    from heapscope.snapshot.model import Snapshot, SnapshotMeta

MAX_TREES = 100  # of some MB each


class GrowthApp(HoldersApp):
    """The part of the application that finds out what grew."""

    _growth_job: GrowthJob | None = None
    _trees: tuple[tuple[SnapshotMeta, HolderTree], ...] = ()

    def on_holders_found(self, event: holder_jobs.HoldersFound) -> None:
        """Sum the snapshot up while it is here, and compare if there is anything to compare with."""
        if event.job is self.runner.holders_job:
            self._start_growth(event.holders)

    def on_compared(self, _event: jobs.Compared) -> None:
        """Compare with the new baseline."""
        view = self.keeper.view
        if view is not None:
            self.keeper.view = dataclasses.replace(view, growth=None)
            if view.holders is not None:
                self._start_growth(view.holders)

    def _start_growth(self, holders: HolderIndex) -> None:
        view = self.keeper.view
        if view is None:
            return
        self._cancel_growth()
        job = self._growth_job = GrowthJob(sources=self._sources(view, holders))
        self.runner.compare_growth(job)

    def _sources(self, view: HeapView, holders: HolderIndex) -> list[Source]:
        """List the baseline, those after it that were summed up or still can be, and the snapshot on the screen."""
        trees = {id(meta): tree for meta, tree in self._trees}
        current = view.current
        newest = current.snapshot.meta
        last = Source(newest, current.histogram, trees.get(id(newest)), current.snapshot, holders)
        base = view.baseline
        if base is None or base.snapshot is current.snapshot:
            return [last]
        oldest = base.snapshot.meta
        first = Source(oldest, base.histogram, trees.get(id(oldest)), base.snapshot)
        places = [id(taken.meta) for taken in view.taken]
        begin = places.index(id(oldest)) + 1 if id(oldest) in places else len(places)
        whole = {id(one.snapshot.meta): one.snapshot for one in view.series}
        between = [
            Source(taken.meta, taken.histogram, trees.get(id(taken.meta)), whole.get(id(taken.meta)))
            for taken in view.taken[begin:]
            if (id(taken.meta) in trees or id(taken.meta) in whole)
            and taken.meta is not newest
            and taken.histogram is not None
        ]
        return [first, *between, last]

    def on_work_progressed(self, event: holder_jobs.WorkProgressed) -> None:
        """Say how far a comparison is."""
        if event.job is self._growth_job:
            self._show_growth_work(event.job.share, None)

    def on_growth_found(self, event: growth_jobs.GrowthFound) -> None:
        """Show what grew, unless the snapshot on the screen is another one by now."""
        view, job = self.keeper.view, event.job
        if job is not self._growth_job or view is None:
            return
        self._growth_job = None
        if job.sources[-1].meta is not view.current.snapshot.meta:
            return
        new = {id(source.meta): (source.meta, tree) for source, tree in zip(job.sources, job.trees, strict=False)}
        kept = [pair for pair in self._trees if id(pair[0]) not in new]
        self._trees = (*kept, *new.values())[-MAX_TREES:]
        if event.error is not None:
            self._show_growth_work(None, event.error)
        else:
            self.keeper.view = dataclasses.replace(view, growth=event.growth)
            self.show_view()

    def _show_growth_work(self, share: float | None, error: HeapscopeError | None) -> None:
        if self.main_screen is not None:
            self.main_screen.growth.show_work(share, error)

    def _cancel_growth(self) -> bool:
        job, self._growth_job = self._growth_job, None
        if job is not None:
            job.cancel.set()
        return job is not None

    def stop_holders(self, error: HeapscopeError) -> bool:
        """Give up the comparison as well."""
        stopped = self._cancel_growth()
        if stopped:
            self._show_growth_work(None, error)
        return super().stop_holders(error) or stopped

    def end_holders(self, error: HeapscopeError | None) -> None:
        """Without holders there is no comparison either."""
        super().end_holders(error)
        view = self.keeper.view
        if error is not None and view is not None and view.holders is None:
            self._show_growth_work(None, error)

    def cancel_all(self) -> None:
        """Give up all that is computed beside the screens."""
        self._cancel_growth()
        super().cancel_all()

    def release(self, snapshot: Snapshot) -> None:
        """Give up a comparison of another snapshot than this one."""
        job = self._growth_job
        if job is not None and job.sources[-1].meta is not snapshot.meta:
            self._cancel_growth()
        super().release(snapshot)

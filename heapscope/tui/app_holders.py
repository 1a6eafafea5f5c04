"""Owns the hand-over between screens and threads for all that is about who holds what: the tree, retained sizes, paths.

Never blocks; what comes from a thread that was given up is dropped.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from heapscope.errors import HeapscopeError
from heapscope.tui import holder_jobs
from heapscope.tui.app_base import BaseApp
from heapscope.tui.holders import HolderIndex, PathQuestion
from heapscope.tui.screens.main import MainScreen
from heapscope.tui.screens.paths import PathsScreen
from heapscope.tui.screens.pushed import PushedScreen
from heapscope.tui.state import Writing
from heapscope.tui.views.dominators import DominatorsTab

if TYPE_CHECKING:
    from heapscope.snapshot.model import Snapshot


class HoldersApp(BaseApp):
    """The part of the application that finds out who holds what."""

    def start_holders(self) -> None:
        """Find dominators and retained sizes of the snapshot on the screen."""
        view = self.keeper.view
        if view is not None and view.holders is None:
            self.runner.find_holders(view.current)
            self._show_holders_work(0.0, None)

    def on_unmount(self) -> None:
        """Let no thread outlive the screens."""
        self.cancel_all()

    def cancel_all(self) -> None:
        """Give up all that is computed beside the screens."""
        self.runner.cancel_holders()
        self.runner.cancel_paths()
        self.runner.give_up()

    @property
    def _paths_screens(self) -> list[PathsScreen]:
        return [screen for screen in self.pushed_screens if isinstance(screen, PathsScreen)]

    @property
    def pushed_screens(self) -> list[PushedScreen]:
        """The screens above the main one, the lowest first."""
        return [screen for screen in self.screen_stack if isinstance(screen, PushedScreen)]

    def _show_holders_work(self, share: float | None, error: HeapscopeError | None) -> None:
        self.keeper.work = f"retained {share:.0%}" if share is not None else ""
        self.show_headers()
        if self.main_screen is not None and self.keeper.view is not None and self.keeper.view.holders is None:
            self.main_screen.dominators.show_work(share, error)
            for screen in self.pushed_screens:
                if screen.holders is None:
                    screen.show_work(share, error)

    def show_headers(self) -> None:
        """Bring the headers up to date."""
        facts = self.keeper.header()
        for screen in (self.main_screen, *self.pushed_screens):
            if screen is not None:
                screen.show_header(facts)

    def on_work_progressed(self, event: holder_jobs.WorkProgressed) -> None:
        """Say how far a job is."""
        if event.job is self.runner.holders_job:
            self._show_holders_work(event.job.share, None)
        elif event.job is self.runner.paths_job and self._paths_screens:
            self._paths_screens[-1].show_work(event.job.share)

    def on_holders_found(self, event: holder_jobs.HoldersFound) -> None:
        """Show the tree; searches that waited for it can start."""
        if event.job is not self.runner.holders_job or self.keeper.view is None:
            return
        self.keeper.view = dataclasses.replace(self.keeper.view, holders=event.holders)
        self.show_view()
        for screen in self.pushed_screens:
            if screen.holders is None:
                screen.search(event.holders)
        self.holders_ready()

    def holders_ready(self) -> None:
        """Start what needs the dominators."""

    def on_retained_found(self, event: holder_jobs.RetainedFound) -> None:
        """Show retained sizes of types."""
        if event.job is self.runner.holders_job and self.keeper.view is not None:
            self.keeper.view = dataclasses.replace(self.keeper.view, current=event.analysis)
            self.show_view()

    def show_view(self) -> None:
        """Show what is known of the snapshot on the screen."""
        if self.main_screen is not None and self.keeper.view is not None:
            self.main_screen.show_view(self.keeper.view)

    def on_holders_ended(self, event: holder_jobs.HoldersEnded) -> None:
        """Take away the progress, or show what went wrong."""
        if event.job is self.runner.holders_job:
            self.runner.holders_job = None
            self.end_holders(event.error)

    def end_holders(self, error: HeapscopeError | None) -> None:
        """Take away the progress, or show what went wrong."""
        self._show_holders_work(None, error)
        if error is not None and self.keeper.view is not None and self.keeper.view.holders is not None:
            self.notify(f"retained sizes of types: {error.message}", markup=False, severity="warning")

    def give_up_holders(self, error: HeapscopeError) -> None:
        """Say that dominators will not come by themselves: the snapshot is there, its analysis was given up."""
        view = self.keeper.view
        if view is not None and view.holders is None and self.runner.holders_job is None:
            self._show_holders_work(None, error)

    def stop_holders(self, error: HeapscopeError) -> bool:
        """Give up what is computed beside the screens; False when nothing is."""
        stopped = self.runner.cancel_holders()
        if stopped:
            self.end_holders(error)
        return stopped

    def on_dominators_tab_holders_wanted(self) -> None:
        """Try again."""
        self.start_holders()

    def on_dominators_tab_level_wanted(self, event: DominatorsTab.LevelWanted) -> None:
        """Open a row of the tree."""
        self.runner.open_row(event.wish)

    def on_level_found(self, event: holder_jobs.LevelFound) -> None:
        """Put a row's children in place."""
        if self.main_screen is not None:
            self.main_screen.dominators.take_level(event)

    def on_dominators_tab_descent_wanted(self, event: DominatorsTab.DescentWanted) -> None:
        """Open the tree down to a place."""
        self.runner.descend(event.wish)

    def on_descent_found(self, event: holder_jobs.DescentFound) -> None:
        """Show the tree as it was opened."""
        if self.main_screen is not None:
            self.main_screen.dominators.take_descent(event)

    async def on_main_screen_paths_wanted(self, event: MainScreen.PathsWanted) -> None:
        """Open the screen, and search as soon as the dominators are there."""
        view = self.keeper.view
        if view is not None:
            await self.open_pushed(PathsScreen, event.question, view.holders)

    async def on_pushed_screen_paths_wanted(self, event: PushedScreen.PathsWanted) -> None:
        """Open the screen, and search in the same snapshot."""
        await self.open_pushed(PathsScreen, event.question, event.holders)

    async def open_pushed(self, kind: type[PushedScreen], question: PathQuestion, holders: HolderIndex | None) -> None:
        """Open a screen about a question, and search as soon as the dominators are there."""
        main = self.main_screen
        writing = main.writing if main is not None else Writing()
        screen = kind(question, self.keeper.header(), writing, ascii_only=self.ascii_only)
        await self.push_screen(screen)
        if holders is not None:
            screen.search(holders)
        elif self.runner.holders_job is None:
            self.start_holders()

    def on_pushed_screen_search_wanted(self, event: PushedScreen.SearchWanted) -> None:
        """Search."""
        self.start_search(event.screen, event.holders, event.question)

    def start_search(self, _screen: PushedScreen, holders: HolderIndex, question: PathQuestion) -> None:
        """Search for a screen."""
        self.runner.search_paths(holders, question)

    def on_pushed_screen_left(self, event: PushedScreen.Left) -> None:
        """Stop searching."""
        self.runner.give_up(event.question)
        self.runner.cancel_paths()

    def on_pushed_screen_retry_wanted(self) -> None:
        """Compute again what the search waits for."""
        self.start_holders()

    def on_paths_found(self, event: holder_jobs.PathsFound) -> None:
        """Show the answer, unless another question was asked meanwhile."""
        if event.job is not self.runner.paths_job:
            return
        self.runner.paths_job = None
        for screen in self._paths_screens:
            if screen.question is event.job.question:
                if event.answer is not None:
                    screen.show_answer(event.answer)
                else:
                    screen.show_work(None, event.error)

    async def on_pushed_screen_place_wanted(self, event: PushedScreen.PlaceWanted) -> None:
        """Show a step in the tree, if it is still the same tree."""
        main, view = self.main_screen, self.keeper.view
        if main is None or view is None:
            return
        if view.holders is not event.holders:
            self.notify("this is of the snapshot before", markup=False, severity="warning")
            return
        while isinstance(self.screen, PushedScreen):
            await self.pop_screen()
        main.show_place(event.node)

    def release(self, snapshot: Snapshot) -> None:
        """Give up work on another snapshot than this one."""
        job = self.runner.holders_job
        if job is not None and (job.analysis is None or job.analysis.snapshot is not snapshot):
            self.runner.cancel_holders()
            self.keeper.work = ""

"""Owns the hand-over between screens and threads for single objects: all instances of a row, one object and its neighbours.

Never blocks; what comes from a thread that was given up is dropped.
"""

from __future__ import annotations

from heapscope.tui import holder_jobs, object_jobs
from heapscope.tui.app_waste import WasteApp
from heapscope.tui.holders import HolderIndex, PathQuestion
from heapscope.tui.screens.inspect import InspectScreen
from heapscope.tui.screens.instances import InstancesScreen
from heapscope.tui.screens.main import MainScreen
from heapscope.tui.screens.objects import ObjectsScreen
from heapscope.tui.screens.pushed import PushedScreen


class ObjectsApp(WasteApp):
    """The part of the application that answers questions about single objects."""

    async def on_main_screen_objects_wanted(self, event: MainScreen.ObjectsWanted) -> None:
        """Open the list of a row, or the object of it that retains most."""
        view = self.keeper.view
        kind = InstancesScreen if event.lists else InspectScreen
        if view is not None:
            await self.open_pushed(kind, event.question, view.holders)

    async def on_pushed_screen_inspect_wanted(self, event: PushedScreen.InspectWanted) -> None:
        """Open an object that a screen above showed."""
        await self.open_pushed(InspectScreen, event.question, event.holders)

    def start_search(self, screen: PushedScreen, holders: HolderIndex, question: PathQuestion) -> None:
        """Answer, or search paths."""
        if isinstance(screen, ObjectsScreen):
            self.runner.ask(holders, question, lists=screen.lists)
        else:
            super().start_search(screen, holders, question)

    def on_work_progressed(self, event: holder_jobs.WorkProgressed) -> None:
        """Say how far an answer is."""
        job = event.job
        if isinstance(job, object_jobs.ObjectJob) and job in self.runner.object_jobs:
            for screen in self._waiting_for(job):
                if screen.answer is None:
                    screen.show_work(job.share)

    def on_objects_answered(self, event: object_jobs.ObjectsAnswered) -> None:
        """Show an answer, unless it is no longer wanted."""
        if event.job not in self.runner.object_jobs:
            return
        if event.is_last:
            self.runner.object_jobs.remove(event.job)
        for screen in self._waiting_for(event.job):
            screen.show_answer(event.answer, event.error)

    def _waiting_for(self, job: object_jobs.ObjectJob) -> list[ObjectsScreen]:
        return [
            screen
            for screen in self.pushed_screens
            if isinstance(screen, ObjectsScreen) and screen.question is job.question and screen.lists is job.lists
        ]

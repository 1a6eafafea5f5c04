"""Owns the application: which screen is in front, and the hand-over between screens and worker threads.

Never blocks: captures, analysis, files and processes are touched in threads only (jobs, engine).
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from heapscope.errors import Cancelled, ExitCode, HeapscopeError
from heapscope.tui import jobs
from heapscope.tui.app_advice import AdviceApp
from heapscope.tui.app_files import FilesApp
from heapscope.tui.app_growth import GrowthApp
from heapscope.tui.app_report import ReportApp
from heapscope.tui.app_treemap import TreemapApp
from heapscope.tui.chrome import TabStrip
from heapscope.tui.files import copy_path
from heapscope.tui.keeper import Keeper
from heapscope.tui.presenters.capture import progress_line
from heapscope.tui.screens.attach import AttachScreen
from heapscope.tui.screens.dialogs import ConfirmScreen, HelpScreen
from heapscope.tui.screens.inspect import InspectScreen
from heapscope.tui.screens.instances import InstancesScreen
from heapscope.tui.screens.main import MainScreen
from heapscope.tui.screens.paths import PathsScreen
from heapscope.tui.screens.picker import PickerScreen
from heapscope.tui.screens.tabs import TAB_KINDS
from heapscope.tui.series import Series
from heapscope.tui.stylesheets import read_ahead
from heapscope.tui.textfit import safe_text
from heapscope.tui.theme import THEME, THEME_NAME
from heapscope.tui.vtable import VTable

if TYPE_CHECKING:
    from heapscope.service.capture import CaptureOptions
    from heapscope.snapshot.model import Snapshot
    from heapscope.tui.engine import Engine

SWITCH_S = 0.001
GC_THRESHOLDS = (1_000, 10, 200)
SAMPLE_S = 2.0  # the header's RSS; a sparkline of 8 cells then shows 16 seconds


class HeapscopeApp(GrowthApp, TreemapApp, ReportApp, FilesApp, AdviceApp):
    """The terminal UI: moves what the keeper holds between threads and screens."""

    async def on_mount(self) -> None:
        """Open the first screen."""
        self.register_theme(THEME)
        self.theme = THEME_NAME
        if self.keeper.loaded is not None:
            await self._start_analysis(self.keeper.loaded)
        elif self.keeper.pid is not None:
            await self._start_attach()
        else:
            await self.push_screen(PickerScreen(ascii_only=self.ascii_only))
            self.runner.list_targets()
        self.set_interval(SAMPLE_S, self._sample)
        read_ahead(self, (TabStrip, VTable, MainScreen, *TAB_KINDS, InstancesScreen, InspectScreen, PathsScreen))

    async def _start_attach(self) -> None:
        pid = self.keeper.pid
        assert pid is not None  # both callers have chosen one
        job = self.runner.new_job(pid)
        title = f"Attaching to pid {pid}"
        can_go_back = any(isinstance(screen, PickerScreen) for screen in self.screen_stack)
        await self.push_screen(AttachScreen(title, job, can_go_back=can_go_back, ascii_only=self.ascii_only))
        # The quick looks first: they are shown while the libraries of a capture are still being loaded.
        self.runner.find_target(pid)
        self.runner.look_at_memory(pid)
        self.runner.capture(job)

    async def _start_analysis(self, snapshot: Snapshot) -> None:
        job = self.runner.new_job()
        title = f"Reading {safe_text(self.keeper.path, 60)}"
        await self.push_screen(AttachScreen(title, job, can_go_back=False, ascii_only=self.ascii_only))
        self.runner.analyse(job, snapshot, self.keeper.path)

    def on_job_progressed(self) -> None:
        """Draw the news of the running job."""
        attach, main = self.attach_screen, self.main_screen
        if attach is not None:
            attach.show_progress()
        elif main is not None and self.runner.job is not None:
            main.show_status(progress_line(self.runner.job.board.read(), self.runner.job.expected_objects))

    async def on_job_analysed(self, event: jobs.JobAnalysed) -> None:
        """Show a snapshot, or the sizes that were still missing."""
        # The last messages of a job may come while the screens are being closed.
        if event.job is not self.runner.job or not self.screen_stack:
            return
        self.keeper.take(event.view)
        self.release(event.view.current.snapshot)
        main = self.main_screen
        if main is not None:
            self.show_view()
        else:
            self.last_code = ExitCode.OK
            spare_collector()  # the libraries that the analysis has brought in
            while not isinstance(self.screen, AttachScreen):
                await self.pop_screen()  # a dialog above the attach screen asks about what is over
            assert self.keeper.view is not None  # it was taken above
            main = MainScreen(self.keeper.view, self.keeper.header(), ascii_only=self.ascii_only)
            await self.switch_screen(main)
        main.show_header(self.keeper.header())

    def on_job_ended(self, event: jobs.JobEnded) -> None:
        """Take away the progress, or show what went wrong."""
        if event.job is not self.runner.job or not self.screen_stack:
            return
        self.runner.job = None
        attach, main = self.attach_screen, self.main_screen
        if main is not None:
            main.show_status(())
        if event.error is None:
            self.start_holders()
            return
        self.give_up_holders(event.error)
        if attach is not None:
            self.last_code = event.error.exit_code
            attach.show_error(event.error)
        elif main is not None:
            self._show_recapture_error(event.job, event.error)

    def _show_recapture_error(self, job: jobs.CaptureJob, error: HeapscopeError) -> None:
        if error.exit_code == ExitCode.INTERRUPTED:
            self.notify("the capture was cancelled; the snapshot before is still here", markup=False)
            return
        if job.path:
            self.notify(f"{error.message}: {error.hint}", markup=False, severity="error", timeout=10)
            return
        title = f"Capturing pid {job.pid} again"
        self.push_screen(AttachScreen(title, job, can_go_back=True, ascii_only=self.ascii_only, error=error))

    async def on_picker_screen_picked(self, event: PickerScreen.Picked) -> None:
        """Attach to the chosen process."""
        self.keeper.choose(event.target)
        await self._start_attach()

    def on_picker_screen_refresh_wanted(self) -> None:
        """Read the list of processes."""
        self.runner.list_targets()

    def on_targets_listed(self, event: jobs.TargetsListed) -> None:
        """Show the list."""
        for screen in self.screen_stack:
            if isinstance(screen, PickerScreen):
                screen.show_targets(event.targets)
        if event.error is not None:
            self.notify(event.error.message, markup=False, severity="error")

    def on_target_found(self, event: jobs.TargetFound) -> None:
        """Name the target on the attach screen and in the header."""
        self.keeper.target = event.target
        if self.attach_screen is not None:
            self.attach_screen.show_target(self.keeper.target_words())

    def on_memory_found(self, event: jobs.MemoryFound) -> None:
        """Show where the memory is while the capture goes on."""
        if self.attach_screen is not None:
            self.attach_screen.show_memory(event.split)

    def on_attach_screen_cancel_wanted(self) -> None:
        """Stop the running job."""
        self.action_cancel_job()

    async def on_attach_screen_retry_wanted(self) -> None:
        """Try the same again."""
        await self.pop_screen()
        if self.main_screen is not None:
            self.on_main_screen_recapture_wanted()
        elif self.keeper.loaded is not None:
            await self._start_analysis(self.keeper.loaded)
        else:
            await self._start_attach()

    def on_attach_screen_back_wanted(self) -> None:
        """Leave the error card for the screen before."""
        self.pop_screen()
        self.last_code = ExitCode.OK

    def on_main_screen_recapture_wanted(self) -> None:
        """Capture again; the snapshot before becomes the baseline if there is none yet."""
        refusal = self.keeper.recapture_refusal()
        if refusal or self.runner.job is not None:
            self.notify(refusal or "a capture is running already; ctrl+c cancels it", markup=False, severity="warning")
            return
        self.keeper.ensure_baseline()
        assert self.keeper.pid is not None  # recapture_refusal says so otherwise
        self.runner.capture(self.runner.new_job(self.keeper.pid))
        self.on_job_progressed()

    def on_compared(self, event: jobs.Compared) -> None:
        """Show the changes against the new baseline."""
        self.keeper.take_comparison(event.base, event.deltas)
        if self.main_screen is not None and self.keeper.view is not None:
            self.main_screen.show_view(self.keeper.view)
            self.notify(f"baseline is now {self.keeper.baseline_words()}; n captures again", markup=False)

    def _sample(self) -> None:
        process = self.keeper.process()
        if process is not None and not self.keeper.has_ended:
            self.runner.sample(process)

    def on_target_sampled(self, event: jobs.TargetSampled) -> None:
        """Bring the header up to date; say it when the target has ended."""
        self.keeper.note_sample(event.sample)
        main = self.main_screen
        if main is not None:
            self.show_headers()
            if self.keeper.has_ended:
                main.show_banner(self.keeper.ended_words())

    def action_show_help(self) -> None:
        """Open the help."""
        self.push_screen(HelpScreen(ascii_only=self.ascii_only))

    def action_cancel_job(self) -> None:
        """Cancel what runs; without a job, say how to quit."""
        if self.runner.job is None:
            if not self.stop_holders(Cancelled("finding out who holds what was cancelled")):
                self.notify("nothing is running; q quits", markup=False)
            return
        self.runner.cancel()
        if self.attach_screen is not None:
            self.attach_screen.show_cancelling()

    async def action_quit(self) -> None:
        """Quit; ask first while a capture runs."""
        if self.runner.job is None:
            self._leave(True)
        elif not isinstance(self.screen, ConfirmScreen):
            question = "A capture is running. Cancel it and quit?"
            self.push_screen(ConfirmScreen(question, ascii_only=self.ascii_only), self._leave)

    def _leave(self, answer: object) -> None:
        if not answer:
            return
        self.cancel_all()
        if self.runner.job is not None:
            self.runner.cancel()
            self.runner.job = None
            self.last_code = ExitCode.OK if self.main_screen is not None else ExitCode.INTERRUPTED
        self.exit(int(self.last_code))


def run_attach(
    pid: int | None,
    options: CaptureOptions,
    baseline: Snapshot | None = None,
    *,
    ascii_only: bool = False,
    engine: Engine | None = None,
) -> int:
    """Open the terminal UI on a running process, or on the process picker; return the exit code."""
    keeper = Keeper(pid=pid, options=options, baseline=baseline)
    return _run(HeapscopeApp(keeper, engine=engine, ascii_only=ascii_only))


def run_open(
    snapshot: Snapshot,
    path: str,
    baseline: Snapshot | None = None,
    *,
    earlier: Sequence[tuple[Snapshot, str]] = (),
    ascii_only: bool = False,
) -> int:
    """Open the terminal UI on a loaded snapshot file, and on older ones with their paths, oldest first; return the exit code."""
    opened = tuple(snapshot for snapshot, _path in earlier)
    keeper = Keeper(loaded=snapshot, path=path, baseline=baseline, opened=opened, series=Series(earlier))
    return _run(HeapscopeApp(keeper, ascii_only=ascii_only))


def spare_collector() -> None:
    """Exempt all that there is by now from garbage collection: looking through it holds up the event loop for 100 ms each time."""
    gc.freeze()


def give_way() -> None:
    """Have threads and the collector interrupt the screens for short times only, for as long as the process lives.

    A thread that computes in Python gives the interpreter up after a millisecond, not five: there may be four of them. All objects are
    looked through after millions of new ones: what the screens drop in cycles is small, and snapshots are in none.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(*GC_THRESHOLDS)
    spare_collector()


def _run(app: HeapscopeApp) -> int:
    give_way()
    app.keeper.copy_path = copy_path()
    code = app.run()
    return code if code is not None else app.return_code or ExitCode.INTERNAL

"""The daemon's heart: finds processes, looks at them, starts what is due. One instance per process, in one event loop.

Never captures in its own process, and never lets one target's trouble reach another's.
"""

from __future__ import annotations

import asyncio
import os
import time
import traceback
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any

from heapscope import __version__
from heapscope.daemon.actions import Actions
from heapscope.daemon.captures import Captures
from heapscope.daemon.clock import Clock, SystemClock
from heapscope.daemon.config import Config
from heapscope.daemon.config_file import load_config
from heapscope.daemon.events import Announcer
from heapscope.daemon.logs import Log
from heapscope.daemon.model import DaemonStatus, Event, Kind, Outcome, Reloaded, TargetStatus, Trigger
from heapscope.daemon.processes import ProcessTable
from heapscope.daemon.rules import FAR_S
from heapscope.daemon.store import Store
from heapscope.daemon.watching import InstanceWatch, TargetWatch, adopt_targets
from heapscope.errors import BudgetExceeded, HeapscopeError, TargetGone, UsageError
from heapscope.target.limits import HERE, Places
from heapscope.units import clean_text

TIDY_S = 60.0
LOST_PATIENCE_S = 60.0  # without a turn of the loop for so long, the watchdog is not fed


class Engine:
    """The running daemon (model.Daemon). Made inside the event loop; ``broken`` is set when it cannot go on."""

    def __init__(
        self,
        config: Config,
        *,
        config_path: str = "",
        log: Log | None = None,
        clock: Clock | None = None,
        places: Places = HERE,
        processes: ProcessTable | None = None,
    ) -> None:
        self._config = config
        self._config_path = config_path
        self._clock = clock or SystemClock()
        self._places = places
        self._announcer = Announcer(self._clock, log or Log())
        self._store = Store(config.daemon.state_dir, clock=self._clock.wall)
        self._processes = processes or ProcessTable()
        self._watches: dict[str, TargetWatch] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._wake = asyncio.Event()
        self._scanning = asyncio.Lock()
        self.broken = asyncio.Event()
        self._captures: Captures | None = None
        self._started_at = self._clock.wall()
        self._config_error = ""
        self._turned_at = time.monotonic()

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._config

    @property
    def store(self) -> Store:
        """The records."""
        return self._store

    @property
    def captures(self) -> Captures:
        """The queue; there once the engine is started."""
        assert self._captures is not None
        return self._captures

    async def start(self) -> None:
        """Open the store, find the processes, begin. Raises SnapshotFileError."""
        found = await asyncio.to_thread(self._store.open)
        if (
            found.index_rebuilt
            or found.adopted
            or found.completed
            or found.lost_files
            or found.removed
            or found.damaged
        ):
            words = {name: getattr(found, name) for name in found.__dataclass_fields__}
            self.announce("reconciled", "the store was brought in order", **words)
        self._captures = Captures(self._store, self._clock, self._announcer, lambda: self._config)
        self._actions = Actions(self._captures, self._store, self._clock, self._announcer)
        self._watches = adopt_targets({}, self._config, self._clock.steady(), self._places)
        await self._discover()
        for work in (self._discover_again(), self._look_around(), self._tidy_again()):
            self._spawn(work)
        names = ", ".join(self._watches) or "no target"
        self.announce("started", f"heapscope {__version__} watches {names}", config=self._config_path)

    async def stop(self) -> None:
        """Cancel captures, release clones, close the store."""
        self.announce("stopping", "the daemon stops")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._captures is not None:
            await self._captures.close()
        self._announcer.close()
        self._store.close()

    def is_turning(self) -> bool:
        """Whether the loop that looks around has had its turn lately; the watchdog's question."""
        return time.monotonic() - self._turned_at < LOST_PATIENCE_S

    # What the facade offers.

    def status(self) -> DaemonStatus:
        """Say where the daemon stands."""
        totals = self._store.totals()
        ok = sum(count for (_, _, result), count in self.captures.counts.items() if result == "ok")
        return DaemonStatus(
            version=__version__,
            pid=os.getpid(),
            started_at=self._started_at,
            config_path=self._config_path,
            captures_running=self.captures.running_count,
            captures_waiting=self.captures.waiting_count,
            captures_ok=ok,
            captures_failed=sum(self.captures.counts.values()) - ok,
            paused_s=self.captures.budget.spent,
            pause_left_s=self.captures.budget.left(self._clock.steady()),
            store_records=totals.records,
            store_bytes=totals.snapshot_bytes,
            free_bytes=totals.free_bytes,
            config_error=self._config_error,
        )

    def targets(self) -> tuple[TargetStatus, ...]:
        """Say where each target stands."""
        steady = self._clock.steady()
        return tuple(watch.status(steady) for watch in self._watches.values())

    def outcomes(self) -> Mapping[tuple[str, Trigger, str], int]:
        """Count captures since the start."""
        return dict(self.captures.counts)

    async def capture(
        self, target: str, *, slot: int | None = None, pid: int | None = None, requester: str = ""
    ) -> Outcome:
        """Capture one instance. Raises TargetGone, BudgetExceeded."""
        watch = self._watches.get(target)
        if watch is None:
            names = ", ".join(self._watches) or "none"
            raise TargetGone(f"there is no target {clean_text(target, 64)}", hint=f"targets: {names}")
        chosen = watch.find(slot, pid)
        if chosen is None:
            raise TargetGone(
                f"no process of target {target} is watched", hint="heapscope daemon check-config --config FILE"
            )
        future = self.captures.submit(watch, chosen, Kind.SNAPSHOT, Trigger.API, requester, judge=watch.config.report)
        outcome = await asyncio.shield(future)
        if outcome.error == "budget" and outcome.pause_ns is None:
            raise BudgetExceeded(outcome.message, hint=outcome.hint)
        return outcome

    def capture_all(self) -> list[asyncio.Future[Outcome]]:
        """Capture every instance, as SIGUSR1 asks."""
        self.announce("signal", "every instance is captured on request")
        return [
            self.captures.submit(target, watch, Kind.SNAPSHOT, Trigger.SIGNAL, "SIGUSR1", judge=target.config.report)
            for target in self._watches.values()
            for watch in target.slots.values()
            if not watch.is_gone
        ]

    async def reload(self) -> Reloaded:
        """Read the configuration again; a bad one changes nothing."""
        try:
            config = await asyncio.to_thread(load_config, self._config_path)
            if (
                config.daemon.state_dir != self._config.daemon.state_dir
                or config.daemon.socket != self._config.daemon.socket
            ):
                raise UsageError("state_dir and socket cannot change while the daemon runs", hint="restart it")
        except HeapscopeError as error:
            self._config_error = error.message
            self.announce("reload_refused", error.message, level="error")
            return Reloaded(error=error.message, targets=tuple(self._watches))
        self._config, self._config_error = config, ""
        self.captures.budget.share = config.daemon.pause_budget
        self._watches = adopt_targets(self._watches, config, self._clock.steady(), self._places)
        await self._discover()
        self.announce("reloaded", f"the configuration is in force: {len(config.target)} targets")
        return Reloaded(targets=tuple(self._watches))

    def events(self, after: int = 0) -> tuple[Event, ...]:
        """Return the last events."""
        return self._announcer.events(after)

    def follow(self, after: int = 0) -> AsyncIterator[Event]:
        """Yield events as they come."""
        return self._announcer.follow(after)

    def announce(self, kind: str, message: str, **fields: Any) -> Event:
        """Add an event."""
        return self._announcer.announce(kind, message, **fields)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[object]) -> None:
        """Say what went wrong; a daemon that has lost one of its tasks says so and is started again by whoever started it."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            where = "".join(traceback.format_tb(error.__traceback__)[-3:])
            self.announce("internal_error", f"{type(error).__name__}: {error}", level="error", where=where)
            self.broken.set()

    async def _discover_again(self) -> None:
        while True:
            await self._clock.sleep(self._config.daemon.discovery_interval)
            await self._discover()

    async def _discover(self) -> None:
        try:
            async with self._scanning:
                seen = await asyncio.to_thread(self._processes.scan)
        except OSError as error:
            self.announce("discovery_failed", str(error), level="error")
            return
        steady = self._clock.steady()
        for target in self._watches.values():
            came, gone = target.update(seen, steady)
            for watch in gone:
                process = watch.instance.process
                self.announce("instance_gone", f"pid {process.pid} is not watched any more", **watch.names)
            for watch in came:
                records = self._store.records(target=target.config.name, slot=watch.instance.slot, limit=200)
                target.resume(watch, records, steady, self._clock.wall())
                self.announce("instance_found", clean_text(watch.instance.process.command, 200), **watch.names)
        self._wake.set()

    async def _look_around(self) -> None:
        """Look at each instance when its time has come; sleep until the next one."""
        while True:
            self._turned_at = time.monotonic()
            steady = self._clock.steady()
            soonest = steady + FAR_S
            is_close = False
            for target in self._watches.values():
                for watch in list(target.slots.values()):
                    self._attend(target, watch, steady)
                    if not watch.is_gone:
                        soonest = min(soonest, watch.next_due())
                        is_close = is_close or target.is_close(watch, steady)
            if (change := self.captures.workshop.change(self._config.capture, is_close=is_close)) is not None:
                self._spawn(change)
            await self._rest(soonest - self._clock.steady())

    async def _rest(self, seconds: float) -> None:
        self._wake.clear()
        waits = [asyncio.ensure_future(self._clock.sleep(max(0.01, seconds))), asyncio.ensure_future(self._wake.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _attend(self, target: TargetWatch, watch: InstanceWatch, steady: float) -> None:
        if watch.is_gone:
            return
        if steady >= watch.next_look:
            for rule in target.look(watch, steady, self._clock.wall()):
                self._spawn(self._actions.act(target, watch, rule, None))
        due = watch.due(steady)
        if due is None or watch.is_gone:
            return
        kind, trigger = due
        target.reschedule(watch, kind, steady)
        if watch.is_held(steady):
            self.announce("held", watch.held_why, level="debug", **watch.names)
            return
        judge = target.config.report and kind is Kind.SNAPSHOT
        future = self.captures.submit(target, watch, kind, trigger, judge=judge)
        self._spawn(self._actions.judge(target, watch, future))

    async def _tidy_again(self) -> None:
        while True:
            await self.captures.tidy()
            await self._clock.sleep(TIDY_S)

"""The queue of captures: who waits, who may run, and what is done with the result.

Never runs two captures of one process at once, and never one that a budget forbids. Runs in the event loop; the disk has threads.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from heapscope.daemon.clock import JUMP_S, CautiousTime, Clock
from heapscope.daemon.config import Config
from heapscope.daemon.events import Announcer
from heapscope.daemon.model import Details, Kind, Outcome, Record, Trigger
from heapscope.daemon.pauses import PauseBudget
from heapscope.daemon.requests import PRIORITY, Request
from heapscope.daemon.retention import Eviction, Retention
from heapscope.daemon.store import Store
from heapscope.daemon.watching import InstanceWatch, TargetWatch
from heapscope.daemon.workers import Job, Result, Workshop
from heapscope.errors import SnapshotFileError

MAX_WAITING = 1000
REPORT_SNAPSHOTS = 4
REPORT_OBJECTS = 6_000_000  # of all snapshots that a report compares: a worker's memory is limited


class Captures:
    """Runs captures, as many at once as the configuration says; one for a rule never waits for one that is not."""

    def __init__(self, store: Store, clock: Clock, announcer: Announcer, config: Callable[[], Config]) -> None:
        self._store = store
        self._clock = clock
        self._announcer = announcer
        self._config = config
        self._waiting: list[Request] = []
        self._running: dict[Request, asyncio.Task[None]] = {}
        self._order = itertools.count()
        self._time = CautiousTime(clock)
        self._retention = Retention(store, self._evicted)
        self._disk = asyncio.Lock()
        self._jump = 0.0
        self._is_closed = False
        self._loop = asyncio.get_running_loop()
        self.workshop = Workshop()
        self.budget = PauseBudget(config().daemon.pause_budget, clock.steady())
        self.counts: Counter[tuple[str, Trigger, str]] = Counter()

    @property
    def running_count(self) -> int:
        """How many captures run."""
        return len(self._running)

    @property
    def waiting_count(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def submit(
        self,
        target: TargetWatch,
        watch: InstanceWatch,
        kind: Kind,
        trigger: Trigger,
        reason: str = "",
        *,
        judge: bool = False,
    ) -> asyncio.Future[Outcome]:
        """Want a capture; one that is wanted or made already is shared, with the more urgent of the two reasons."""
        for other in [*self._waiting, *self._running]:
            if other.watch is watch and (other.kind is kind or other.kind is Kind.SNAPSHOT):
                if other in self._waiting and PRIORITY[trigger] < PRIORITY[other.trigger]:
                    other.trigger, other.reason, other.judge = trigger, reason, judge or other.judge
                    self._start_some()
                return other.future
        request = Request(target, watch, kind, trigger, reason, judge, next(self._order), self._loop.create_future())
        refusal = self._refusal(request)
        if refusal is not None:
            self._finish(request, refusal)
        else:
            self._waiting.append(request)
            self._start_some()
        return request.future

    def _refusal(self, request: Request) -> Outcome | None:
        """Say why a capture is not even queued, None if it is."""
        steady = self._clock.steady()
        if self._is_closed:
            return request.failed("daemon", "the daemon is stopping")
        if len(self._waiting) >= MAX_WAITING:
            return request.failed("budget", f"{MAX_WAITING} captures wait already", "try again later")
        if not request.target.hour.allows(request.target.config.max_per_hour, steady):
            most = request.target.config.max_per_hour
            return request.failed(
                "budget", f"{most} captures of this target were made within an hour", "raise max_per_hour"
            )
        return self._over_budget(request, steady)

    def _over_budget(self, request: Request, steady: float) -> Outcome | None:
        expected = request.watch.expected_pause_s
        if self.budget.allows(expected, steady):
            return None
        wait = self.budget.wait_for(expected, steady)
        return request.failed(
            "budget", f"the pause budget is used up for another {wait:.0f} s", "raise daemon.pause_budget"
        )

    def _start_some(self) -> None:
        """Start what may run now."""
        while self._waiting and not self._is_closed:
            request = min(self._waiting, key=lambda each: each.priority)
            most = self._config().daemon.max_concurrent_captures
            # Evidence before the end cannot wait for a routine capture of somebody else: it may run beside it.
            is_urgent = request.trigger is Trigger.RULE
            others = [each for each in self._running if not is_urgent or each.trigger is Trigger.RULE]
            if len(others) >= most:
                return
            self._waiting.remove(request)
            request.target.hour.note(self._clock.steady())
            self._running[request] = self._loop.create_task(self._run(request))

    async def _run(self, request: Request) -> None:
        outcome = request.failed("interrupted", "the daemon is stopping")
        try:
            outcome = await self._capture(request)
        except Exception as error:  # noqa: BLE001 - whatever went wrong with one capture, the daemon goes on
            outcome = request.failed("internal", f"{type(error).__name__}: {error}")
        finally:
            self._running.pop(request, None)
            self._finish(request, outcome)
            self._start_some()

    def _finish(self, request: Request, outcome: Outcome) -> None:
        target = request.target.config
        max_pause = target.max_pause if target.max_pause is not None else self._config().capture.max_pause
        request.watch.note(outcome, self._clock.steady(), target, float(max_pause))
        self.counts[target.name, request.trigger, outcome.error or "ok"] += 1
        if not request.future.done():
            request.future.set_result(outcome)
        if outcome.record is None:
            self._announcer.announce(
                "capture_failed", outcome.message, "warning", error=outcome.error, hint=outcome.hint, **request.names
            )

    async def _capture(self, request: Request) -> Outcome:
        started = self._clock.steady()
        over = self._over_budget(request, started)
        if over is not None:
            return over
        kind = await self._kind_that_fits(request)
        record_id = self._store.new_id()
        path = self._store.files.incoming_path(record_id) if kind is Kind.SNAPSHOT else ""
        keeping: list[asyncio.Task[Record]] = []

        def keep(result: Result) -> None:
            record = request.record(result.facts, record_id, kind, self._clock.wall())
            keeping.append(self._loop.create_task(self._keep(request, record, result.details, started)))

        job = Job(
            process=request.watch.instance.process,
            path=path,
            capture=self._config().capture,
            judge=request.judge and kind is Kind.SNAPSHOT,
            previous=self._previous(request) if request.judge else (),
            observed=request.watch.observed,
            is_urgent=request.trigger is Trigger.RULE,
            source=f"snap:{record_id}",
        )
        result = await self.workshop.run(job, keep)
        if result.pause_ns is not None:
            self.budget.spend(result.pause_ns / 1e9, self._clock.steady())
        request.watch.observed = result.observed or request.watch.observed
        outcome = await self._outcome_of(request, result, keeping)
        if outcome.record is None:
            self._store.discard(record_id)
        return replace(outcome, seconds=self._clock.steady() - started, pause_ns=result.pause_ns)

    async def _outcome_of(self, request: Request, result: Result, keeping: list[asyncio.Task[Record]]) -> Outcome:
        if not keeping:
            return request.failed(result.error, result.message, result.hint)
        try:
            record = await keeping[0]
        except SnapshotFileError as error:
            return request.failed("snapshot_file", error.message, error.hint)
        try:
            if result.details.holders or result.verdict:
                verdict = {"verdict": result.verdict}
                record = await asyncio.to_thread(self._store.change, record, result.details, **verdict)
        except SnapshotFileError as error:  # the snapshot is whole all the same
            result.judge_error = error.message
        if result.judge_error:
            self._announcer.announce("report_failed", result.judge_error, "warning", id=record.id, **request.names)
        elif result.verdict:
            self._announcer.announce("verdict", result.verdict, id=record.id, **request.names)
        return replace(request.failed("", ""), record=record)

    async def _keep(self, request: Request, record: Record, details: Details, started: float) -> Record:
        kept = await asyncio.to_thread(self._store.add, record, details)
        self._announcer.announce(
            f"{kept.kind}_stored",
            f"{kept.objects} objects, {kept.heap_bytes} bytes",
            id=kept.id,
            pause_ns=kept.pause_ns,
            seconds=round(self._clock.steady() - started, 3),
            reason=kept.reason,
            file_bytes=kept.file_bytes,
            objects=kept.objects,
            **request.names,
        )
        return kept

    async def _kind_that_fits(self, request: Request) -> Kind:
        """Make room for a snapshot before it is written; where there is none, counts are better than nothing."""
        if request.kind is Kind.CENSUS:
            return Kind.CENSUS
        retention = self._config().daemon.retention
        async with self._disk:
            fits = await asyncio.to_thread(self._retention.make_room, retention, request.expected_bytes())
        if fits:
            return Kind.SNAPSHOT
        self._announcer.announce(
            "disk_full", "no room for a snapshot: only its counts are kept", "error", **request.names
        )
        return Kind.CENSUS

    def _previous(self, request: Request) -> tuple[str, ...]:
        """Return snapshots of the same process to compare with, oldest first."""
        process = request.watch.instance.process
        found = self._store.records(
            target=request.watch.instance.target,
            pid=process.pid,
            start_ticks=process.start_ticks,
            kind=Kind.SNAPSHOT,
            limit=REPORT_SNAPSHOTS,
        )
        room = REPORT_OBJECTS - (found[0].objects if found else 0)
        paths = []
        for record in found:
            room -= record.objects
            if room < 0:
                break
            paths.append(self._store.path_of(record))
        return tuple(reversed(paths))

    def _evicted(self, eviction: Eviction) -> None:
        """Called in the thread that works on the disk."""
        record = eviction.record
        self._loop.call_soon_threadsafe(
            lambda: self._announcer.announce(
                "evicted",
                f"{record.id}: {eviction.reason}",
                "debug",
                target=record.target,
                slot=record.slot,
                id=record.id,
            )
        )

    async def tidy(self) -> None:
        """Let go what is too old."""
        now, jump = self._time.look()
        if abs(jump - self._jump) > JUMP_S:
            self._announcer.announce("clock_jumped", f"the clock jumped by {jump:.0f} s", "warning")
        self._jump = jump
        async with self._disk:
            await asyncio.to_thread(self._retention.tidy, self._config().daemon.retention, now)

    async def close(self) -> None:
        """Cancel all captures, and wait until their clones are released."""
        self._is_closed = True
        for request in self._waiting:
            self._finish(request, request.failed("interrupted", "the daemon is stopping"))
        self._waiting.clear()
        await self.workshop.close()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

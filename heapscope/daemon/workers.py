"""Starting workers, giving each one job, and ending them for sure: by request, by deadline, by force.

Never trusts what a worker says beyond its shape: it has looked into a process that may be hostile. Runs in the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heapscope.daemon.config import CaptureConfig
from heapscope.daemon.model import Details, HolderBytes, Process, TypeCount
from heapscope.daemon.notify import without_systemd

START_S = 30.0  # to start Python and load numpy, on a machine that is busy
JUDGE_S = 120.0  # for the report, which may be given up
GRACE_S = 8.0  # from the request to end until SIGKILL: a clone is released meanwhile
READY_S = 30.0  # a worker is kept ready for so long after a threshold was near
MAX_LINE = 32 << 20
_OWN_NICE = -20  # workers only ever lower their priority
_PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])
_CODE = "import sys; sys.path.insert(0, sys.argv[1]); from heapscope.daemon.worker import main; main()"


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is to do. ``path`` is empty for a census; ``previous`` are snapshots to compare with, oldest first."""

    process: Process
    path: str
    capture: CaptureConfig
    judge: bool = False
    previous: tuple[str, ...] = ()
    observed: tuple[Any, ...] | None = None
    is_urgent: bool = False
    source: str = ""  # the word by which commands find the snapshot again

    @property
    def nice(self) -> int:
        """How low the priority of the worker is made: what is urgent keeps the daemon's own."""
        return _OWN_NICE if self.is_urgent else self.capture.nice


@dataclass(slots=True)
class Result:
    """What a worker found out; ``error`` is the name of an exit code, empty if the capture is whole."""

    error: str = "internal"
    message: str = "the worker ended without a word"
    hint: str = ""
    pause_ns: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    details: Details = field(default_factory=Details)
    verdict: str = ""
    observed: tuple[Any, ...] | None = None
    judge_error: str = ""


OnCaptured = Callable[[Result], object]


class Worker:
    """One worker process, started ahead of its job."""

    def __init__(self, process: asyncio.subprocess.Process, memory_limit: int) -> None:
        self._process = process
        self.memory_limit = memory_limit
        self.pid = process.pid

    @classmethod
    async def start(cls, memory_limit: int, nice: int, *, is_census: bool = False) -> Worker:
        """Start a process that waits for its job; for a census it loads less."""
        quiet = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-c",
            _CODE,
            _PACKAGE_PARENT,
            str(memory_limit),
            str(nice),
            str(int(is_census)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL if not os.environ.get("HEAPSCOPE_DEBUG") else None,
            env={**without_systemd(os.environ), **quiet},
            cwd="/",
            start_new_session=True,  # a Ctrl-C at the daemon is the daemon's to handle
            limit=MAX_LINE,
        )
        return cls(process, memory_limit)

    def fits(self, capture: CaptureConfig) -> bool:
        """Whether it may still take a job with these limits."""
        return self._process.returncode is None and self.memory_limit == int(capture.memory_limit)

    async def run(self, job: Job, on_captured: OnCaptured) -> Result:
        """Do the job. ``on_captured`` is called when the file is whole, before the report is made; its worker is gone when this returns."""
        result = Result()
        deadline = START_S + float(job.capture.timeout) * 2
        try:
            await self._send(job)
            async with asyncio.timeout(deadline) as timer:
                await self._listen(result, on_captured, timer)
        except TimeoutError:
            if result.error:
                result.error, result.message = "budget", f"the worker was ended after {deadline:.0f} s"
            else:
                result.judge_error = "the report took too long"
        except (OSError, ValueError) as error:
            if result.error:
                result.message = f"the worker broke off: {error}"
        finally:
            await self.end()
        code = self._process.returncode
        if result.error == "internal" and code is not None and code < 0:
            result.message = f"the worker was killed by {signal.Signals(-code).name}"
        return result

    async def _send(self, job: Job) -> None:
        assert self._process.stdin is not None
        message = {
            "pid": job.process.pid,
            "start_ticks": job.process.start_ticks,
            "start_time": job.process.start_time,
            "path": job.path,
            "via": job.capture.via,
            "collector": job.capture.collector,
            "timeout_s": float(job.capture.timeout),
            "unshared_limit": int(job.capture.unshared_limit),
            "judge": job.judge,
            "source": job.source,
            "urgent": job.is_urgent,
            "nice": job.nice,
            "previous": list(job.previous),
            "observed": list(job.observed) if job.observed else None,
        }
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()

    async def _listen(self, result: Result, on_captured: OnCaptured, timer: asyncio.Timeout) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            event = message["event"]
            if event == "pause":
                result.pause_ns = int(message["pause_ns"])
            elif event == "captured":
                _take_captured(result, message)
                on_captured(result)
                timer.reschedule(asyncio.get_running_loop().time() + JUDGE_S)
            elif event == "judged":
                _take_judged(result, message)
            elif event == "failed" and result.error:
                result.error, result.message = str(message["error"]), str(message["message"])[:2000]
                result.hint = str(message["hint"])[:500]
            elif event == "failed":
                result.judge_error = str(message["message"])[:500]
            elif event == "end":
                return

    async def end(self) -> None:
        """Ask it to end, wait, then make it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        task = asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait_for(asyncio.shield(task), GRACE_S)
        except TimeoutError:
            self.kill()
            await task
        except asyncio.CancelledError:
            self.kill()
            raise

    def kill(self) -> None:
        """End it at once; the helper that holds the clone sees that and releases it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


def _take_captured(result: Result, message: Mapping[str, Any]) -> None:
    result.error = result.message = ""
    result.facts = dict(message["facts"])
    types = tuple(TypeCount(str(name), int(count), int(size)) for name, count, size in message["types"])
    result.details = Details(types=types, warnings=tuple(map(str, message["warnings"])))
    result.observed = tuple(message["observed"]) if message["observed"] else None


def _take_judged(result: Result, message: Mapping[str, Any]) -> None:
    result.verdict = str(message["verdict"])
    result.details = Details(
        types=result.details.types,
        holders=tuple(HolderBytes(str(name), int(size)) for name, size in message["holders"]),
        memory={str(name): int(size) for name, size in message["memory"].items()},
        report=message["report"],
        warnings=result.details.warnings,
    )


class Workshop:
    """Gives out workers; keeps one ready when a rule may soon need it. Runs in the event loop."""

    def __init__(self) -> None:
        self._spare: Worker | None = None
        self._running: set[Worker] = set()
        self._lock = asyncio.Lock()
        self._ready_until = 0.0

    def change(self, capture: CaptureConfig, *, is_close: bool) -> Coroutine[Any, Any, None] | None:
        """Return what has a worker ready while one may be needed soon, or needs none any more; None where that is so.

        A rule that has just fired is close no more, and needs the worker now.
        """
        now = time.monotonic()
        if is_close:
            self._ready_until = now + READY_S
        if (now < self._ready_until) == (self._spare is not None):
            return None
        return self.relax() if self._spare is not None else self.prepare(capture)

    async def prepare(self, capture: CaptureConfig) -> None:
        """Have a worker ready."""
        async with self._lock:
            if self._spare is not None and not self._spare.fits(capture):
                await self._drop_spare()
            if self._spare is None:
                self._spare = await Worker.start(int(capture.memory_limit), _OWN_NICE)

    async def relax(self) -> None:
        """Need no ready worker any more."""
        async with self._lock:
            await self._drop_spare()

    @property
    def spare_pid(self) -> int | None:
        """The number of the ready worker, if there is one."""
        return self._spare.pid if self._spare is not None else None

    async def run(self, job: Job, on_captured: OnCaptured) -> Result:
        """Do a job in a process of its own; the ready one is for jobs that are urgent."""
        spare = await self._take_spare() if job.is_urgent else None
        if spare is not None and not spare.fits(job.capture):
            await spare.end()
            spare = None
        memory = int(job.capture.memory_limit)
        worker = spare if spare is not None else await Worker.start(memory, job.nice, is_census=not job.path)
        self._running.add(worker)
        try:
            return await worker.run(job, on_captured)
        finally:
            self._running.discard(worker)

    async def close(self) -> None:
        """End all workers: each gets the time to release its clone."""
        await self.relax()
        await asyncio.gather(*(worker.end() for worker in list(self._running)), return_exceptions=True)

    async def _take_spare(self) -> Worker | None:
        async with self._lock:
            spare, self._spare = self._spare, None
        return spare

    async def _drop_spare(self) -> None:
        if self._spare is not None:
            spare, self._spare = self._spare, None
            await spare.end()

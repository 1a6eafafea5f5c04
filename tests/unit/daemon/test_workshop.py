"""Which worker gets which job: the one that is kept ready is for evidence, and a census needs less."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from heapscope.daemon import workers
from heapscope.daemon.config import CaptureConfig
from heapscope.daemon.model import Process
from heapscope.daemon.workers import Job, OnCaptured, Result, Workshop


@dataclass(eq=False)
class FakeWorker:
    """A worker that does every job at once."""

    nice: int
    is_census: bool = False
    pid: int = 1
    jobs: list[Job] = field(default_factory=list)
    is_ended: bool = False
    is_fit: bool = True

    def fits(self, _capture: CaptureConfig) -> bool:
        """Whether it has the limits that are wanted."""
        return self.is_fit

    async def run(self, job: Job, _on_captured: OnCaptured) -> Result:
        """Do it."""
        self.jobs.append(job)
        return Result(error="")

    async def end(self) -> None:
        """End."""
        self.is_ended = True


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[FakeWorker]:
    """Return the workers that are started, in order."""
    found: list[FakeWorker] = []

    async def start(_memory_limit: int, nice: int, *, is_census: bool = False) -> FakeWorker:
        found.append(FakeWorker(nice, is_census))
        return found[-1]

    monkeypatch.setattr(workers.Worker, "start", start)
    return found


def job_of(path: str = "/x", *, is_urgent: bool = False) -> Job:
    """Make a job."""
    return Job(Process(7, 70, 0.0), path, CaptureConfig(nice=10), is_urgent=is_urgent)


def test_the_ready_worker_waits_for_what_is_urgent(started: list[FakeWorker]) -> None:
    """Scheduled snapshots and censuses get their own, at the lowest priority; a census one that loads less."""

    async def work() -> None:
        workshop = Workshop()
        await workshop.prepare(CaptureConfig())
        for job in (job_of(), job_of(""), job_of(is_urgent=True), job_of(is_urgent=True)):
            await workshop.run(job, lambda _: None)
        assert workshop.spare_pid is None

    asyncio.run(work())
    ready, scheduled, census, late = started
    assert [job.is_urgent for job in ready.jobs] == [True]
    assert [(each.nice, each.is_census) for each in (scheduled, census)] == [(10, False), (10, True)]
    assert late.nice == ready.nice < 0


def test_a_ready_worker_with_other_limits_is_not_used(started: list[FakeWorker]) -> None:
    """After a reload; it ends."""

    async def work() -> None:
        workshop = Workshop()
        await workshop.prepare(CaptureConfig())
        started[0].is_fit = False
        await workshop.run(job_of(is_urgent=True), lambda _: None)

    asyncio.run(work())
    assert started[0].is_ended
    assert started[0].jobs == []
    assert len(started[1].jobs) == 1

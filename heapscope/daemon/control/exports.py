"""Periodic exports: every snapshot that the daemon keeps is sent to the sinks that want it.

Never delays a capture, and never waits for a sink longer than it was told; when exports cannot keep up, the oldest are left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import os
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from heapscope.daemon.config import ExportConfig
from heapscope.daemon.control.export_jobs import ExportJob, ExportWorkshop
from heapscope.daemon.control.observations import Observations
from heapscope.daemon.control.sinks import (
    SinkFailed,
    constants_of,
    dataset_path,
    facts_of,
    push_to_pyroscope,
)
from heapscope.daemon.hooks import run_hook
from heapscope.daemon.model import Daemon, Record
from heapscope.errors import HeapscopeError
from heapscope.units import clean_text

MAX_WAITING = 100
_FOLDER_MODE = 0o750
_FILE_MODE = 0o640


class Exporter:
    """Sends records to sinks, one after another."""

    def __init__(self, daemon: Daemon, workshop: ExportWorkshop, observed: Observations) -> None:
        self._daemon = daemon
        self._workshop = workshop
        self._observed = observed
        self._waiting: deque[str] = deque()
        self._news = asyncio.Event()

    async def listen(self) -> None:
        """Follow the daemon until it stops."""
        async for event in self._daemon.follow():
            if event.kind != "snapshot_stored" or not self._daemon.config.export:
                continue
            self._waiting.append(str(event.fields.get("id", "")))
            if len(self._waiting) > MAX_WAITING:
                left_out = self._waiting.popleft()
                self._daemon.announce("export_dropped", f"{left_out}: exports cannot keep up", target=event.target)
            self._news.set()

    async def work(self) -> None:
        """Export what is stored, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._export_everywhere(self._waiting.popleft())

    async def _export_everywhere(self, record_id: str) -> None:
        try:
            record = await asyncio.to_thread(self._daemon.store.get, record_id)
            path = self._daemon.store.path_of(record)
        except HeapscopeError:
            return  # evicted meanwhile
        for sink in self._daemon.config.export:
            if fnmatch.fnmatchcase(record.target, sink.target):
                await self._export(sink, record, path)

    async def _export(self, sink: ExportConfig, record: Record, path: str) -> None:
        try:
            async with asyncio.timeout(2 * sink.timeout + 30):
                await _SINKS[sink.kind](self._workshop, sink, record, path)
        except Exception as error:  # noqa: BLE001 - the boundary: no sink ends the exports
            self._observed.exported(sink.kind, "failed")
            said = error.message if isinstance(error, HeapscopeError) else f"{type(error).__name__}: {error}"
            self._daemon.announce(
                "export_failed",
                f"{sink.kind}: {clean_text(said, 400)}",
                target=record.target,
                slot=record.slot,
                id=record.id,
            )
            return
        self._observed.exported(sink.kind, "ok")


async def _to_directory(workshop: ExportWorkshop, sink: ExportConfig, record: Record, path: str) -> None:
    place = dataset_path(sink, record)
    await asyncio.to_thread(os.makedirs, os.path.dirname(place), _FOLDER_MODE, exist_ok=True)
    # Readers of a dataset skip names that begin with a dot.
    temporary = os.path.join(os.path.dirname(place), f".{os.path.basename(place)}.part")
    is_table = sink.format != "pprof"
    job = ExportJob(path, sink.format, sink.table if is_table else "", constants_of(record) if is_table else {})
    try:
        await workshop.write(job, temporary, float(sink.timeout))
        os.chmod(temporary, _FILE_MODE)
        os.replace(temporary, place)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


async def _to_pyroscope(workshop: ExportWorkshop, sink: ExportConfig, record: Record, path: str) -> None:
    profile = await workshop.cached(ExportJob(path, "pprof"), key=record.id)
    await asyncio.to_thread(push_to_pyroscope, sink, record, profile)


async def _to_command(workshop: ExportWorkshop, sink: ExportConfig, record: Record, path: str) -> None:
    """The command gets the snapshot file itself; it may call ``heapscope export`` on it."""
    del workshop
    result = await run_hook(sink.command, facts_of(record, path), float(sink.timeout))
    if not result.is_ok:
        late = f"took more than {sink.timeout:.0f} s" if result.is_late else f"ended with {result.code}"
        raise SinkFailed(f"{clean_text(Path(sink.command[0]).name, 100)} {late}: {result.output}")


_SINKS = {"directory": _to_directory, "pyroscope": _to_pyroscope, "command": _to_command}


@contextlib.asynccontextmanager
async def exports(daemon: Daemon, *, observed: Observations, workshop: ExportWorkshop) -> AsyncIterator[None]:
    """Export as long as the context lasts."""
    exporter = Exporter(daemon, workshop, observed)
    tasks = [asyncio.ensure_future(exporter.listen()), asyncio.ensure_future(exporter.work())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

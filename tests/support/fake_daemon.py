"""A daemon without captures: a real store and a real control socket, over processes that are made up.

Never starts a process. Runs in a thread with an event loop of its own, as a client blocks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

from heapscope.daemon.config import Config, DaemonConfig, MatchConfig, TargetConfig
from heapscope.daemon.model import (
    DaemonStatus,
    Details,
    Event,
    HolderBytes,
    Instance,
    InstanceStatus,
    Kind,
    Outcome,
    Process,
    Reading,
    Record,
    Reloaded,
    TargetStatus,
    Trigger,
    TypeCount,
)
from heapscope.daemon.store import Store
from heapscope.errors import TargetGone
from heapscope.snapshot.file import save_snapshot
from tests.support.shop import Shop

OTHER_UID = 54321
PATIENCE_S = 120.0
DETAILS = Details(
    types=(TypeCount("app.Session", 3, 291), TypeCount("app.Lost", 2, 1000)),
    holders=(HolderBytes("app.registry", 1393),),
    memory={"python_objects": 3000, "file": 500, "unexplained": 596},
)


class FakeDaemon:
    """What the control socket and the metrics see of a daemon."""

    def __init__(self, folder: Path, **daemon: Any) -> None:
        self.config = Config(
            schema=1,
            daemon=DaemonConfig(socket=str(folder / "control.sock"), state_dir=str(folder / "state"), **daemon),
            target=tuple(TargetConfig(name=name, match=MatchConfig(name=name)) for name in ("api", "other")),
        )
        self.store = Store(str(folder / "state"))
        self.store.open()
        self.uids = {"api": os.getuid(), "other": OTHER_UID}
        self.rss = {"api": 4096, "other": 8192}
        self.happened: list[Event] = []
        self.reloads = Reloaded(targets=("api", "other"))
        self.fails: Outcome | None = None
        self.ends = asyncio.Event()
        self.counts: Counter[tuple[str, Trigger, str]] = Counter()

    def status(self) -> DaemonStatus:
        """Stand somewhere."""
        totals = self.store.totals()
        return DaemonStatus("1.0", 4, 5.0, "/x.toml", 0, 0, 1, 0, 0.0, 1.0, totals.records, totals.snapshot_bytes, 9)

    def instance(self, name: str, slot: int = 0) -> InstanceStatus:
        """Give an instance; the second of a target is smaller."""
        process = Process(1000 + slot, 77, 1.5, uid=self.uids[name], name=name, command=f"{name} --serve")
        reading = Reading(6.0, self.rss[name] // (slot + 1), 10, 100_000, "cgroup", 0.04)
        return InstanceStatus(Instance(name, slot, process), reading, next_in_s=3.0)

    def targets(self) -> tuple[TargetStatus, ...]:
        """Give two targets, one with two instances."""
        api = (self.instance("api"), self.instance("api", 1))
        allowed = tuple(each.allow_groups for each in self.config.target)
        return (
            TargetStatus("api", 2, 1, api, allowed[0]),
            TargetStatus("other", 1, 1, (self.instance("other"),), allowed[1]),
        )

    def outcomes(self) -> Mapping[tuple[str, Trigger, str], int]:
        """Count."""
        return self.counts

    async def capture(
        self, target: str, *, slot: int | None = None, pid: int | None = None, requester: str = ""
    ) -> Outcome:
        """Keep the shop."""
        if target not in self.uids:
            raise TargetGone("no such target")
        if self.fails is not None:
            return self.fails
        record = self.keep(target, slot or 0, reason=requester)
        return Outcome(target, slot or 0, record.pid, Trigger.API, record, pause_ns=1000)

    def keep(
        self, target: str, slot: int = 0, *, at: float = 1000.0, reason: str = "", details: Details = DETAILS
    ) -> Record:
        """Put a snapshot into the store."""
        name = self.store.new_id()
        snapshot = Shop().snapshot()
        save_snapshot(snapshot, self.store.files.incoming_path(name), overwrite=True)
        record = Record(
            name, Kind.SNAPSHOT, target, slot, at, Trigger.API, reason, pid=1000 + slot, start_ticks=77, uid=self.uids[target],
            objects=snapshot.object_count, heap_bytes=snapshot.heap_bytes, pause_ns=1000, rss_bytes=4096,
            host_name="here", python_version="3.12.1",
        )  # fmt: skip
        self.counts[target, Trigger.API, "ok"] += 1
        return self.store.add(record, details)

    async def reload(self) -> Reloaded:
        """Say what was set."""
        return self.reloads

    def events(self, after: int = 0) -> tuple[Event, ...]:
        """Give what happened."""
        return tuple(event for event in self.happened if event.sequence > after)

    async def follow(self, after: int = 0) -> AsyncIterator[Event]:
        """Give what happened, then wait."""
        for event in self.events(after):
            yield event
        await self.ends.wait()

    def announce(self, kind: str, message: str, **fields: Any) -> Event:
        """Remember."""
        target, slot = fields.pop("target", ""), fields.pop("slot", None)
        event = Event(len(self.happened) + 1, 7.0, kind, message, target, slot, fields)
        self.happened.append(event)
        return event


class LoopThread:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Any) -> Any:
        """Run a coroutine there, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)

    def stop(self) -> None:
        """End it."""
        self.run(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)
        self.loop.close()


@contextlib.contextmanager
def running_extension(
    daemon: FakeDaemon, *extensions: Any, sockets: Mapping[str, int] | None = None
) -> Iterator[LoopThread]:
    """Run extensions of the daemon in a loop of their own."""
    thread = LoopThread()
    stack = contextlib.AsyncExitStack()

    async def enter() -> None:
        for extension in extensions:
            await stack.enter_async_context(extension(daemon, sockets or {}))

    try:
        thread.run(enter())
        yield thread
    finally:
        thread.run(stack.aclose())
        thread.stop()
        daemon.store.close()

"""The daemon's values: processes watched, records kept, events; and the facade that control and metrics see of it.

Never does I/O. Texts from a target (names, commands, types) are its own words: clean them before showing.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from heapscope.daemon.config import Config
    from heapscope.daemon.store import Store


class Kind(enum.StrEnum):
    """What a record holds: the whole heap in a file, or counts and bytes per type only."""

    SNAPSHOT = "snapshot"
    CENSUS = "census"


class Trigger(enum.StrEnum):
    """Why a capture was made."""

    SCHEDULE = "schedule"
    CENSUS = "census"
    RULE = "rule"
    SIGNAL = "signal"
    API = "api"


@dataclass(frozen=True, slots=True)
class Process:
    """One process, as it was seen; (pid, start_ticks) is its identity."""

    pid: int
    start_ticks: int
    start_time: float
    parent_pid: int = 0
    uid: int = 0
    name: str = ""
    command: str = ""
    unit: str = ""
    cgroup: str = ""
    container: str = ""

    @property
    def identity(self) -> tuple[int, int]:
        """What tells this process from another one that gets its number later."""
        return self.pid, self.start_ticks


@dataclass(frozen=True, slots=True)
class Instance:
    """A watched process of a target. ``slot`` is small and stable: a successor takes it over. ``family`` is the pid of its eldest matching ancestor."""

    target: str
    slot: int
    process: Process
    family: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """Memory figures of one instance at one moment. ``ratio`` is the used share of the tightest limit, None without any."""

    at: float  # seconds since the epoch
    rss_bytes: int
    swap_bytes: int = 0
    limit_bytes: int | None = None
    limit_name: str = ""
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class TypeCount:
    """One row of a census."""

    name: str
    count: int
    shallow_bytes: int


@dataclass(frozen=True, slots=True)
class HolderBytes:
    """What one holder retains; holders of a record do not overlap."""

    holder: str
    retained_bytes: int


OTHER = "__other__"


@dataclass(frozen=True, slots=True)
class Record:
    """What the store keeps of one capture. ``sequence`` is the order in which records came, whatever the clock said."""

    id: str
    kind: Kind
    target: str
    slot: int
    captured_at: float
    trigger: Trigger
    reason: str = ""  # name of the rule, or who asked
    sequence: int = 0
    pinned: bool = False
    note: str = ""
    file_bytes: int = 0
    pid: int = 0
    start_ticks: int = 0
    process_start_time: float = 0.0
    uid: int = 0
    host_name: str = ""
    command: str = ""
    python_version: str = ""
    collector: str = ""
    objects: int = 0
    heap_bytes: int = 0
    rss_bytes: int = 0
    pause_ns: int = 0
    capture_ns: int = 0
    coverage: float | None = None
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """The larger part of a record: types by shallow bytes (the rest is OTHER), holders, parts of RSS, the report as JSON values."""

    types: tuple[TypeCount, ...] = ()
    holders: tuple[HolderBytes, ...] = ()
    memory: Mapping[str, int] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a capture ended: with a record, or with the name of the exit code (errors.py), a message and a hint."""

    target: str
    slot: int
    pid: int
    trigger: Trigger
    record: Record | None = None
    error: str = ""  # "" | permission | target_gone | budget | ...
    message: str = ""
    hint: str = ""
    seconds: float = 0.0  # of wall time, the worker's start included
    pause_ns: int | None = None  # also of a capture that failed later

    @property
    def is_ok(self) -> bool:
        """Whether there is a record."""
        return self.record is not None


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """Where a rule of an instance stands."""

    name: str
    when: str
    fired_today: int = 0
    last_fired_at: float | None = None
    cooldown_left_s: float = 0.0


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """Where an instance stands. ``next_in_s`` is None where nothing is scheduled; ``held_s`` > 0 while it is left alone, for ``held_why``."""

    instance: Instance
    reading: Reading | None = None
    last: Outcome | None = None
    next_in_s: float | None = None
    held_s: float = 0.0
    held_why: str = ""
    rules: tuple[RuleStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """Where a target stands: how many processes match, how many families they are, and the instances watched."""

    name: str
    matched: int
    families: int
    instances: tuple[InstanceStatus, ...]
    allow_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """The daemon as a whole. Pauses: seconds in which targets stood still since the start, and what may still be spent."""

    version: str
    pid: int
    started_at: float
    config_path: str
    captures_running: int
    captures_waiting: int
    captures_ok: int
    captures_failed: int
    paused_s: float
    pause_left_s: float
    store_records: int
    store_bytes: int
    free_bytes: int
    config_error: str = ""  # of the last reload that was refused


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. ``sequence`` rises by one; ``fields`` are plain JSON values."""

    sequence: int
    at: float
    kind: str
    message: str
    target: str = ""
    slot: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload did: ``error`` says why the old configuration stays."""

    error: str = ""
    targets: tuple[str, ...] = ()


class Daemon(Protocol):
    """What control, metrics and exports see of the running daemon. Everything is called in the event loop's thread."""

    @property
    def config(self) -> Config:
        """The configuration in force; another object after a reload."""

    @property
    def store(self) -> Store:
        """The records. Its methods may also be called in other threads."""

    def status(self) -> DaemonStatus:
        """Say where the daemon stands. No I/O but one statvfs."""

    def targets(self) -> tuple[TargetStatus, ...]:
        """Say where each target stands, in the order of the configuration. No I/O."""

    def outcomes(self) -> Mapping[tuple[str, Trigger, str], int]:
        """Count captures since the start by (target, trigger, "ok" or the error's name)."""

    async def capture(
        self, target: str, *, slot: int | None = None, pid: int | None = None, requester: str = ""
    ) -> Outcome:
        """Capture one instance as soon as its turn comes: the one of that slot or pid, else the largest one.

        Raises:
            TargetGone: there is no such target or instance.
            BudgetExceeded: the budget of pauses, or of the target, is used up.
        """

    async def reload(self) -> Reloaded:
        """Read the configuration again; a bad one changes nothing."""

    def events(self, after: int = 0) -> tuple[Event, ...]:
        """Return the events that are still remembered (the last 1,000), oldest first, from behind a sequence number."""

    def follow(self, after: int = 0) -> AsyncIterator[Event]:
        """Yield events from behind a sequence number, as they come, until the daemon stops; a slow reader misses the oldest."""

    def announce(self, kind: str, message: str, **fields: Any) -> Event:
        """Add an event, and log it. ``target`` and ``slot`` among the fields go to the event's own."""


class Extension(Protocol):
    """A part of the daemon that runs as long as it: control socket, metrics, exports."""

    def __call__(self, daemon: Daemon, sockets: Mapping[str, int]) -> AbstractAsyncContextManager[object]:
        """Return what is entered when the daemon is up, before READY, and left when it stops.

        ``sockets``: descriptors passed by systemd, by name (FileDescriptorName).
        """

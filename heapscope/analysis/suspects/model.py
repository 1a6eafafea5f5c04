"""What a report says: a verdict, the memory split, and suspects, best first.

Never says "leak" as a fact: a suspect is for a person to judge. No I/O. Texts of the target are as recorded: whoever shows
``holder``, ``path``, ``evidence`` or ``place`` passes them through ``units.clean_text``.
"""

from __future__ import annotations

import dataclasses
import enum

from heapscope.analysis.memory import MemorySplit
from heapscope.snapshot.model import NO_OBJECT


class SuspectKind(enum.StrEnum):
    """What made somebody a suspect. The values are a contract (docs/cli.md)."""

    GROWTH = "growth"
    """What it holds grew from snapshot to snapshot."""
    ACCUMULATION = "accumulation"
    """One object below which the memory fans out into many small parts."""
    UNBOUNDED_CACHE = "unbounded_cache"
    """A cache that never drops anything."""
    EXCEPTION = "exception"
    """Exceptions that are kept, whose tracebacks keep frames with their variables."""
    NATIVE_HOLD = "native_hold"
    """C code holds a count, and nothing else leads there."""
    GARBAGE = "garbage"
    """Nothing leads there: cycles that await the collector."""
    TASK = "task"
    """Coroutines that wait and hold much."""
    THREAD = "thread"
    """The frames of a thread hold much."""
    ALLOCATOR = "allocator"
    """Freed memory that an allocator has not given back to the system."""
    NATIVE_MEMORY = "native_memory"
    """Memory in use that belongs to no Python object."""


class Confidence(enum.IntEnum):
    """How sure a finding is; ordered."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2

    @property
    def label(self) -> str:
        """The word that people and machines read: ``low``, ``medium``, ``high``."""
        return self.name.lower()


class VerdictKind(enum.StrEnum):
    """The one answer of a report. The values are a contract (docs/cli.md)."""

    GROWING = "growing"
    """Several snapshots, and somebody's memory grew in them."""
    SUSPECTED = "suspected"
    """One snapshot, or no growth between several, and yet something that should not be there."""
    ALLOCATOR_RETENTION = "allocator_retention"
    """Little of the memory is objects: freed memory was not given back."""
    NATIVE_MEMORY = "native_memory"
    """Little of the memory is objects: libraries hold it."""
    PLATEAU = "plateau"
    """Large, but it did not grow between the snapshots."""
    NO_LEAK_SEEN = "no_leak_seen"
    """Nothing stands out."""
    NOT_ENOUGH_DATA = "not_enough_data"
    """One holder is large, and one snapshot cannot say whether it grows."""

    @property
    def is_alarm(self) -> bool:
        """Whether a person should look."""
        return self in {
            VerdictKind.GROWING,
            VerdictKind.SUSPECTED,
            VerdictKind.ALLOCATOR_RETENTION,
            VerdictKind.NATIVE_MEMORY,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class PathStep:
    """One step of the way from a root to what a suspect holds.

    ``name`` is how the step before refers to this one (``.sessions``, ``['key']``, ``[]``, a variable), for the first one what
    root it is (``module app.sessions``). ``place`` is where the module, class, function or frame was written, ``file:line``, or "".
    """

    name: str
    type_name: str
    place: str = ""
    object_index: int = NO_OBJECT


@dataclasses.dataclass(frozen=True, slots=True)
class Suspect:
    """Somebody who may be holding too much. Sizes in requested bytes.

    ``holder`` names it as code would: ``app.sessions.REGISTRY.sessions``. ``kinds`` are all the ways in which it was found,
    ``kind`` first. ``share`` is 0...1 of the Python heap (of the resident memory for allocators and libraries). ``evidence``
    are whole sentences, ``doubts`` what speaks against it, ``next`` commands that work. ``place`` is ``file:line`` of the code to look at, or "". ``object_index`` is of
    the newest snapshot, NO_OBJECT where it is no single object. ``entries`` are its items, None where it has none.
    ``growth_bytes`` is None with one snapshot; ``rising`` of ``steps`` tell how often it grew.
    """

    kind: SuspectKind
    holder: str
    path: tuple[PathStep, ...]
    retained_bytes: int
    share: float
    confidence: Confidence
    evidence: tuple[str, ...]
    next: tuple[str, ...]
    object_index: int = NO_OBJECT
    place: str = ""
    kinds: tuple[SuspectKind, ...] = ()
    type_name: str = ""
    entries: int | None = None
    growth_bytes: int | None = None
    per_minute_bytes: float | None = None
    rising: int = 0
    steps: int = 0
    doubts: tuple[str, ...] = ()
    weight: float = 0.0
    """Orders suspects of the same confidence; of no meaning by itself."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """The answer in one sentence, without a full stop; what to do next, as commands."""

    kind: VerdictKind
    headline: str
    confidence: Confidence
    next: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class HeapFigures:
    """The newest snapshot in figures. Sizes in requested bytes; growth against the oldest snapshot, None with one."""

    pid: int
    python_version: str
    command: str
    captured_at: float
    object_count: int
    heap_bytes: int
    garbage_count: int
    garbage_bytes: int
    rss_bytes: int
    pause_ns: int
    coverage: float | None
    collector: str
    growth_bytes: int | None = None
    growth_count: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """The whole report. ``interval_s`` is the time between the oldest and the newest snapshot, 0 with one."""

    verdict: Verdict
    suspects: tuple[Suspect, ...]
    figures: HeapFigures
    memory: MemorySplit | None = None
    interval_s: float = 0.0
    snapshot_count: int = 1
    warnings: tuple[str, ...] = ()

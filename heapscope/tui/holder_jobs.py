"""Owns the work on who holds what that runs in threads beside the screens, and the messages with its results.

Never touches a widget: a thread only posts messages.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.message import Message

from heapscope.errors import HeapscopeError
from heapscope.tui.engine import Engine
from heapscope.tui.holders import Descent, HolderIndex, Level, PathAnswer, PathQuestion, Rest
from heapscope.tui.jobs import Post, as_error
from heapscope.tui.state import Analysis

if TYPE_CHECKING:
    from heapscope.graph.library import Oversight
    from heapscope.snapshot.model import U32Array

TELL_S = 0.1  # between two messages of a job
TREE_SHARE = 0.6  # of the work; the rest are retained sizes of types


@dataclass(eq=False)
class Job:
    """A computation that can be cancelled. ``share`` is how much of it is done, 0…1; written by its thread."""

    cancel: threading.Event = field(default_factory=threading.Event)
    share: float = 0.0


@dataclass(eq=False)
class HoldersJob(Job):
    """Dominators and retained sizes of one snapshot."""

    analysis: Analysis | None = None


@dataclass(eq=False)
class PathsJob(Job):
    """One search for paths."""

    question: PathQuestion | None = None


class WorkProgressed(Message):
    """A job has done more; a newer message replaces those still queued, because the job holds the share."""

    bubble = False

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job

    def can_replace(self, message: Message) -> bool:
        """Only one a job needs to be in the queue."""
        return isinstance(message, WorkProgressed) and message.job is self.job


class HoldersFound(Message):
    """The dominator tree is there."""

    def __init__(self, job: HoldersJob, holders: HolderIndex) -> None:
        super().__init__()
        self.job = job
        self.holders = holders


class RetainedFound(Message):
    """Retained sizes of types are there; sent again when all of them are exact."""

    def __init__(self, job: HoldersJob, analysis: Analysis) -> None:
        super().__init__()
        self.job = job
        self.analysis = analysis


class HoldersEnded(Message):
    """The job is over. ``error`` is None when all went well."""

    def __init__(self, job: HoldersJob, error: HeapscopeError | None) -> None:
        super().__init__()
        self.job = job
        self.error = error


@dataclass(frozen=True, slots=True, eq=False)
class LevelWish:
    """A part of the tree that is wanted for ``place``, whatever that is: a row's children, or more rows of a level."""

    holders: HolderIndex
    place: object
    nodes: U32Array | Rest
    merge: bool


@dataclass(frozen=True, slots=True, eq=False)
class DescentWish:
    """The tree from the root down to a node, or to the largest holders if there is none."""

    holders: HolderIndex
    node: int | None
    merge: bool


class LevelFound(Message):
    """What was wished for, or why it is not there."""

    def __init__(self, wish: LevelWish, level: Level | None, error: HeapscopeError | None = None) -> None:
        super().__init__()
        self.wish = wish
        self.level = level
        self.error = error


class DescentFound(Message):
    """What was wished for, or why it is not there."""

    def __init__(self, wish: DescentWish, descent: Descent | None, error: HeapscopeError | None = None) -> None:
        super().__init__()
        self.wish = wish
        self.descent = descent
        self.error = error


class PathsFound(Message):
    """The answer to a question, or why there is none."""

    def __init__(self, job: PathsJob, answer: PathAnswer | None, error: HeapscopeError | None = None) -> None:
        super().__init__()
        self.job = job
        self.answer = answer
        self.error = error


def oversight_of(job: Job, post: Post) -> Oversight:
    """Watch a job: cancelled by its event, its share posted."""
    from heapscope.graph.library import Oversight  # noqa: PLC0415 - numpy, 100 ms

    told_at = -math.inf

    def report(share: float) -> None:
        # A message for every percent, and not too many: more could not be seen. The share first: the screen may read it before
        # post() returns, and nothing would bring it again.
        nonlocal told_at
        shown, job.share = job.share, share
        now = time.monotonic()
        if int(share * 100) != int(shown * 100) and (now - told_at >= TELL_S or share >= 1):
            told_at = now
            post(WorkProgressed(job))

    return Oversight(job.cancel.is_set, report)


def run_holders(engine: Engine, job: HoldersJob, post: Post) -> None:
    """Find who holds what, then what types retain; ends with HoldersEnded whatever happens."""

    def work() -> None:
        analysis = job.analysis
        assert analysis is not None
        oversight = oversight_of(job, post)
        holders = engine.find_holders(analysis.snapshot, oversight.part(0, TREE_SHARE))
        post(HoldersFound(job, holders))
        middle = (1 + TREE_SHARE) / 2
        analysis = engine.add_retained(analysis, holders, oversight.part(TREE_SHARE, middle), everything=False)
        post(RetainedFound(job, analysis))
        if not all(row.is_retained_exact for row in analysis.histogram.rows):
            analysis = engine.add_retained(analysis, holders, oversight.part(middle, 1), everything=True)
            post(RetainedFound(job, analysis))

    error = error_of(work)
    post(HoldersEnded(job, error))


def run_paths(engine: Engine, holders: HolderIndex, job: PathsJob, post: Post) -> None:
    """Search for paths; ends with PathsFound whatever happens."""
    answers: list[PathAnswer] = []

    def work() -> None:
        assert job.question is not None
        answers.append(engine.search_paths(holders, job.question, oversight_of(job, post)))

    error = error_of(work)
    post(PathsFound(job, answers[0] if error is None else None, error))


def run_level(engine: Engine, wish: LevelWish, post: Post) -> None:
    """Open a row of the tree."""
    levels: list[Level] = []
    error = error_of(lambda: levels.append(engine.open_row(wish.holders, wish.nodes, merge=wish.merge)))
    post(LevelFound(wish, levels[0] if error is None else None, error))


def run_descent(engine: Engine, wish: DescentWish, post: Post) -> None:
    """Open the tree down to a place."""
    descents: list[Descent] = []
    error = error_of(lambda: descents.append(engine.descend(wish.holders, wish.node, merge=wish.merge)))
    post(DescentFound(wish, descents[0] if error is None else None, error))


def error_of(work: Callable[[], None]) -> HeapscopeError | None:
    """Run work; give what went wrong, None if nothing did."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - the boundary of the thread: everything is reported on the screen
        return as_error(error)
    return None

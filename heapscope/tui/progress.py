"""Owns the steps of a capture as a person sees them: which runs, which is done, how long each took.

Filled from the capture's thread and read by the UI's; never touches widgets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

STEPS: tuple[tuple[str, str], ...] = (
    ("find", "find runtime"),
    ("headroom", "check head-room"),
    ("inject", "inject"),
    ("clone", "clone"),
    ("walk", "walk objects"),
    ("sizes", "types, sizes, slots"),
)
STEP_KEYS = tuple(key for key, _title in STEPS)

# The service's names for its phases; one that is not listed counts as part of the step that runs.
_STEP_BY_PHASE = {"build": "sizes", **{key: key for key in STEP_KEYS}}
# A clone that hangs is given up and made again: the only way in which a capture goes back.
_RETRY_STEP = "inject"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``state`` is waiting, running, done or failed."""

    key: str
    title: str
    state: str
    detail: str = ""
    elapsed_ns: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """The whole picture at one moment."""

    steps: tuple[Step, ...]
    objects: int = 0
    pause_ns: int | None = None
    elapsed_ns: int = 0


class ProgressBoard:
    """Collects reports of one capture. Every method may be called from any thread."""

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._started_ns = clock_ns()
        self._begun_ns: dict[str, int] = {}
        self._ended_ns: dict[str, int] = {}
        self._details: dict[str, str] = {}
        self._current = ""
        self._failed = False
        self._objects = 0
        self._pause_ns: int | None = None

    def report(self, phase: str, objects: int = 0, message: str = "", pause_ns: int | None = None) -> None:
        """Take one report."""
        with self._lock:
            key = _STEP_BY_PHASE.get(phase, self._current or STEP_KEYS[0])
            at, current = STEP_KEYS.index(key), STEP_KEYS.index(self._current) if self._current else -1
            if key == _RETRY_STEP and at < current:
                self._go_back(at)
            elif at > current:
                self._begin(key)
            if message:
                self._details[key] = message
            self._objects = max(self._objects, objects)
            self._pause_ns = pause_ns if pause_ns is not None else self._pause_ns

    def _begin(self, key: str) -> None:
        now = self._clock_ns()
        if self._current:
            self._ended_ns[self._current] = now
        self._begun_ns[key] = now
        self._current = key

    def _go_back(self, at: int) -> None:
        for key in STEP_KEYS[at:]:
            for known in (self._begun_ns, self._ended_ns):
                known.pop(key, None)
            self._details.pop(key, None)
        self._objects = 0
        self._current = ""
        self._begin(STEP_KEYS[at])

    def finish(self) -> None:
        """The last step is done."""
        with self._lock:
            if self._current:
                self._ended_ns[self._current] = self._clock_ns()
            self._current = STEP_KEYS[-1]
            self._ended_ns.setdefault(self._current, self._clock_ns())

    def fail(self) -> None:
        """The step that runs has failed."""
        with self._lock:
            self._failed = True
            if self._current:
                self._ended_ns[self._current] = self._clock_ns()

    def read(self) -> Progress:
        """Return the picture now."""
        with self._lock:
            now = self._clock_ns()
            steps = tuple(self._step(key, title, now) for key, title in STEPS)
            return Progress(steps, self._objects, self._pause_ns, now - self._started_ns)

    def _step(self, key: str, title: str, now: int) -> Step:
        begun, ended = self._begun_ns.get(key), self._ended_ns.get(key)
        elapsed = (ended if ended is not None else now) - begun if begun is not None else 0
        at, current = STEP_KEYS.index(key), STEP_KEYS.index(self._current) if self._current else -1
        if key == self._current and self._failed:
            state = "failed"
        elif at < current or ended is not None:
            state = "done"
        else:
            state = "running" if at == current else "waiting"
        return Step(key, title, state, self._details.get(key, ""), elapsed)

"""What the parts of injection hand to each other. No behaviour; touches no process."""

from __future__ import annotations

import dataclasses
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class InjectRequest:
    """What every injector needs to know."""

    pid: int
    start_ticks: int
    bootstrap: bytes
    """Source text that the clone runs first; no NUL, less than the block holds."""
    deadline_s: float
    alarm_s: int
    """The clone's own life time: the kernel ends it then, whatever became of the host."""
    runs_python: bool
    """Whether the clone starts Python at once; else it serves, and the host starts what it likes."""
    clone_name: bytes
    """What the clone calls itself once its descriptors are arranged; at most 15 bytes, different for every request."""
    is_urgent: bool = False
    """Whether the clone keeps the target's priority. One that has lowered it needs CAP_SYS_NICE to get it back."""


@dataclasses.dataclass(frozen=True, slots=True)
class Injection:
    """A clone was made. Times in ns."""

    inner_pid: int
    """The clone's pid in the target's pid namespace; -1 where the injector cannot know it."""
    injector: str
    method: str
    """How it was done, for people: "borrowed thread 4711 in select", "pending call in the main thread"."""
    pause_ns: int
    """How long Python code could not run in the target because of us."""
    runtime: range
    """Where the interpreter's global state is, in the target and so in the clone."""
    wait_ns: int
    """How long the stub waited for the GIL; the target ran meanwhile."""


class Watch(Protocol):
    """How an injector tells its state, and is told to give up."""

    def report(self, state: str) -> None:
        """Tell a state, for people."""

    def check(self) -> None:
        """Raise Cancelled or BudgetExceeded when it is time to give up."""


class Injector(Protocol):
    """One way of making the target clone itself."""

    name: str

    def make_clone(self, request: InjectRequest, watch: Watch) -> Injection:
        """Make the frozen clone.

        Raises:
            HeapscopeError: it was not possible; the target is as before.
        """

    def reap(self, inner_pid: int) -> bool:
        """Collect the ended clone in the target and remove what else is left there; tell whether it was collected."""

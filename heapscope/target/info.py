"""What heapscope knows about one target, as one immutable value.

Never holds a handle on the process: identity is (pid, start_ticks), checked when it matters.
"""

from __future__ import annotations

from dataclasses import dataclass

from heapscope.errors import TargetGone
from heapscope.target.obstacles import Obstacle
from heapscope.target.process import read_start_ticks, read_text


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """One process. Names and command are the target's own words: clean them before showing."""

    pid: int
    start_time: float  # seconds since the epoch
    start_ticks: int  # clock ticks since boot; with the pid, the identity
    name: str
    command: str
    user: str
    uid: int
    python_version: str | None
    implementation: str
    free_threaded: bool
    debug_build: bool
    rss_bytes: int
    uss_bytes: int | None
    thread_count: int
    age_s: float
    container: str | None = None
    pid_namespace_differs: bool = False
    mount_namespace_differs: bool = False
    virtual_env: str | None = None
    runtime_path: str = ""
    is_embedded: bool = False
    state: str = "S"
    obstacle: Obstacle | None = None

    @property
    def is_attachable(self) -> bool:
        """Whether nothing that was seen stands in the way of a capture."""
        return self.obstacle is None

    def is_alive(self) -> bool:
        """Whether this very process still runs: a zombie does not, a reused pid does not count."""
        if read_start_ticks(self.pid) != self.start_ticks:
            return False
        stat = read_text(f"/proc/{self.pid}/stat") or ""
        return stat[stat.rfind(")") + 2 :][:1] not in ("Z", "X", "")

    def verify_identity(self) -> None:
        """Make sure that the pid still names the process that was judged.

        Raises:
            TargetGone: it ended, or the pid names another process by now.
        """
        ticks = read_start_ticks(self.pid)
        if ticks is not None and ticks != self.start_ticks:
            raise TargetGone(f"process {self.pid} ended, and another process has its number now", hint="heapscope ps")
        if not self.is_alive():
            raise TargetGone(f"process {self.pid} has ended", hint="heapscope ps")

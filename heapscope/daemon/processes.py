"""The processes of this machine, as far as matching needs them: cheap to look at every few seconds, dear facts remembered.

Never attaches to any, and never takes a clone of a target, or another process that got an old number, for the target.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from heapscope.daemon.model import Process
from heapscope.errors import PermissionRefused, TargetGone
from heapscope.target import maps, runtime
from heapscope.target.process import container_of, read_command, read_link, read_text

YOUNG_S = 60.0  # a process may become another program, or change its command line, soon after its start
REFRESH_S = 60.0
MAX_COMMAND = 4096
CLONE_NAME = "heapscope:"  # inject.clone.CLONE_NAME_PREFIX
_PF_KTHREAD = 0x00200000
_UNIT = re.compile(r"[^/]+\.(?:service|scope)")


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of /proc/PID/stat that are needed."""

    name: str
    state: str
    parent_pid: int
    is_kernel_thread: bool
    start_ticks: int
    rss_bytes: int
    exit_signal: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A process that runs Python, and its resident bytes now. ``is_readable`` is False where only its name says Python."""

    process: Process
    rss_bytes: int
    is_readable: bool = True


@dataclass(slots=True)
class _Known:
    seen: Seen | None  # None: no Python
    looked_at: float


def parse_stat(text: str) -> Stat | None:
    """Read /proc/PID/stat; None for what is none."""
    start, end = text.find("("), text.rfind(")")
    fields = text[end + 2 :].split()
    if start < 0 or len(fields) < 36:
        return None
    return Stat(
        name=text[start + 1 : end],
        state=fields[0],
        parent_pid=int(fields[1]),
        is_kernel_thread=bool(int(fields[6]) & _PF_KTHREAD),
        start_ticks=int(fields[19]),
        rss_bytes=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        exit_signal=int(fields[35]),
    )


def unit_of(cgroup_text: str) -> str:
    """Return the innermost systemd unit that a cgroup file tells of."""
    found = ""
    for line in cgroup_text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3 and (parts[1] in ("", "name=systemd")):
            units = [part for part in parts[2].split("/") if _UNIT.fullmatch(part)]
            found = units[-1] if units else found
    return found


def cgroup_of(cgroup_text: str) -> str:
    """Return the path of the control group that memory is counted in."""
    paths = {}
    for line in cgroup_text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            paths[parts[1]] = parts[2]
    return next((path for names, path in paths.items() if "memory" in names.split(",")), paths.get("", ""))


class ProcessTable:
    """Remembers what it saw. Not thread-safe."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, proc: str = "/proc") -> None:
        self._clock = clock
        self._proc = proc
        self._known: dict[tuple[int, int], _Known] = {}
        self._boot = _boot_time(proc)

    def scan(self) -> list[Seen]:
        """Look at all processes; return those that run Python."""
        alive: dict[tuple[int, int], _Known] = {}
        found = []
        for pid, stat in self._stats():
            known = self._look(pid, stat)
            alive[pid, stat.start_ticks] = known
            if known.seen is not None:
                found.append(Seen(known.seen.process, stat.rss_bytes, known.seen.is_readable))
        self._known = alive
        return found

    def _stats(self) -> Iterator[tuple[int, Stat]]:
        own = os.getpid()
        for entry in os.listdir(self._proc):
            if not entry.isdigit() or int(entry) == own:
                continue
            stat = parse_stat(read_text(f"{self._proc}/{entry}/stat") or "")
            # A clone is a child that ends without a signal: no other program of today asks for that.
            if stat is None or stat.is_kernel_thread or stat.state in ("Z", "X") or stat.exit_signal == 0:
                continue
            if stat.name.startswith(CLONE_NAME):
                continue  # its target has ended, and init's children all end with a signal
            if stat.parent_pid == own:
                continue  # our worker, which is no service
            yield int(entry), stat

    def _look(self, pid: int, stat: Stat) -> _Known:
        now = self._clock()
        known = self._known.get((pid, stat.start_ticks))
        if known is not None:
            age = time.time() - self._start_time(stat)
            patience = REFRESH_S if age > YOUNG_S else max(1.0, age / 4)
            if now - known.looked_at < patience:
                return known
        return _Known(self._read(pid, stat), now)

    def _start_time(self, stat: Stat) -> float:
        return self._boot + stat.start_ticks / os.sysconf("SC_CLK_TCK")

    def _read(self, pid: int, stat: Stat) -> Seen | None:
        is_readable = True
        exe = read_link(f"{self._proc}/{pid}/exe") or ""
        command = read_command(pid)
        try:
            if runtime.find_runtime(pid, maps.parse_maps(pid), exe) is None:
                return None
        except PermissionRefused:
            is_readable = False
            if not any(runtime.is_python_name(name) for name in (stat.name, exe, *command[:1])):
                return None
        except (TargetGone, OSError):
            return None
        groups = read_text(f"{self._proc}/{pid}/cgroup") or ""
        process = Process(
            pid=pid,
            start_ticks=stat.start_ticks,
            start_time=self._start_time(stat),
            parent_pid=stat.parent_pid,
            uid=_owner(f"{self._proc}/{pid}/status"),
            name=stat.name,
            command=" ".join(command)[:MAX_COMMAND],
            unit=unit_of(groups),
            cgroup=cgroup_of(groups),
            container=container_of(groups) or "",
        )
        return Seen(process, stat.rss_bytes, is_readable)


def _owner(path: str) -> int:
    for line in (read_text(path) or "").splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[1])
    return -1


def _boot_time(proc: str) -> float:
    for line in (read_text(f"{proc}/stat") or "").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0

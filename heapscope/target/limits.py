"""Limits that one more process, and the memory it un-shares, may run into: host, control groups, overcommit, task counts.

Never allocates to find out, and never changes a limit. Swap is no room: a target that is swapped out for us is a harmed target.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator
from dataclasses import dataclass

from heapscope.target.process import parse_status, read_text

MAX_CGROUP_DEPTH = 16
_NO_LIMIT = 1 << 60  # version 1 of control groups writes "no limit" as a number near 2**63
_KILOBYTE = 1024


class Resource(enum.Enum):
    """What a limit counts."""

    MEMORY = "memory"
    COMMIT = "commit"
    TASKS = "tasks"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. ``total`` and ``available`` in bytes, or tasks; negative where the limit is passed already.

    ``remedy`` is the command that raises it, where there is one. ``kills_all``: if this limit is hit, the kernel does not end
    the clone alone, but the whole group with the target in it.
    """

    resource: Resource
    name: str
    available: int
    total: int
    remedy: str = ""
    kills_all: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """Where the kernel's files are; tests have trees of their own."""

    proc: str = "/proc"
    cgroup: str = "/sys/fs/cgroup"


HERE = Places()


def memory_limits(pid: int, places: Places = HERE) -> list[Limit]:
    """Return what limits the memory of a process: the host, and each control group above it. Fast enough to ask often."""
    values = _meminfo(places)
    limits = []
    if "MemAvailable" in values:
        total = values.get("MemTotal", values["MemAvailable"])
        limits.append(Limit(Resource.MEMORY, "the memory of the host", values["MemAvailable"], total))
    for version, path in _groups_of(pid, "memory", places):
        limits += _memory_limits_v2(path, places) if version == 2 else _memory_limits_v1(path, places)
    return limits


def commit_limit(places: Places = HERE) -> Limit | None:
    """Return what may still be promised where the kernel does not overcommit (vm.overcommit_memory=2), else None.

    The kernel keeps some back (Documentation/mm/overcommit-accounting): for the administrator, and for each user the smaller
    of user_reserve_kbytes and 1/32 of the asking process. Both are kept back here, whoever asks.
    """
    values = _meminfo(places)
    if (read_text(f"{places.proc}/sys/vm/overcommit_memory") or "").strip() != "2" or "CommitLimit" not in values:
        return None
    reserves = (_number(f"{places.proc}/sys/vm/{name}_reserve_kbytes") or 0 for name in ("admin", "user"))
    available = values["CommitLimit"] - values.get("Committed_AS", 0) - sum(reserves) * _KILOBYTE
    remedy = "sudo sysctl vm.overcommit_memory=0"
    return Limit(Resource.COMMIT, "vm.overcommit_memory=2", available, values["CommitLimit"], remedy)


def cgroup_task_limits(pid: int, places: Places = HERE) -> list[Limit]:
    """Return how many more tasks each control group above a process may have."""
    limits = []
    for version, path in _groups_of(pid, "pids", places):
        root = _root_of(version, "pids", places)
        for group, folder in _upwards(root, path):
            most, now = _number(f"{folder}/pids.max"), _number(f"{folder}/pids.current")
            if most is not None and now is not None:
                name, remedy = f"pids.max of control group {group}", f"echo max | sudo tee {folder}/pids.max"
                limits.append(Limit(Resource.TASKS, name, most - now, most, remedy))
    return limits


def _memory_limits_v2(path: str, places: Places) -> Iterator[Limit]:
    """Read the limits of a group and of every group above: the tightest one counts.

    memory.high counts like a limit: a group above it is not killed but throttled, the target with it.
    """
    for group, folder in _upwards(_root_of(2, "memory", places), path):
        used = _number(f"{folder}/memory.current")
        if used is None:
            continue
        kills_all = _number(f"{folder}/memory.oom.group") == 1
        for file in ("memory.max", "memory.high"):
            total = _number(f"{folder}/{file}")
            if total is not None:
                room = total - used + _reclaimable(folder, "inactive_file")
                name, remedy = f"{file} of control group {group}", f"echo max | sudo tee {folder}/{file}"
                yield Limit(Resource.MEMORY, name, room, total, remedy, kills_all)


def _memory_limits_v1(path: str, places: Places) -> Iterator[Limit]:
    for group, folder in _upwards(_root_of(1, "memory", places), path):
        for kind in ("memory", "memory.memsw"):
            total, used = _number(f"{folder}/{kind}.limit_in_bytes"), _number(f"{folder}/{kind}.usage_in_bytes")
            if total is not None and used is not None and total < _NO_LIMIT:
                room = total - used + _reclaimable(folder, "total_inactive_file")
                name = f"{kind}.limit_in_bytes of control group {group}"
                remedy = f"echo -1 | sudo tee {folder}/{kind}.limit_in_bytes"
                # With its killer off (memory.oom_control) a full group hangs, which is as bad as being killed.
                hangs = "oom_kill_disable 1" in (read_text(f"{folder}/memory.oom_control") or "")
                yield Limit(Resource.MEMORY, name, room, total, remedy, hangs)


def _groups_of(pid: int, controller: str, places: Places) -> Iterator[tuple[int, str]]:
    """Yield (version, path) of the groups of a process that may limit something."""
    for line in (read_text(f"{places.proc}/{pid}/cgroup") or "").splitlines():
        parts = line.split(":", 2)
        # A path that begins above our own control group namespace names files that we cannot see.
        if len(parts) != 3 or parts[2].startswith("/.."):
            continue
        if parts[0] == "0" and parts[1] == "":
            yield 2, parts[2]
        elif controller in parts[1].split(","):
            yield 1, parts[2]


def _root_of(version: int, controller: str, places: Places) -> str:
    return places.cgroup if version == 2 else f"{places.cgroup}/{controller}"


def _upwards(root: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield (path, folder) of a group and of those above it."""
    path = os.path.normpath("/" + path.lstrip("/"))
    for _ in range(MAX_CGROUP_DEPTH):
        yield path, root + path.rstrip("/")
        if path == "/":
            return
        path = os.path.dirname(path)


def _reclaimable(folder: str, cache_key: str) -> int:
    for line in (read_text(f"{folder}/memory.stat") or "").splitlines():
        key, _, value = line.partition(" ")
        if key == cache_key and value.isdigit():
            return int(value)
    return 0


def _meminfo(places: Places) -> dict[str, int]:
    """Return the lines of meminfo that are in kB, in bytes."""
    pairs = parse_status(read_text(f"{places.proc}/meminfo") or "").items()
    words = ((key, text.split()) for key, text in pairs)
    return {key: int(parts[0]) * _KILOBYTE for key, parts in words if len(parts) == 2 and parts[0].isdigit()}


def _number(path: str) -> int | None:
    """Return the number in a file; None for "max", and where it cannot be read."""
    text = (read_text(path) or "").strip()
    return int(text) if text.isdigit() else None

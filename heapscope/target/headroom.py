"""How much memory a capture may need, and how much there is: host, control groups, overcommit.

Never allocates to find out, and never changes a limit.

The clone shares all memory with the target until one of the two writes. The Python walker writes reference counts into nearly
every object it visits and keeps notes of its own, so in the worst case it un-shares all private memory of the target.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from heapscope.target.process import ProcessFacts, parse_status, read_text

UNSHARED_SHARE = 1.25  # of the target's private memory: all of it, plus what the walker notes about the objects
FIXED_COST = 32 << 20  # stacks, page tables, pipe and a margin for small targets
MAX_CGROUP_DEPTH = 16
_CGROUP_ROOT = "/sys/fs/cgroup"


@dataclass(frozen=True, slots=True)
class Headroom:
    """Bytes needed at worst, bytes available, and which limit says so."""

    needed: int
    available: int
    limited_by: str

    @property
    def is_enough(self) -> bool:
        """Whether the worst case fits."""
        return self.available >= self.needed


def needed_bytes(private_bytes: int) -> int:
    """Return what a capture may take at worst from a target with that much private memory."""
    return int(private_bytes * UNSHARED_SHARE) + FIXED_COST


def measure_headroom(process: ProcessFacts) -> Headroom:
    """Compare the worst case of a capture with the tightest limit above the target."""
    needed = needed_bytes(max(0, process.rss_bytes - process.shared_bytes))
    limits = [*_host_limits(), *_cgroup_limits(process.pid)]
    if not limits:
        return Headroom(needed, needed, "nothing")
    available, name = min(limits)
    return Headroom(needed, max(0, available), name)


def _host_limits() -> list[tuple[int, str]]:
    values = {
        key: int(text.split()[0]) * 1024
        for key, text in parse_status(read_text("/proc/meminfo") or "").items()
        if text.split() and text.split()[0].isdigit()
    }
    limits = []
    if "MemAvailable" in values:
        limits.append((values["MemAvailable"], "the memory of the host"))
    strict = (read_text("/proc/sys/vm/overcommit_memory") or "").strip() == "2"
    if strict and "CommitLimit" in values:
        limits.append((values["CommitLimit"] - values.get("Committed_AS", 0), "vm.overcommit_memory=2"))
    return limits


def _cgroup_limits(pid: int) -> list[tuple[int, str]]:
    limits = []
    for line in (read_text(f"/proc/{pid}/cgroup") or "").splitlines():
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        if parts[0] == "0" and parts[1] == "":
            limits += _limits_along(_CGROUP_ROOT, parts[2], "memory.max", "memory.current", "inactive_file")
        elif "memory" in parts[1].split(","):
            root = f"{_CGROUP_ROOT}/memory"
            limits += _limits_along(
                root, parts[2], "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
            )
    return limits


def _limits_along(root: str, path: str, limit_file: str, usage_file: str, cache_key: str) -> list[tuple[int, str]]:
    """Read the limit of a group and of every group above: the tightest one counts."""
    limits = []
    path = os.path.normpath("/" + path)
    for _ in range(MAX_CGROUP_DEPTH):
        folder = root + path.rstrip("/")
        limit = (read_text(f"{folder}/{limit_file}") or "").strip()
        usage = (read_text(f"{folder}/{usage_file}") or "").strip()
        # Version 1 writes "no limit" as a number near 2**63.
        if limit.isdigit() and usage.isdigit() and int(limit) < 1 << 60:
            limits.append(
                (int(limit) - int(usage) + _reclaimable(folder, cache_key), f"the limit of control group {path}")
            )
        if path == "/":
            break
        path = os.path.dirname(path)
    return limits


def _reclaimable(folder: str, cache_key: str) -> int:
    for line in (read_text(f"{folder}/memory.stat") or "").splitlines():
        key, _, value = line.partition(" ")
        if key == cache_key and value.isdigit():
            return int(value)
    return 0

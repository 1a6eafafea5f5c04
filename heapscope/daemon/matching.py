"""Which processes belong to a target, which of them are watched, and in which slot.

Pure but for user names; never looks at a process itself (processes.py does).
"""

from __future__ import annotations

import fnmatch
import pwd
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from heapscope.daemon.config import MatchConfig, TargetConfig
from heapscope.daemon.model import Instance, Process
from heapscope.daemon.processes import Seen

LOYALTY = 1.1  # a newcomer must be so much larger to take the place of who is watched already


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a target consists of now."""

    matched: tuple[Seen, ...]
    families: int
    instances: tuple[Instance, ...]


def matches(match: MatchConfig, process: Process) -> bool:
    """Whether a process has all that is asked for."""
    return (
        _glob(match.unit, process.unit)
        and _glob(match.cgroup, process.cgroup)
        and _is_container(match.container, process.container)
        and _glob(match.name, process.name)
        and (not match.cmdline or re.search(match.cmdline, process.command) is not None)
        and (not match.user or process.uid == _uid_of(match.user))
    )


def _glob(pattern: str, text: str) -> bool:
    return not pattern or fnmatch.fnmatchcase(text, pattern)


def _is_container(pattern: str, container: str) -> bool:
    if not pattern:
        return True
    _, _, container_id = container.partition(":")
    is_start = len(pattern) >= 6 and (container_id.startswith(pattern[:12]) and bool(container_id))
    return bool(container) and (is_start or fnmatch.fnmatchcase(container, pattern))


def _uid_of(user: str) -> int | None:
    if user.isdigit():
        return int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None


def families_of(processes: Iterable[Process]) -> dict[int, int]:
    """Return pid -> pid of its eldest ancestor among the same processes: a prefork master for its workers."""
    parents = {process.pid: process.parent_pid for process in processes}
    found = {}
    for pid in parents:
        eldest, steps = pid, 0
        while parents[eldest] in parents and parents[eldest] != eldest and steps < len(parents):
            eldest, steps = parents[eldest], steps + 1
        found[pid] = eldest
    return found


def choose(target: TargetConfig, seen: Sequence[Seen], before: Sequence[Instance]) -> Chosen:
    """Match and select; whoever was watched before keeps its slot as long as it is selected."""
    matched = tuple(one for one in seen if matches(target.match, one.process))
    families = families_of(one.process for one in matched)
    watched = {instance.process.identity: instance.slot for instance in before}
    kind, most = target.selection

    def rank(one: Seen) -> tuple[float, int]:
        identity = one.process.identity
        if kind == "largest":
            return -one.rss_bytes * (LOYALTY if identity in watched else 1.0), one.process.start_ticks
        if kind == "sample":
            # Spread over the pids, and the same choice each time.
            return zlib.crc32(repr(identity).encode()), one.process.start_ticks
        return 0 if identity in watched else 1, one.process.start_ticks

    selected = sorted(matched, key=rank)[:most]
    taken = {watched[one.process.identity] for one in selected if one.process.identity in watched}
    free = iter(slot for slot in range(most + len(taken)) if slot not in taken)
    instances = []
    for one in sorted(selected, key=lambda one: (one.process.start_ticks, one.process.pid)):
        slot = watched.get(one.process.identity)
        instance = Instance(target.name, next(free) if slot is None else slot, one.process)
        instances.append(replace(instance, family=families[one.process.pid]))
    instances.sort(key=lambda instance: instance.slot)
    return Chosen(matched, len(set(families.values())), tuple(instances))

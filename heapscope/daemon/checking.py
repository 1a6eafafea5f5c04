"""What a configuration means on this machine now: which processes match, which would be watched, what stands in the way.

Never attaches to any of them, and never touches the store.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from heapscope.daemon.config import Config
from heapscope.daemon.matching import choose
from heapscope.daemon.model import Instance, Reading
from heapscope.daemon.processes import ProcessTable, Seen
from heapscope.daemon.readings import Observer
from heapscope.target.discovery import find_obstacles


@dataclass(frozen=True, slots=True)
class CheckedProcess:
    """One process that matches. ``slot`` is None where it would not be watched; ``obstacle`` says why a capture cannot work."""

    seen: Seen
    slot: int | None
    reading: Reading | None
    obstacle: str = ""
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class CheckedTarget:
    """One target and its processes, those that would be watched first."""

    name: str
    instances: str
    families: int
    processes: tuple[CheckedProcess, ...]
    warnings: tuple[str, ...] = ()


def check_targets(config: Config, table: ProcessTable | None = None) -> tuple[CheckedTarget, ...]:
    """Look at the processes of this machine with the eyes of a configuration."""
    seen = (table or ProcessTable()).scan()
    found = []
    for target in config.target:
        chosen = choose(target, seen, ())
        slots = {instance.process.identity: instance for instance in chosen.instances}
        rows = [_checked(one, slots.get(one.process.identity)) for one in chosen.matched]
        rows.sort(key=lambda row: (row.slot is None, row.slot or 0, row.seen.process.pid))
        warnings = () if rows else ("no process matches now",)
        found.append(CheckedTarget(target.name, target.instances, chosen.families, tuple(rows), warnings))
    return tuple(found)


def _checked(seen: Seen, instance: Instance | None) -> CheckedProcess:
    reading = Observer(seen.process).read(0.0, 0.0)
    obstacle = next((one for one in find_obstacles(seen.process.pid) if one.blocking), None)
    slot = instance.slot if instance else None
    if obstacle is None:
        return CheckedProcess(seen, slot, reading)
    return CheckedProcess(seen, slot, reading, obstacle.code, obstacle.message)


def check_places(config: Config) -> tuple[str, ...]:
    """Return what is wrong with the folders that the configuration names, as far as this user can see."""
    found = []
    folder = config.daemon.state_dir
    nearest = folder
    while nearest and not os.path.isdir(nearest):
        nearest = os.path.dirname(nearest) if nearest != os.path.dirname(nearest) else ""
    if not os.path.isabs(folder):
        found.append(f"daemon.state_dir {folder} is not an absolute path")
    elif not os.access(nearest or "/", os.W_OK):
        found.append(f"daemon.state_dir {folder} cannot be written by this user")
    return tuple(found)

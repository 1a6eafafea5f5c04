"""The tasks of asyncio, with the name of the coroutine that each runs: whose work holds memory.

Never knows what holds them, or what they hold: that is the dominator tree's. Tasks that have ended are tasks, too. No I/O.

What a task retains is its coroutine with the locals of every function that it waits in, and what only these hold. The locals of
the task that runs at the moment of the capture are those of its thread's frames, too: they count there.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from heapscope.snapshot.model import Snapshot, U32Array

_TASKS = frozenset({"_asyncio.Task", "asyncio.tasks.Task"})
_COROUTINES = ("coroutine", "generator")  # how the names of their types end: built in, or of a compiler for Python


@dataclasses.dataclass(frozen=True, slots=True)
class TaskInfo:
    """One task. ``label`` is the name of the function that it runs, "" where that is not known; foreign text."""

    object_index: int
    label: str


def find_tasks(snapshot: Snapshot) -> tuple[TaskInfo, ...]:
    """List the instances of the task types and of their subclasses, by object index. O(n)."""
    kinds = _task_types(snapshot)
    if not any(kinds):
        return ()
    found = np.flatnonzero(np.array(kinds, dtype=np.bool_)[snapshot.type_index])
    return tuple(TaskInfo(one, _label_of(snapshot, one)) for one in found.tolist())


def _task_types(snapshot: Snapshot) -> list[bool]:
    addresses = {info.address for info in snapshot.types if info.name in _TASKS}
    return [bool(addresses.intersection((info.address, *info.mro))) for info in snapshot.types]


def _label_of(snapshot: Snapshot, task: int) -> str:
    for held in _references(snapshot, task).tolist():
        if snapshot.types[int(snapshot.type_index[held])].name.endswith(_COROUTINES):
            # Its name comes before what its function uses.
            names = (snapshot.naming.names.get(one) for one in _references(snapshot, held).tolist())
            return next((name for name in names if name), "")
    return ""


def _references(snapshot: Snapshot, holder: int) -> U32Array:
    start, end = (int(snapshot.reference_offsets[at]) for at in (holder, holder + 1))
    return snapshot.reference_targets[start:end]

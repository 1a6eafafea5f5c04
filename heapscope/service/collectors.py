"""The ladder of collectors: the compiled walker first, the one written in Python where that cannot be used.

Decides nothing about a target; capture.py goes down the ladder when a rung fails.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy costs 100 ms, which a refused capture need not pay
    from heapscope.snapshot.records import RootRecord

from heapscope.errors import UnsupportedTarget


@dataclasses.dataclass(frozen=True, slots=True)
class Collector:
    """One way of walking the clone. ``name`` is what snapshots say."""

    name: str
    runs_python: bool


NATIVE = Collector("native-clone", runs_python=False)
PYTHON = Collector("python-clone", runs_python=True)

_RUNGS = {"auto": (NATIVE, PYTHON, PYTHON), "native": (NATIVE, NATIVE), "python": (PYTHON, PYTHON)}
CHOICES = tuple(_RUNGS)


@dataclasses.dataclass(frozen=True, slots=True)
class Orders:
    """What a clone is told, in order, and what the host has read from it already."""

    messages: tuple[bytes, ...]
    roots: tuple[RootRecord, ...] = ()
    warnings: tuple[str, ...] = ()


def rungs_of(choice: str, *, is_free_threaded: bool = False) -> tuple[Collector, ...]:
    """Return the collectors to try for "auto", "native" or "python"; one that stands there twice may be tried again.

    Raises:
        UnsupportedTarget: the compiled walker was asked for, and does not know the objects of a free-threaded build.
    """
    if is_free_threaded and choice == "native":
        raise UnsupportedTarget(
            "the compiled walker does not know how objects lie in a free-threaded build", hint="--collector python"
        )
    return _RUNGS["python" if is_free_threaded else choice]

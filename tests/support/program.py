"""A program's classes and instance facts for tests of slots advice.

Never starts a process: all of it goes through the real frames and builder, as a capture would.
"""

from __future__ import annotations

from typing import Any

from heapscope.analysis.slots.advice import advise_slots
from heapscope.analysis.slots.model import SlotsRow
from heapscope.snapshot.model import SnapshotMeta
from heapscope.wire.protocol import DictState
from tests.support.heap import Heap, instances_record


class Program:
    """A heap with ``object``, ``type`` and one class under test, ``app.Item``."""

    def __init__(self, version: str = "3.12.1") -> None:
        self.version = version
        self.heap = Heap()
        self.object = self.heap.type("builtins.object", is_heap=False, basicsize=16, own_names=None)
        self.type = self.heap.type("builtins.type", is_heap=False, basicsize=900, itemsize=40, own_names=None)

    def cls(self, name: str = "app.Item", bases: tuple[int, ...] = (), **changes: Any) -> int:
        """Add a class made by a class statement, in the application's own file."""
        ancestors = [*bases, self.object]
        plain: dict[str, Any] = {
            "dictoffset": -1,
            "weaklistoffset": -8,
            "metatype": self.type,
            "bases": list(bases) or [self.object],
            "mro": ancestors,
            "file": "/srv/app.py",
            "line": 7,
        }
        names: dict[str, str] = changes.pop("names", {})
        plain |= {"own_names": list(names), "own_kinds": list(names.values())}
        subclasses: int = changes.pop("subclasses", 0)
        address = self.heap.type(name, **(plain | changes))
        for number in range(subclasses):
            self.heap.type(f"{name}.Sub{number}", bases=[address], mro=[address, *ancestors])
        return address

    def instances(
        self, cls: int, count: int = 100, each: int = 96, attributes: Any = ("a", "b", "c"), **changes: Any
    ) -> None:
        """Add facts about instances: ``each`` allocated bytes, every attribute on every one."""
        if not isinstance(attributes, dict):
            attributes = dict.fromkeys(attributes, count)
        states = changes.pop("states", {DictState.VALUES: [count, each * count, each * count]})
        facts = instances_record(cls, count, states=states, attributes=attributes, **changes)
        self.heap.instances.append(facts)

    def rows(self, **options: Any) -> tuple[SlotsRow, ...]:
        """Advise, by types and instances alone: the program has no code."""
        snapshot = self.heap.snapshot(SnapshotMeta(python_version=self.version))
        return advise_slots(snapshot, **{"evidence": None, **options})

    def row(self) -> SlotsRow:
        """Advise on the only class."""
        (row,) = self.rows()
        return row

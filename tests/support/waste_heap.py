"""Heaps for the search for waste: containers, instances and texts with the sizes that CPython gives them.

Never goes through the formulas that it tests: sizes are those of real interpreters, written down here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heapscope.analysis.paths import find_paths
from heapscope.analysis.roots import find_roots
from heapscope.analysis.waste.find import find_waste
from heapscope.analysis.waste.model import Pattern, WasteReport, WasteRow
from heapscope.snapshot.model import Snapshot, SnapshotMeta
from heapscope.wire.protocol import Flag
from tests.support.heap import Heap, HeapObject, instances_record

GC = 16
# Requested bytes of the keys table of a dict whose keys are all texts: CPython 3.11 and newer, by the most entries it takes.
TEXT_TABLES = {5: 32 + 8 + 16 * 5, 10: 32 + 16 + 16 * 10, 21: 32 + 32 + 16 * 21, 85: 32 + 128 + 16 * 85}
OTHER_TABLES = {5: 32 + 8 + 24 * 5, 10: 32 + 16 + 24 * 10, 85: 32 + 128 + 24 * 85}
INLINE_VALUES = 1 << 2


def block(size: int) -> int:
    """Round as the allocator does."""
    return 0 if not size else (size + 15) // 16 * 16 if size <= 512 else max(32, (size + 8 + 15) // 16 * 16)


class WasteHeap(Heap):
    """A heap of one module ``app`` whose globals hold what is added with ``put``."""

    def __init__(self, version: str = "3.12.1") -> None:
        super().__init__()
        self.meta = SnapshotMeta(pid=1, python_version=version)
        for name in ("object", "module", "dict", "list", "tuple", "set", "frozenset", "str", "bytes", "int", "float"):
            self.type(f"builtins.{name}", is_heap=False)
        self.module = self.object("builtins.module", size=72, flags=Flag.TRACKED)
        self.globals = self.object("builtins.dict", size=64, flags=Flag.TRACKED | Flag.BOUNDARY)
        self.module.refers_to(self.globals)
        self.root(self.module, 1, "app")
        self._globals: list[tuple[HeapObject, HeapObject]] = []

    def put(self, name: str, item: HeapObject) -> HeapObject:
        """Make an object a global variable."""
        self._globals.append((self.text(name), item))
        return item

    def blocks(
        self, kind: str, *parts: int, length: int, fingerprint: int = 0, flags: int = Flag.TRACKED
    ) -> HeapObject:
        """Add an object that has several blocks of its own."""
        item = self.object(kind, size=sum(parts), length=length, fingerprint=fingerprint, flags=flags)
        item.allocated = sum(block(part) for part in parts)
        return item

    def list(self, items: Sequence[HeapObject], room: int | None = None) -> HeapObject:
        """Add a list with room for so many items."""
        capacity = len(items) if room is None else room
        return self.blocks("builtins.list", GC + 40, 8 * capacity, length=len(items)).refers_to(*items)

    def tuple(self, items: Sequence[HeapObject]) -> HeapObject:
        """Add a tuple."""
        return self.blocks("builtins.tuple", GC + 24 + 8 * len(items), length=len(items)).refers_to(*items)

    def dict(self, items: Mapping[HeapObject, HeapObject], shape: int = 0, table: int | None = None) -> HeapObject:
        """Add a dict; ``table`` is the size of its keys table."""
        size = table if table is not None else (TEXT_TABLES if shape else OTHER_TABLES)[5]
        item = self.blocks("builtins.dict", GC + 48, size, length=len(items), fingerprint=shape)
        return item.refers_to(*items.keys(), *items.values())

    def set(self, items: Sequence[HeapObject], slots: int = 8, kind: str = "builtins.set") -> HeapObject:
        """Add a set."""
        table = 16 * slots if slots > 8 else 0
        return self.blocks(kind, GC + 200, table, length=len(items)).refers_to(*items)

    def number(self, kind: str = "builtins.float", size: int = 24, *, refcount: int = 1, flags: int = 0) -> HeapObject:
        """Add a number."""
        item = self.blocks(kind, size, length=-1 & ((1 << 64) - 1), flags=flags)
        item.refcount = refcount
        return item

    def string(
        self, length: int, fingerprint: int, kind: str = "builtins.str", flags: int = 0, head: int = 41
    ) -> HeapObject:
        """Add a text, ASCII unless told otherwise, or bytes."""
        return self.blocks(kind, head + length, length=length, fingerprint=fingerprint, flags=flags)

    def cls(self, name: str = "app.Item", **facts: int) -> int:
        """Describe a class of Python code without bases."""
        base = self.types["builtins.object"]["address"]
        address = self.type(name, dictoffset=-1, tp_flags=1 << 9 | 1 << 4, **facts)
        self.types[name]["mro"], self.types[name]["own_names"] = [address, base], ["__dict__"]
        self.types[name]["own_kinds"] = ["getset_descriptor"]
        return address

    def instance(self, state: int, size: int, name: str = "app.Item", *others: HeapObject) -> HeapObject:
        """Add an instance of a class."""
        item = self.object(name, size=size, flags=Flag.TRACKED | state << Flag.DICT_STATE_SHIFT)
        item.allocated = block(size)
        return item.refers_to(*others)

    def facts(self, name: str, count: int, attributes: Mapping[str, int]) -> None:
        """Say what the instances of a class are."""
        self.instances.append(instances_record(self.types[name]["address"], count, attributes=dict(attributes)))

    def finished(self) -> Snapshot:
        """Give the snapshot, the globals in place."""
        self.globals.references = [*(key for key, _ in self._globals), *(item for _, item in self._globals)]
        self.globals.length = len(self._globals)
        return self.snapshot(self.meta)


def report_of(heap: WasteHeap, least: int = 1) -> WasteReport:
    """Search a heap."""
    snapshot = heap.finished()
    return find_waste(snapshot, lambda _: find_paths(snapshot, find_roots(snapshot)), least_bytes=least)


def rows_of(heap: WasteHeap, pattern: Pattern, least: int = 1) -> list[WasteRow]:
    """Search a heap for one pattern."""
    return [row for row in report_of(heap, least).rows if row.pattern is pattern]


def row_of(heap: WasteHeap, pattern: Pattern, least: int = 1) -> WasteRow:
    """Search a heap for the one row of a pattern."""
    (row,) = rows_of(heap, pattern, least)
    return row

"""Heaps of a service at one moment, for what judges growth: modules with attributes, dicts with keys, lists, instances.

Never starts a process. Names and layout are those that a capture records.
"""

from __future__ import annotations

from heapscope.analysis.holder_tree import HolderTree, find_holder_tree
from heapscope.snapshot.model import Snapshot, SnapshotMeta
from heapscope.wire.protocol import DictState, Flag, RootKind
from tests.support.heap import Heap, HeapObject
from tests.support.roots import snapshot_with_counts

OWN_DICT = DictState.SPLIT << Flag.DICT_STATE_SHIFT


class Service:
    """One heap; what is added twice is there twice. ``first`` moves all addresses."""

    def __init__(self, first: int = 0) -> None:
        self.heap = Heap()
        self._texts: dict[str, HeapObject] = {}
        for _ in range(
            first
        ):  # an address each that nobody refers to would be garbage: these take the place of nothing
            self.heap.objects.append(HeapObject(0, "", 0, 0, 0))
        self._moved = first

    def text(self, name: str) -> HeapObject:
        """Give the string of a name."""
        if name not in self._texts:
            self._texts[name] = self.heap.text(name)
        return self._texts[name]

    def dict(self, items: dict[HeapObject, HeapObject], size: int = 64) -> HeapObject:
        """Add a dict."""
        table = self.heap.object("builtins.dict", size=size, length=len(items))
        return table.refers_to(*items, *items.values())

    def named(self, **items: HeapObject) -> HeapObject:
        """Add a dict with keys that are names."""
        return self.dict({self.text(name): value for name, value in items.items()})

    def table(self, values: list[HeapObject], key: str = "builtins.int", size: int = 64) -> HeapObject:
        """Add a dict with keys that are data."""
        return self.dict({self.heap.object(key, size=32): value for value in values}, size)

    def list(self, *items: HeapObject, size: int = 56) -> HeapObject:
        """Add a list."""
        return self.heap.object("builtins.list", size=size, length=len(items)).refers_to(*items)

    def blob(self, size: int, type_name: str = "builtins.bytes") -> HeapObject:
        """Add an object without references."""
        return self.heap.object(type_name, size=size)

    def instance(self, type_name: str, *, inline: bool = False, **attributes: HeapObject) -> HeapObject:
        """Add an instance with a dict, or without one."""
        if inline:
            mark = hash(tuple(attributes)) & 0xFFFF | 1
            item = self.heap.object(type_name, fingerprint=mark).refers_to(*attributes.values())
            self.heap.shapes.append((item, list(attributes)))
            return item
        return self.heap.object(type_name, flags=OWN_DICT).refers_to(self.named(**attributes))

    def module(self, label: str, **attributes: HeapObject) -> HeapObject:
        """Add a module, a root."""
        module = self.heap.object("builtins.module", size=80).refers_to(self.named(**attributes))
        self.heap.root(module, RootKind.MODULE, label)
        return module

    def snapshot(self, minute: float = 0.0, pid: int = 7) -> Snapshot:
        """Build the snapshot; its objects have as many counts as references."""
        self.heap.objects = self.heap.objects[self._moved :] if self._moved else self.heap.objects
        self._moved = 0
        meta = SnapshotMeta(pid=pid, process_start_time=5.0, captured_at=60 * minute, python_version="3.12.1")
        return snapshot_with_counts(self.heap, meta=meta)

    def holders(self, minute: float = 0.0, pid: int = 7) -> HolderTree:
        """Sum it up."""
        return find_holder_tree(self.snapshot(minute, pid))

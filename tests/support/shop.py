"""A small heap with an answer to every question of the engine, as a snapshot: a shop with a registry, a thread, garbage.

Never starts a process.

    module app ── namespace ── registry (dict) ─┬─ session 0 ─┬─ cart 0 (list)
                                  │             │             └─ shared (str)
                                  │             └─ session 1 ─── shared
                                  └─ function ── namespace
    thread main ── frame ── local (list) ── session 2
    lost 0 <──> lost 1
"""

from __future__ import annotations

from heapscope.snapshot.model import Snapshot, SnapshotMeta
from heapscope.wire.protocol import DictState, Flag, RootKind
from tests.support.heap import Heap, HeapObject
from tests.support.roots import snapshot_with_counts

SESSION = "app.Session"


class Shop:
    """The objects by name, and the snapshot."""

    def __init__(self) -> None:
        heap = self.heap = Heap()
        self.module = heap.object("builtins.module", size=72)
        self.namespace = heap.object("builtins.dict", size=200)
        self.registry = heap.object("builtins.dict", size=1000)
        self.function = heap.object("builtins.function", size=160)
        state = DictState.INLINE << Flag.DICT_STATE_SHIFT | Flag.TRACKED | 2 << Flag.GENERATION_SHIFT
        # The length is what Python code cannot explain of the reference count: see snapshot_with_counts.
        self.sessions = [heap.object(SESSION, size=96 + number, flags=state) for number in range(3)]
        self.cart = heap.object("builtins.list", size=56, length=0)
        self.shared = heap.object("builtins.str", size=70)
        self.frame = heap.object("builtins.frame", size=300, flags=Flag.BOUNDARY)
        self.local = heap.object("builtins.list", size=64)
        self.lost = [heap.object("app.Lost", size=500) for _ in range(2)]
        self._connect()

    def _connect(self) -> None:
        self.module.refers_to(self.namespace)
        self.namespace.refers_to(self.registry, self.function)
        self.function.refers_to(self.namespace)
        self.registry.refers_to(self.sessions[0], self.sessions[1])
        self.sessions[0].refers_to(self.cart, self.shared)
        self.sessions[1].refers_to(self.shared)
        self.frame.refers_to(self.local)
        self.local.refers_to(self.sessions[2])
        self.lost[0].refers_to(self.lost[1])
        self.lost[1].refers_to(self.lost[0])
        self.heap.root(self.module, RootKind.MODULE, "app")
        self.heap.root(self.frame, RootKind.THREAD, "thread 7")
        self.heap.root(self.frame, RootKind.FRAME, "work app.py:9")

    def snapshot(self) -> Snapshot:
        """Build the snapshot; every reference has its count."""
        return snapshot_with_counts(self.heap, meta=SnapshotMeta(pid=7, python_version="3.12.1", command="shop"))

    def index(self, item: HeapObject) -> int:
        """Give an object's index in the snapshot."""
        return self.heap.objects.index(item)


def hexed(item: HeapObject) -> str:
    """Write an object's address as the command line does."""
    return f"{item.address:#x}"

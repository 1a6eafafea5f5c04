"""Snapshots with reference counts and roots, for what judges roots, dominators and paths.

Never starts a process.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st

from heapscope.snapshot.model import Snapshot, SnapshotMeta
from heapscope.wire.protocol import Flag, RootKind
from tests.support.heap import Heap

KINDS = (RootKind.MODULE, RootKind.THREAD, RootKind.FRAME, RootKind.INTERPRETER, RootKind.STATIC_TYPE)
TYPES = ("builtins.module", "builtins.dict", "builtins.dict", "builtins.frame", "m.A", "m.B", "m.C")


def snapshot_with_counts(
    heap: Heap, counts: Mapping[int, int] | None = None, meta: SnapshotMeta | None = None
) -> Snapshot:
    """Build a snapshot in which every object has as many counts as references, and those that ``HeapObject.length`` adds.

    ``counts`` names other ones by object index.
    """
    snapshot = heap.snapshot(meta or SnapshotMeta(python_version="3.12.1"))
    visible = np.bincount(snapshot.reference_targets, minlength=snapshot.object_count)
    extra = [item.length if 0 <= item.length < 1 << 32 else 0 for item in heap.objects]
    refcount = (visible + np.array(extra, dtype=np.int64)).astype(np.uint64)
    for index, count in (counts or {}).items():
        refcount[index] = count
    return dataclasses.replace(snapshot, refcount=refcount)


def roots_of_lists(snapshot: Snapshot) -> list[list[int]]:
    """Give the references of a snapshot as lists."""
    offsets = snapshot.reference_offsets.tolist()
    targets = snapshot.reference_targets.tolist()
    return [targets[start:end] for start, end in itertools.pairwise(offsets)]


@st.composite
def random_heaps(draw: st.DrawFn, most: int = 12) -> Heap:
    """Heaps with roots of every kind, modules with and without namespaces, immortal objects, and counts of C code."""
    heap = Heap()
    count = draw(st.integers(1, most))
    for _ in range(count):
        heap.object(
            draw(st.sampled_from(TYPES)),
            size=draw(st.integers(0, 1000)),
            flags=draw(st.sampled_from((0, 0, 0, 0, 0, Flag.IMMORTAL))),
            length=draw(st.sampled_from((0, 0, 0, 1, 3))),  # counts that nobody explains
        )
    for item in heap.objects:
        item.refers_to(*draw(st.lists(st.sampled_from(heap.objects), max_size=3)))
    for item in draw(st.lists(st.sampled_from(heap.objects), max_size=4)):
        kind = RootKind.MODULE if item.type_name == "builtins.module" else draw(st.sampled_from(KINDS))
        heap.root(item, kind, f"root {len(heap.roots)}")
    return heap

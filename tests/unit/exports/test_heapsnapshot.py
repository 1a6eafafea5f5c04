"""The V8 export: its retained sizes, computed by brute force, are ours."""

from __future__ import annotations

import random

import pytest

from heapscope.analysis.dominators import build_dominator_tree
from heapscope.exports.heapsnapshot import MAX_SIZE, write_heapsnapshot
from heapscope.snapshot.model import Snapshot
from heapscope.wire.protocol import RootKind
from tests.support.heap import Heap
from tests.support.roots import snapshot_with_counts
from tests.support.shop import Shop
from tests.support.v8 import V8Heap


def exported(snapshot: Snapshot) -> tuple[V8Heap, list[int]]:
    """Write and read; and give our own retained sizes: of the root, of what lives, of threads."""
    data = bytearray()
    tree = build_dominator_tree(snapshot)
    write_heapsnapshot(snapshot, tree.roots, data.extend)
    living = [at for at in range(snapshot.object_count) if tree.roots.reached[at]]
    threads = [tree.thread_node(at) for at in range(len(tree.roots.threads))]
    return V8Heap(bytes(data)), [int(tree.retained[node]) for node in (tree.root, *living, *threads)]


def test_retained_sizes_are_ours_for_every_node() -> None:
    """Module namespaces, threads, garbage: as in the dominator tree."""
    found, ours = exported(Shop().snapshot())
    assert found.retained() == ours
    assert "app.Lost" not in found.names
    assert {"(roots)", "thread 7", "app.Session"} <= set(found.names)


@pytest.mark.parametrize("seed", range(12))
def test_retained_sizes_are_ours_on_random_graphs(seed: int) -> None:
    """Cycles, shared objects, several references from one object to another, several threads."""
    chance = random.Random(seed)
    heap = Heap()
    things = [heap.object(f"m.T{number % 5}", size=chance.randrange(1, 500)) for number in range(40)]
    for thing in things:
        thing.refers_to(*chance.choices(things, k=chance.randrange(4)))
    for number in range(3):
        heap.root(chance.choice(things), RootKind.THREAD, f"thread {number}")
        heap.root(chance.choice(things), RootKind.FRAME, "f")
        heap.root(chance.choice(things), RootKind.MODULE, f"m{number}")
    found, ours = exported(snapshot_with_counts(heap))
    assert found.retained() == ours


def test_an_object_that_32_bits_cannot_count_keeps_its_size_in_nodes_below() -> None:
    """Retained sizes stay exact, also of what holds it."""
    heap = Heap()
    top, large = heap.object("builtins.list", size=56), heap.object("numpy.ndarray", size=3 * MAX_SIZE + 5)
    small = heap.object("m.Small", size=7)
    top.refers_to(large, small)
    large.refers_to(small)
    heap.root(top, RootKind.MODULE, "app")
    found, ours = exported(snapshot_with_counts(heap))
    assert found.retained()[: len(ours)] == ours
    assert found.names.count("(rest)") == 3


def test_references_have_their_names() -> None:
    """Keys of dicts that are names, attributes by shape; positions elsewhere."""
    heap = Heap()
    top = heap.object("builtins.dict", length=2)
    key, value, number, first = heap.text("sessions"), heap.object("m.V"), heap.object("builtins.int"), heap.object()
    user = heap.object("app.User", fingerprint=77)
    other = heap.object("app.Other", fingerprint=77)
    top.refers_to(key, number, value, user)
    user.refers_to(first, other)
    other.refers_to(first)
    heap.shapes.append((user, ["name"]))
    heap.root(top, RootKind.MODULE, "app")
    found, _ = exported(snapshot_with_counts(heap))
    labels = dict(zip(found.names, found.labels, strict=True))
    assert labels["dict"] == ["0", "1", "sessions", "3"]
    assert labels["app.User"] == ["name", "1"]
    assert labels["app.Other"] == ["0"]


def test_hostile_names_are_bounded() -> None:
    """Nothing invisible, nothing long."""
    heap = Heap()
    heap.root(heap.object("\x00\u202e" + "n" * 500), RootKind.MODULE, "x")
    found, _ = exported(snapshot_with_counts(heap))
    assert all(len(name) <= 200 and name.isprintable() for name in found.names)


def test_an_empty_heap_has_a_root() -> None:
    """And nothing else."""
    found, ours = exported(snapshot_with_counts(Heap()))
    assert found.names == ["(roots)"]
    assert found.retained() == ours == [0]

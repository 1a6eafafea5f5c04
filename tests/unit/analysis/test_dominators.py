"""The dominator tree of a snapshot holds the invariants of retained sizes, and its rows lose nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.analysis.dominators import ROOT_NAME, DominatorTree, build_dominator_tree
from heapscope.analysis.retained import minimum_retained_by_type, retained_by_type, retained_set
from heapscope.analysis.roots import find_roots
from heapscope.errors import Cancelled
from heapscope.graph.library import Oversight
from heapscope.graph.recursive import recursive_size_of
from heapscope.wire.protocol import RootKind
from tests.support import oracle
from tests.support.examples import examples
from tests.support.heap import Heap
from tests.support.roots import random_heaps, roots_of_lists, snapshot_with_counts


def tree_of(heap: Heap) -> DominatorTree:
    """Build the tree; objects have as many counts as references, and those that their length adds."""
    return build_dominator_tree(snapshot_with_counts(heap))


def freed_without(tree: DominatorTree, objects: list[int]) -> int:
    """Say by brute force, on the snapshot as it was recorded, what goes away with some objects; modules take their dict."""
    snapshot, roots = tree.snapshot, tree.roots
    lists = roots_of_lists(snapshot)
    owned = dict(zip(roots.modules.tolist(), roots.namespaces.tolist(), strict=True))
    taken = [*objects, *(owned[one] for one in objects if one in owned)]
    seeds = roots.seeds().tolist()
    lost = oracle.reach(lists, seeds) - oracle.reach(lists, seeds, taken)
    return sum(int(snapshot.shallow[one]) for one in lost)


@settings(max_examples=examples(400), deadline=None)
@given(random_heaps())
def test_retained_is_what_goes_away_with_an_object(heap: Heap) -> None:
    """On any heap, garbage included: it retains nothing that lives."""
    tree = tree_of(heap)
    for one in range(tree.snapshot.object_count):
        assert int(tree.retained[one]) == freed_without(tree, [one])


@settings(max_examples=examples(400), deadline=None)
@given(random_heaps(), st.data())
def test_retained_sets_are_as_defined(heap: Heap, data: st.DataObject) -> None:
    """Of any objects; and no set retains less than a part of it."""
    tree = tree_of(heap)
    index = st.integers(0, tree.snapshot.object_count - 1)
    first, second = (data.draw(st.lists(index, max_size=4)) for _ in range(2))
    found = [retained_set(tree.snapshot, tree.roots, chosen) for chosen in (first, second, first + second)]
    assert [one.total for one in found] == [freed_without(tree, chosen) for chosen in (first, second, first + second)]
    assert found[2].total >= max(found[0].total, found[1].total)
    assert all(one.count == int(one.marks.sum()) for one in found)
    assert all(int(one.marks @ tree.snapshot.shallow) == one.total for one in found)


@settings(max_examples=examples(400), deadline=None)
@given(random_heaps())
def test_types_retain_what_goes_away_with_all_instances(heap: Heap) -> None:
    """Exactly; and the lower bound is one."""
    tree = tree_of(heap)
    names = tree.type_names
    exact = retained_by_type(tree)
    bound = minimum_retained_by_type(tree)
    for number, name in enumerate(names.names):
        truth = freed_without(tree, names.instances(name).tolist())
        assert int(bound[number]) <= truth
        assert bool(exact.is_exact[number]) == (int(bound[number]) > 0)
        assert int(exact.sizes[number]) == (truth if exact.is_exact[number] else int(bound[number]))
        only = retained_by_type(tree, exact=[name])
        assert int(only.sizes[number]) == truth
        assert int(only.is_exact.sum()) == 1


@settings(max_examples=examples(200), deadline=None)
@given(random_heaps())
def test_invariants_of_sizes(heap: Heap) -> None:
    """No shallow size is over the retained one, none over the heap; what hangs below the root is all that lives."""
    tree = tree_of(heap)
    snapshot = tree.snapshot
    alive = tree.roots.reached != 0
    retained = tree.retained[: snapshot.object_count]
    assert (retained[alive] >= snapshot.shallow[alive]).all()
    assert (retained <= snapshot.heap_bytes).all()
    assert (retained[~alive] == 0).all()
    assert tree.reachable_bytes == int(snapshot.shallow[alive].sum())
    assert int(tree.retained[tree.children_of(tree.root)].sum()) == tree.reachable_bytes
    assert tree.reachable_bytes + tree.roots.garbage_bytes == snapshot.heap_bytes


@settings(max_examples=examples(200), deadline=None)
@given(random_heaps())
def test_what_an_object_retains_it_reaches(heap: Heap) -> None:
    """With its namespace, if it is a module."""
    tree = tree_of(heap)
    lists = [list(targets) for targets in roots_of_lists(tree.snapshot)]
    for one in range(tree.snapshot.object_count):
        reached = oracle.reach(lists, [one])
        assert int(tree.retained[one]) <= sum(int(tree.snapshot.shallow[other]) for other in reached)


@settings(max_examples=examples(200), deadline=None)
@given(random_heaps(), st.data())
def test_the_recursive_size_of_a_set_is_at_most_the_sum(heap: Heap, data: st.DataObject) -> None:
    """And at least that of each object; both follow the definition of types in test_recursive.py."""
    snapshot = heap.snapshot()
    chosen = data.draw(st.lists(st.integers(0, snapshot.object_count - 1), min_size=1, max_size=4, unique=True))
    single = [recursive_size_of(snapshot, [one]) for one in chosen]
    together = recursive_size_of(snapshot, chosen)
    assert together <= sum(single)
    assert together >= max(int(snapshot.shallow[one]) for one in chosen)


@settings(max_examples=examples(200), deadline=None)
@given(random_heaps(), st.booleans())
def test_rows_lose_nothing(heap: Heap, merge: bool) -> None:
    """Level by level, merged or not, every living object is in one row; sizes add up."""
    tree = tree_of(heap)
    seen: list[int] = []
    waiting = list(tree.rows(tree.root, merge=merge))
    assert sum(row.retained_bytes for row in waiting) == tree.reachable_bytes
    while waiting:
        row = waiting.pop()
        seen.extend(node for node in row.nodes.tolist() if node < tree.snapshot.object_count)
        below = tree.rows(row.nodes, merge=merge)
        assert sum(one.count for one in below) == row.child_count
        assert sum(one.retained_bytes for one in below) + row.shallow_bytes == row.retained_bytes
        assert [one.retained_bytes for one in below] == sorted((one.retained_bytes for one in below), reverse=True)
        waiting.extend(below)
    assert sorted(seen) == np.flatnonzero(tree.roots.reached).tolist()


def registry() -> Heap:
    """Module ──► dict ──► Registry ──► 3 sessions ──► a shared str, and a function of another module's namespace."""
    heap = Heap()
    module, namespace = heap.object("builtins.module", size=10), heap.object("builtins.dict", size=100)
    registry, shared = heap.object("app.Registry", size=50), heap.object("builtins.str", size=1000)
    other = heap.object("builtins.module", size=10)
    function = heap.object("builtins.function", size=20)
    module.refers_to(namespace)
    namespace.refers_to(registry)
    for size in (300, 400, 500):
        registry.refers_to(heap.object("app.Session", size=size).refers_to(shared))
    other.refers_to(function)
    function.refers_to(namespace)
    heap.root(module, RootKind.MODULE, "app")
    heap.root(other, RootKind.MODULE, "other")
    return heap


def test_a_module_retains_its_globals_although_functions_refer_to_them() -> None:
    """Other ──► function ──► the namespace of app."""
    tree = tree_of(registry())
    assert [(row.label, row.retained_bytes) for row in tree.modules()] == [("app", 2360), ("other", 30)]
    assert tree.dominators.chain(2) == [1, 0, tree.root]


def test_children_of_one_type_are_one_row() -> None:
    """Three sessions, and the string that they share: each alone holds nothing of it, together they hold it."""
    tree = tree_of(registry())
    rows = tree.rows(2)
    assert [(row.type_name, row.count, row.retained_bytes) for row in rows] == [
        ("app.Session", 3, 1200),
        ("builtins.str", 1, 1000),
    ]
    assert (rows[0].largest_bytes, rows[0].average_bytes, rows[0].nodes.tolist()) == (500, 400, [8, 7, 6])
    assert [row.count for row in tree.rows(2, merge=False)] == [1, 1, 1, 1]
    assert [row.type_name for row in tree.rows(2, limit=1)] == ["app.Session"]
    by_type = retained_by_type(tree)
    sizes = dict(zip(by_type.names.names, by_type.sizes.tolist(), strict=True))
    bounds = dict(zip(by_type.names.names, minimum_retained_by_type(tree).tolist(), strict=True))
    assert (sizes["app.Session"], bounds["app.Session"]) == (2200, 1200)


def test_roots_are_rows_of_their_own() -> None:
    """Two modules are not "2 × module"; the root and threads have names."""
    tree = tree_of(registry())
    assert [(row.root.label, row.count) for row in tree.rows(tree.root) if row.root] == [("app", 1), ("other", 1)]
    info = tree.row(tree.root).root
    assert info is not None
    assert info.label == ROOT_NAME
    assert tree.row(tree.root).retained_bytes == tree.reachable_bytes == 2390


def test_a_thread_retains_what_its_frames_share() -> None:
    """Two frames of one thread, one of another; a local of the first two, one of all three."""
    heap = Heap()
    frames = [heap.object("builtins.frame", size=1) for _ in range(3)]
    own, common = heap.object(size=100), heap.object(size=1000)
    for frame in frames[:2]:
        frame.refers_to(own)
    for frame in frames:
        frame.refers_to(common)
    heap.root(frames[0], RootKind.THREAD, "main thread")
    heap.root(frames[1], RootKind.FRAME, "outer")
    heap.root(frames[2], RootKind.THREAD, "worker")
    tree = tree_of(heap)
    assert [(row.label, row.retained_bytes) for row in tree.threads()] == [("main thread", 102), ("worker", 1)]
    labels = [(row.root.kind, row.root.label) if row.root else row.type_name for row in tree.rows(tree.root)]
    assert labels == ["m.Thing", ("thread", "main thread"), ("thread", "worker")]


def test_an_empty_heap_has_a_root_without_children() -> None:
    """Nothing divides by zero."""
    tree = tree_of(Heap())
    assert tree.reachable_bytes == 0
    assert tree.rows(tree.root) == ()
    assert tree.modules() == tree.threads() == ()
    assert retained_by_type(tree).sizes.size == 0


def test_giving_up_is_passed_on() -> None:
    """From every step."""
    snapshot = registry().snapshot()
    for asked_before in range(5):
        answers = iter([False] * asked_before)
        with pytest.raises(Cancelled):
            build_dominator_tree(snapshot, None, Oversight(lambda answers=answers: next(answers, True)))
    roots = find_roots(snapshot)
    with pytest.raises(Cancelled):
        retained_set(snapshot, roots, [0], Oversight(lambda: True))
    with pytest.raises(Cancelled):
        retained_by_type(build_dominator_tree(snapshot), oversight=Oversight(lambda: True))

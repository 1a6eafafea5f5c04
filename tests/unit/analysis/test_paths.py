"""Ways from the roots are shortest, their alternatives come in order, and merged ones count every object once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.analysis.paths import Exclusions, Paths, find_paths
from heapscope.analysis.roots import find_roots
from heapscope.errors import Cancelled
from heapscope.graph.library import Oversight
from heapscope.graph.references import referrers
from heapscope.snapshot.model import Snapshot
from heapscope.wire.protocol import RootKind
from tests.support import oracle
from tests.support.examples import examples
from tests.support.heap import Heap
from tests.support.roots import random_heaps, roots_of_lists, snapshot_with_counts


def paths_of(heap: Heap, exclusions: Exclusions | None = None) -> Paths:
    """Find the ways."""
    snapshot = snapshot_with_counts(heap)
    return find_paths(snapshot, find_roots(snapshot), exclusions)


def simple_ways(snapshot: Snapshot, roots: list[int], end: int) -> list[tuple[int, ...]]:
    """List by brute force every way without a loop whose only root is its first object."""
    lists = roots_of_lists(snapshot)
    found, waiting = [], [(end,)]
    while waiting:
        way = waiting.pop()
        if way[0] in roots:
            found.append(way)
            continue
        holders = {holder for holder, targets in enumerate(lists) if way[0] in targets}
        waiting.extend((holder, *way) for holder in holders if holder not in way)
    return found


@settings(max_examples=examples(300), deadline=None)
@given(random_heaps(most=8))
def test_alternatives_are_all_simple_ways_shortest_first(heap: Heap) -> None:
    """From the first tier of roots that leads there; a root of a later tier that an earlier one reaches is none there."""
    paths = paths_of(heap)
    snapshot = paths.snapshot
    tier_of: dict[int, int] = {}
    early: list[int] = []
    for number, tier in enumerate(paths.roots.tiers()):
        reached = oracle.reach(roots_of_lists(snapshot), early)
        tier_of |= {one: number for one in tier.tolist() if one not in reached}
        early.extend(tier.tolist())
    roots = list(tier_of)
    index = referrers(snapshot)
    for one in range(snapshot.object_count):
        expected = simple_ways(snapshot, roots, one)
        found = [path.objects for path in paths.alternatives(one, index, 10_000)]
        assert sorted(found) == sorted(expected)
        keys = [(tier_of[way[0]], len(way)) for way in found]
        assert keys == sorted(keys)
        first = paths.to(one)
        assert (first is None) == (not expected)
        assert first is None or keys[0] == (tier_of[first.objects[0]], len(first.objects))


def test_a_module_is_named_although_a_static_type_is_nearer() -> None:
    """Type ──► item, and module ──► dict ──► item."""
    heap = Heap()
    kind, module, namespace, item = (heap.object() for _ in range(4))
    kind.refers_to(item)
    module.refers_to(namespace)
    namespace.refers_to(item)
    heap.root(kind, RootKind.STATIC_TYPE, "type")
    heap.root(module, RootKind.MODULE, "app")
    path = paths_of(heap).to(3)
    assert path is not None
    assert (path.objects, path.root.kind, path.root.label) == ((1, 2, 3), "module", "app")


def test_a_popular_object_tries_its_nearest_holders_only() -> None:
    """400 lists hold it; the nearest is the last one."""
    heap = Heap()
    root, item = heap.object(), heap.object()
    heap.root(root, RootKind.MODULE, "app")
    for _ in range(400):
        step = heap.object().refers_to(heap.object("builtins.list").refers_to(item))
        root.refers_to(step)
    root.refers_to(heap.object("builtins.tuple").refers_to(item))
    paths = paths_of(heap)
    found = paths.alternatives(1, referrers(paths.snapshot), 300)
    assert found[0].objects == (0, len(heap.objects) - 1, 1)
    assert len(found) == 256


def test_the_search_for_alternatives_can_be_given_up() -> None:
    """At any step of it."""
    heap = Heap()
    heap.root(heap.object().refers_to(heap.object()))
    paths = paths_of(heap)
    index = referrers(paths.snapshot)
    assert len(paths.alternatives(1, index, 9)) == 1
    with pytest.raises(Cancelled):
        paths.alternatives(1, index, 9, Oversight(lambda: True))


def test_a_long_chain_has_at_least_its_shortest_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the search for others is given up."""
    monkeypatch.setattr("heapscope.analysis.paths.MAX_EFFORT", 10)
    heap = Heap()
    links = [heap.object() for _ in range(50)]
    for holder, held in itertools.pairwise(links):
        holder.refers_to(held)
    heap.root(links[0], RootKind.MODULE, "app")
    paths = paths_of(heap)
    index = referrers(paths.snapshot)
    assert [path.objects for path in paths.alternatives(49, index, 3)] == [tuple(range(50))]
    assert paths.alternatives(49, index, 0) == ()


def two_holders() -> Heap:
    """Module ──► cache ──► item ◄── list ◄── other list ◄── module."""
    heap = Heap()
    module, cache, item, inner, outer = (heap.object() for _ in range(5))
    module.refers_to(cache, outer)
    cache.refers_to(item)
    outer.refers_to(inner)
    inner.refers_to(item)
    heap.root(module, RootKind.MODULE, "app")
    return heap


@pytest.mark.parametrize("exclusions", [Exclusions(objects=(1,)), Exclusions(references=((1, 2),))])
def test_what_is_excluded_is_on_no_way(exclusions: Exclusions) -> None:
    """The next way is shown instead, also among alternatives."""
    paths = paths_of(two_holders(), exclusions)
    path = paths.to(2)
    assert path is not None
    assert path.objects == (0, 4, 3, 2)
    assert [one.objects for one in paths.alternatives(2, referrers(paths.snapshot), 9)] == [(0, 4, 3, 2)]


def test_nothing_is_left_when_every_way_is_excluded() -> None:
    """No way, no alternatives, and merged ways say so."""
    paths = paths_of(two_holders(), Exclusions(objects=(0,)))
    assert paths.to(2) is None
    assert paths.alternatives(2, referrers(paths.snapshot), 9) == ()
    merged = paths.merged([2])
    assert (merged.paths, merged.count, merged.unreached, merged.other_count) == ((), 1, 1, 0)


def sessions() -> Heap:
    """98 sessions in the registry of a module, 1 in a frame, 1 that nothing holds."""
    heap = Heap()
    module, namespace = heap.object("builtins.module"), heap.object("builtins.dict")
    table, frame = heap.object("builtins.dict"), heap.object("builtins.frame")
    module.refers_to(namespace)
    namespace.refers_to(table)
    for _ in range(98):
        table.refers_to(heap.object("app.Session"))
    frame.refers_to(heap.object("app.Session"))
    lost = heap.object("app.Session")
    lost.refers_to(lost)
    heap.root(module, RootKind.MODULE, "app.sessions")
    heap.root(frame, RootKind.THREAD, "main thread")
    return heap


def test_ways_of_all_instances_are_merged() -> None:
    """98 % via the module, each step with the object where it is the same for all."""
    merged = paths_of(sessions()).merged_of_type("app.Session")
    assert (merged.count, merged.unreached, merged.other_count) == (100, 1, 0)
    assert [(path.count, path.root.label) for path in merged.paths] == [(98, "app.sessions"), (1, "main thread")]
    first = merged.paths[0]
    assert first.share == 0.98
    assert first.is_exact
    assert first.common == 4
    assert [(step.type_name, step.is_shared) for step in first.steps] == [
        ("builtins.module", True),
        ("builtins.dict", True),
        ("builtins.dict", True),
        ("app.Session", False),
    ]


def test_ways_of_few_objects_count_as_part_of_what_they_start_with() -> None:
    """Ten sessions behind ten different types are "somewhere below the table"."""
    heap = sessions()
    for number in range(10):
        heap.objects[2].refers_to(heap.object(f"m.T{number}").refers_to(heap.object("app.Session")))
    merged = paths_of(heap).merged(list(range(4, 102)) + list(range(105, 124, 2)), large_share=0.05)
    assert [(path.count, path.is_exact) for path in merged.paths] == [(98, True), (10, False)]
    assert merged.paths[1].steps[2].type_name == "builtins.dict"
    assert merged.paths[1].common < len(merged.paths[1].steps)


def test_the_limit_says_what_it_leaves_out() -> None:
    """No object is lost without a word."""
    merged = paths_of(sessions()).merged_of_type("app.Session", limit=1)
    assert (len(merged.paths), merged.other_count) == (1, 1)
    assert paths_of(sessions()).merged_of_type("m.Unknown").count == 0


@settings(max_examples=examples(300), deadline=None)
@given(random_heaps(), st.sampled_from((0.0, 0.3, 1.0)))
def test_merged_ways_count_every_object_once(heap: Heap, large_share: float) -> None:
    """And each row's example is a way of the snapshot."""
    paths = paths_of(heap)
    lists = roots_of_lists(paths.snapshot)
    merged = paths.merged(range(len(lists)), limit=1000, large_share=large_share)
    alive = oracle.reach(lists, paths.roots.seeds().tolist())
    assert merged.unreached == len(lists) - len(alive)
    assert sum(path.count for path in merged.paths) == len(alive)
    for path in merged.paths:
        way = [step.object_index for step in path.steps]
        assert all(held in lists[holder] for holder, held in itertools.pairwise(way))
        assert path.steps[0].is_shared


def test_giving_up_is_passed_on() -> None:
    """By the search, and while ways are merged."""
    paths = paths_of(sessions())
    with pytest.raises(Cancelled):
        find_paths(paths.snapshot, paths.roots, oversight=Oversight(lambda: True))
    with pytest.raises(Cancelled):
        paths.merged_of_type("app.Session", oversight=Oversight(lambda: True))

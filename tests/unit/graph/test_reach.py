"""What is reached, the ways to it, and what is lost without a set agree with brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.errors import HeapscopeError
from heapscope.graph.library import NONE
from heapscope.graph.reach import TIER_DISTANCE, find_ways, lost_without, reach
from heapscope.graph.references import References
from heapscope.graph.shapes import find_shapes
from tests.support import oracle
from tests.support.examples import examples

Lists = list[list[int]]


def indexes(values: object) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """Give an array of object indexes."""
    return np.array(values, dtype=np.uint32).reshape(-1)


@st.composite
def graphs(draw: st.DrawFn, most: int = 16) -> Lists:
    """Loops, double references, unreachable parts."""
    count = draw(st.integers(1, most))
    return draw(st.lists(st.lists(st.integers(0, count - 1), max_size=4), min_size=count, max_size=count))


def some(draw: st.DataObject, lists: Lists, most: int = 4) -> list[int]:
    """Draw some nodes."""
    return draw.draw(st.lists(st.integers(0, len(lists) - 1), max_size=most))


def mask(lists: Lists, nodes: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Give a byte per node, 1 for those named."""
    marks = np.zeros(len(lists), dtype=np.uint8)
    marks[nodes] = 1
    return marks


@settings(max_examples=examples(1000), deadline=None)
@given(graphs(), st.data())
def test_reached_is_what_brute_force_reaches(lists: Lists, data: st.DataObject) -> None:
    """With objects that are not to be entered, seeds among them too."""
    seeds, avoid = some(data, lists), some(data, lists)
    sizes = np.arange(10, 10 + len(lists), dtype=np.uint64)
    found = reach(oracle.references_of(lists), indexes(seeds), avoid=mask(lists, avoid), sizes=sizes)
    expected = oracle.reach(lists, seeds, avoid)
    assert set(np.flatnonzero(found.marks).tolist()) == expected
    assert found.total == sum(10 + node for node in expected)
    assert found.marks.max(initial=0) <= 1


@settings(max_examples=examples(1000), deadline=None)
@given(graphs(), st.data())
def test_ways_are_shortest(lists: Lists, data: st.DataObject) -> None:
    """Every step is a reference that is not left out, and no way is longer than it must be."""
    seeds, avoid = some(data, lists), some(data, lists)
    every = [(holder, held) for holder, targets in enumerate(lists) for held in targets]
    left_out = data.draw(st.lists(st.sampled_from(every), max_size=4)) if every else []
    ways = find_ways(
        oracle.references_of(lists), (indexes(seeds),), avoid=mask(lists, avoid), avoid_references=tuple(left_out)
    )
    kept = [[held for held in targets if (holder, held) not in left_out] for holder, targets in enumerate(lists)]
    expected = oracle.distances(kept, seeds, avoid)
    for node in range(len(lists)):
        way = ways.to(node)
        assert len(way) - 1 == expected.get(node, -1)
        assert int(ways.distance[node]) == expected.get(node, NONE)
        assert all(held in kept[holder] for holder, held in itertools.pairwise(way))
        assert not way or (way[0] in seeds and way[-1] == node)
    assert [expected[node] for node in ways.order.tolist()] == sorted(expected.values())


@settings(max_examples=examples(500), deadline=None)
@given(graphs(), st.data())
def test_a_later_tier_takes_only_what_earlier_ones_do_not_reach(lists: Lists, data: st.DataObject) -> None:
    """However short its way would be."""
    first, second = some(data, lists, 2), some(data, lists, 2)
    ways = find_ways(oracle.references_of(lists), (indexes(first), indexes(second)))
    near = oracle.distances(lists, first)
    far = oracle.distances(lists, second, near)
    for node in range(len(lists)):
        assert len(ways.to(node)) - 1 == near.get(node, far.get(node, -1))
        distance = near.get(node, far.get(node, NONE - TIER_DISTANCE) + TIER_DISTANCE)
        assert int(ways.distance[node]) == distance


@settings(max_examples=examples(300), deadline=None)
@given(graphs(), st.data())
def test_seeds_of_tiers_apart_are_entered_as_such_only(lists: Lists, data: st.DataObject) -> None:
    """Ways of an earlier tier do not lead through them; one that is in two tiers belongs to the first."""
    first, second, third = some(data, lists, 2), some(data, lists, 2), some(data, lists, 2)
    avoid = some(data, lists, 2)
    tiers = (indexes(first), indexes(second), indexes(third))
    ways = find_ways(oracle.references_of(lists), tiers, avoid=mask(lists, avoid), apart=2)
    near = oracle.distances(lists, first, [*avoid, *(node for node in second if node not in first)])
    far = oracle.distances(lists, second, [*avoid, *near])
    last = oracle.distances(lists, third, [*avoid, *near, *far])
    expected = last | far | near
    for node in range(len(lists)):
        assert len(ways.to(node)) - 1 == expected.get(node, -1)
    assert sorted(ways.order.tolist()) == sorted(expected)


@settings(max_examples=examples(1500), deadline=None)
@given(graphs(), st.data())
def test_what_is_lost_without_each_set(lists: Lists, data: st.DataObject) -> None:
    """Sets that hold each other, sets with roots in them, sets that are not reached, and objects in none."""
    seeds, set_count = some(data, lists), 4
    set_of = data.draw(st.lists(st.integers(0, set_count), min_size=len(lists), max_size=len(lists)))
    sizes = [3**node for node in range(len(lists))]
    found = lost_without(
        oracle.references_of(lists), indexes(seeds), indexes(set_of), set_count, np.array(sizes, dtype=np.uint64)
    )
    graph = oracle.with_root(lists, seeds)
    members = [[node for node, own in enumerate(set_of) if own == number] for number in range(set_count)]
    assert found.tolist() == [oracle.retained(graph, len(lists), nodes, [*sizes, 0]) for nodes in members]


def test_more_sets_than_one_pass_takes() -> None:
    """200 sets of a random graph need four passes; every one must agree."""
    generator = np.random.default_rng(5)
    count, set_count = 500, 200
    lists = [generator.integers(0, count, generator.poisson(1.2)).tolist() for _ in range(count)]
    set_of = generator.integers(0, set_count + 20, count)
    sizes = generator.integers(1, 99, count).tolist()
    seeds = [0, 1, 2]
    found = lost_without(
        oracle.references_of(lists), indexes(seeds), indexes(set_of), set_count, np.array(sizes, dtype=np.uint64)
    )
    graph = oracle.with_root(lists, seeds)
    for number in range(set_count):
        members = np.flatnonzero(set_of == number).tolist()
        assert int(found[number]) == oracle.retained(graph, count, members, [*sizes, 0])


def shape_names(kinds: list[int]) -> list[list[int]]:
    """Give the kinds after the first object for every link of one chain of these kinds."""
    lists = [[node + 1] for node in range(len(kinds) - 1)] + [[]]
    shapes = find_shapes(find_ways(oracle.references_of(lists), (indexes([0]),)), indexes(kinds))
    found = [shapes.steps(int(shapes.of[node])) for node in range(len(kinds))]
    assert {first for first, _ in found} == {0}
    return [steps for _, steps in found]


def test_shapes_name_the_kinds_on_the_way() -> None:
    """Module ──► dict ──► Registry ──► dict ──► Session; a kind that comes again is no repetition yet."""
    assert shape_names([9, 1, 2, 1, 3]) == [[], [1], [1, 2], [1, 2, 1], [1, 2, 1, 3]]


@pytest.mark.parametrize(("part", "longest"), [([5], [5, 5]), ([5, 6], [5, 6, 5, 6])])
def test_chains_have_no_shape_per_link(part: list[int], longest: list[int]) -> None:
    """Node ──► Node ──► ..., and Node ──► dict ──► Node ──► dict ──► ..."""
    steps = shape_names([9, *part * 50])
    assert max(steps, key=len) == longest
    assert all(one == longest[: len(one)] for one in steps)


def test_what_shapes_share_is_the_sequence_of_kinds() -> None:
    """0 ──► 1, 2, 3 of one kind, 1 ──► 4, 3 ──► 5 of one kind: two shapes below the first."""
    lists: Lists = [[1, 2, 3], [4], [], [5], [], [], []]
    kinds = indexes([7, 1, 1, 1, 2, 2, 1])
    shapes = find_shapes(find_ways(oracle.references_of(lists), (indexes([0]),)), kinds)
    assert len(set(shapes.of[[1, 2, 3]].tolist())) == 1
    assert int(shapes.of[4]) == int(shapes.of[5])
    assert int(shapes.of[6]) == NONE
    assert shapes.kind.size == 3


def test_when_there_are_too_many_shapes_ways_share_that_of_their_parent() -> None:
    """0 ──► 1 ──► 2, room for one shape beside the first."""
    ways = find_ways(oracle.references_of([[1], [2], []]), (indexes([0]),))
    shapes = find_shapes(ways, indexes([1, 2, 3]), max_shapes=1)
    assert shapes.of.tolist() == [0, 1, 1]


@pytest.mark.slow
def test_a_million_links_are_reached_and_have_few_shapes() -> None:
    """No recursion anywhere, also not where the seeds end."""
    count = 1_000_000
    offsets = np.minimum(np.arange(count + 1), count - 1).astype(np.uint64)
    references = References(offsets, np.arange(1, count, dtype=np.uint32))
    ones = np.ones(count, dtype=np.uint64)
    assert reach(references, indexes([5]), sizes=ones).total == count - 5
    ways = find_ways(references, (indexes([0]),))
    assert ways.to(count - 1) == list(range(count))
    assert find_shapes(ways, np.zeros(count, dtype=np.uint32)).kind.size == 3
    halves = indexes(np.arange(count) // (count // 2))
    assert lost_without(references, indexes([0]), halves, 2, ones).tolist() == [count, count // 2]


@pytest.mark.parametrize(
    ("offsets", "targets", "seed"),
    [([0, 1, 1], [2], 0), ([0, 9, 9], [0], 0), ([0, 1, 1 << 60], [1], 0), ([5, 5, 5], [0], 0), ([0, 1, 1], [1], 7)],
)
def test_damaged_references_are_an_error_and_no_crash(offsets: list[int], targets: list[int], seed: int) -> None:
    """Every walk checks every index."""
    references = References(np.array(offsets, dtype=np.uint64), indexes(targets))
    ones = np.ones(2, dtype=np.uint64)
    for walk in (
        lambda: reach(references, indexes([seed, 1])),
        lambda: find_ways(references, (indexes([seed, 1]),)),
        lambda: lost_without(references, indexes([seed, 1]), indexes([0, 1]), 2, ones),
    ):
        with pytest.raises(HeapscopeError):
            walk()


def test_columns_of_another_length_are_refused() -> None:
    """They belong to another snapshot."""
    references, short = oracle.references_of([[], []]), np.zeros(1, dtype=np.uint8)
    sizes = np.zeros(1, dtype=np.uint64)
    for call in (
        lambda: reach(references, indexes([0]), avoid=short),
        lambda: reach(references, indexes([0]), sizes=sizes),
        lambda: find_ways(references, (indexes([0]),), avoid=short),
        lambda: lost_without(references, indexes([0]), indexes([0, 0]), 1, sizes),
        lambda: references.in_degrees(skip=short),
    ):
        with pytest.raises(ValueError, match="length"):
            call()

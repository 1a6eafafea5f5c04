"""Dominators agree with their definition: take a node away, and see what is no longer reached."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.errors import HeapscopeError
from heapscope.graph.dominators import Dominators, RootGraph, accumulate, find_dominators, find_topmost
from heapscope.graph.library import NONE
from heapscope.graph.references import References, children_of_tree
from tests.support import oracle
from tests.support.examples import examples


def indexes(values: object) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """Give an array of object indexes."""
    return np.array(values, dtype=np.uint32).reshape(-1)


@dataclasses.dataclass(frozen=True)
class Case:
    """A graph with roots of every kind."""

    lists: list[list[int]]
    tops: list[int]
    groups: list[list[int]]

    def solve(self) -> Dominators:
        """Run the kernel."""
        groups = tuple(indexes(group) for group in self.groups)
        return find_dominators(oracle.references_of(self.lists), RootGraph(indexes(self.tops), groups))

    def graph(self) -> list[list[int]]:
        """Give the same for the oracle; its last node is the root."""
        return oracle.with_root(self.lists, self.tops, self.groups)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Loops, double references, unreachable parts, several groups that share members, with roots among them."""
    count = draw(st.integers(1, 14))
    index = st.integers(0, count - 1)
    lists = draw(st.lists(st.lists(index, max_size=4), min_size=count, max_size=count))
    tops = draw(st.lists(index, max_size=4))
    groups = draw(st.lists(st.lists(index, max_size=3), max_size=3))
    return Case(lists, tops, groups)


@settings(max_examples=examples(3000), deadline=None)
@given(cases())
def test_dominators_are_as_defined(case: Case) -> None:
    """On any graph, with any roots."""
    found = case.solve()
    expected = oracle.immediate_dominators(case.graph(), found.root)
    assert {node: int(above) for node, above in enumerate(found.immediate) if above != NONE} == expected


@settings(max_examples=examples(300), deadline=None)
@given(cases())
def test_order_puts_dominators_first_and_leaves_nothing_out(case: Case) -> None:
    """Sums over the tree rely on it."""
    found = case.solve()
    order = found.order.tolist()
    assert sorted(order) == sorted(oracle.reach(case.graph(), [found.root]))
    place = {node: at for at, node in enumerate(order)}
    assert order[0] == found.root
    assert all(place[int(found.immediate[node])] < place[node] for node in order[1:])


@settings(max_examples=examples(500), deadline=None)
@given(cases(), st.lists(st.integers(0, 1000), min_size=18, max_size=18))
def test_accumulated_sizes_are_what_is_lost_with_a_node(case: Case, sizes: list[int]) -> None:
    """The retained size, by its definition."""
    found, graph = case.solve(), case.graph()
    sizes = [*sizes[: len(case.lists)], *[0] * (len(graph) - len(case.lists))]
    sums = accumulate(found.immediate, found.order, np.array(sizes, dtype=np.uint64))
    for node in found.order.tolist():
        assert int(sums[node]) == oracle.retained(graph, found.root, [node], sizes)


@settings(max_examples=examples(200), deadline=None)
@given(st.integers(0, 10**6))
def test_graphs_of_some_hundred_nodes(seed: int) -> None:
    """Deeper trees than hypothesis finds by itself: compression and jumps have work to do."""
    generator = np.random.default_rng(seed)
    count = int(generator.integers(50, 150))
    local = generator.random() < 0.7
    lists = []
    for node in range(count):
        degree = int(generator.integers(0, 4))
        near = generator.integers(node - 3, node + 6, degree) if local else generator.integers(0, count, degree)
        lists.append([*np.clip(near, 0, count - 1).tolist(), *([node + 1] if node + 1 < count else [])])
    case = Case(lists, [0], [generator.integers(0, count, 2).tolist()])
    found = case.solve()
    expected = oracle.immediate_dominators(case.graph(), found.root)
    assert {node: int(above) for node, above in enumerate(found.immediate) if above != NONE} == expected


def chain(count: int, extra: int = 0) -> References:
    """0 ──► 1 ──► ... ──► count-1, and room for more objects without references."""
    offsets = np.minimum(np.arange(count + extra + 1), count - 1).astype(np.uint64)
    return References(offsets, np.arange(1, count, dtype=np.uint32))


@pytest.mark.slow
def test_a_chain_of_a_million_links() -> None:
    """Every link dominates the next; no recursion, no stack."""
    count = 1_000_000
    found = find_dominators(chain(count), RootGraph(indexes([0])))
    assert found.immediate[1:count].tolist() == list(range(count - 1))
    sums = accumulate(found.immediate, found.order, np.ones(count, dtype=np.uint64))
    assert sums[:count].tolist() == list(range(count, 0, -1))


@pytest.mark.slow
def test_a_million_shared_objects_under_a_chain_of_a_million_links() -> None:
    """Quadratic for a search along immediate dominators: 10**12 steps, an hour and a half.

    root ──► 0 ──► ... ──► last ──► each of a million        and root ──► each of a million
    """
    count = 1_000_000
    offsets = np.concatenate([np.arange(count), [2 * count - 1], np.full(count, 2 * count - 1)]).astype(np.uint64)
    targets = np.concatenate([np.arange(1, count), np.arange(count, 2 * count)]).astype(np.uint32)
    second_list = 2 * count
    offsets = np.append(offsets, [3 * count - 1]).astype(np.uint64)
    targets = np.concatenate([targets, np.arange(count, 2 * count, dtype=np.uint32)])
    found = find_dominators(References(offsets, targets), RootGraph(indexes([0, second_list])))
    assert (found.immediate[count : 2 * count] == found.root).all()
    assert found.immediate[1:count].tolist() == list(range(count - 1))


@pytest.mark.slow
def test_a_ring_of_a_million_that_is_entered_in_the_middle() -> None:
    """And every link refers back to the first."""
    count = 1_000_000
    targets = np.empty(2 * count, dtype=np.uint32)
    targets[0::2] = (np.arange(count) + 1) % count
    targets[1::2] = 0
    references = References(np.arange(0, 2 * count + 1, 2, dtype=np.uint64), targets)
    found = find_dominators(references, RootGraph(indexes([count // 2])))
    middle = count // 2
    assert int(found.immediate[middle]) == found.root
    assert found.immediate[middle + 1 : count].tolist() == list(range(middle, count - 1))
    assert int(found.immediate[0]) == middle
    assert found.immediate[1:middle].tolist() == list(range(middle - 1))


def test_the_chain_of_dominators_leads_to_the_root() -> None:
    """0 ──► 1 ──► 2, and 3 that nothing refers to."""
    found = Case([[1], [2], [], []], [0], []).solve()
    assert found.chain(2) == [1, 0, found.root]
    assert found.chain(3) == []
    assert [found.is_reached(node) for node in (0, 2, 3, found.root)] == [True, True, False, True]


def test_a_group_dominates_what_its_members_share() -> None:
    """Group ──► 0 ──► 2 ◄── 1 ◄── group: neither member alone holds 2."""
    found = Case([[2], [2], []], [], [[0, 1]]).solve()
    assert found.immediate[:3].tolist() == [found.group(0)] * 3
    assert int(found.immediate[found.group(0)]) == found.root


def test_no_roots_reach_nothing() -> None:
    """Neither does an empty graph."""
    assert Case([[0]], [], []).solve().order.tolist() == [1]
    empty = find_dominators(References(np.zeros(1, np.uint64), indexes([])), RootGraph(indexes([])))
    assert empty.order.tolist() == [0]


@pytest.mark.parametrize(("tops", "groups"), [([2], []), ([0], [[9]]), ([NONE], []), ([], [[0], [NONE - 1]])])
def test_roots_out_of_bounds_are_an_error(tops: list[int], groups: list[list[int]]) -> None:
    """They belong to another snapshot."""
    roots = RootGraph(indexes(tops), tuple(map(indexes, groups)))
    with pytest.raises(HeapscopeError):
        find_dominators(oracle.references_of([[1], [0]]), roots)


@pytest.mark.parametrize(
    ("offsets", "targets"),
    [([0, 1, 1], [2]), ([0, 9, 9], [0]), ([0, 1, 1 << 60], [1]), ([5, 5, 5], [0]), ([1, 0, 1], [0])],
)
def test_references_out_of_bounds_are_an_error_and_no_crash(offsets: list[int], targets: list[int]) -> None:
    """A damaged snapshot cannot make the kernel read elsewhere."""
    references = References(np.array(offsets, dtype=np.uint64), indexes(targets))
    with pytest.raises(HeapscopeError):
        find_dominators(references, RootGraph(indexes([0, 1])))


@settings(max_examples=examples(500), deadline=None)
@given(st.data())
def test_topmost_nodes_have_none_of_their_kind_above(data: st.DataObject) -> None:
    """On any tree; node 0 is its root."""
    count = data.draw(st.integers(1, 20))
    parent = [NONE, *(data.draw(st.integers(0, node - 1)) for node in range(1, count))]
    kinds = data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    values = np.arange(1, count + 1, dtype=np.uint64)
    found = find_topmost(children_of_tree(indexes(parent)), 0, indexes(kinds), 3, values)
    expected = []
    for node in range(count):
        above, kinds_above = parent[node], set()
        while above != NONE:
            kinds_above.add(kinds[above])
            above = parent[above]
        expected.append(int(kinds[node] < 3 and kinds[node] not in kinds_above))
    assert found.marks.tolist() == expected
    sums = [sum(node + 1 for node in range(count) if expected[node] and kinds[node] == kind) for kind in range(3)]
    assert found.sums.tolist() == sums


def test_what_is_no_tree_is_an_error() -> None:
    """0 ──► 1 ──► 0 would be walked for ever."""
    ring = oracle.references_of([[1], [0]])
    with pytest.raises(HeapscopeError):
        find_topmost(ring, 0, indexes([0, 0]), 1, np.ones(2, dtype=np.uint64))
    with pytest.raises(ValueError, match="length"):
        find_topmost(ring, 0, indexes([0]), 1, np.ones(2, dtype=np.uint64))


def test_sums_reject_trees_that_lead_elsewhere() -> None:
    """A parent or a place in the order that does not exist."""
    ones = np.ones(2, dtype=np.uint64)
    for parent, order in (([5, NONE], [0, 1]), ([NONE, 0], [0, 7])):
        with pytest.raises(HeapscopeError):
            accumulate(indexes(parent), indexes(order), ones)
    with pytest.raises(HeapscopeError):
        children_of_tree(indexes([NONE, 9]))

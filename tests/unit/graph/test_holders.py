"""Holders are numbered as defined, against a loop in plain Python; places are the first ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.errors import HeapscopeError
from heapscope.graph.holders import Holders, find_holders, find_places
from heapscope.graph.library import NONE
from heapscope.graph.reach import Ways, find_ways
from tests.support import oracle
from tests.support.examples import examples

FIRST_NAME = 3

Key = tuple[int, int]


def column(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """Give an array of object indexes."""
    return np.array(values, dtype=np.uint32)


def chain(*names: int) -> Holders:
    """Number the holders of a chain of objects of one kind, each with the name of the step to it."""
    lists = [[at + 1] for at in range(len(names) - 1)] + [[]]
    ways = find_ways(oracle.references_of(lists), (column([0]),))
    return find_holders(ways, column(list(names)), column([0] * len(names)), FIRST_NAME)


def slow_holders(ways: Ways, names: list[int], kinds: list[int]) -> list[tuple[Key, ...]]:
    """Give the holder of each object as its way, by definition; () where there is none."""
    found: list[tuple[Key, ...]] = [()] * len(names)
    for one in ways.order.tolist():
        above = int(ways.parent[one])
        key = names[one], kinds[one]
        if above == NONE:
            found[one] = (key,)
            continue
        way = found[above]
        is_named = key[0] >= FIRST_NAME
        tail = way[1:]  # the first one is why it is a root, and repeats nothing
        once, twice = tail[-1:] == (key,), tail[-2:] == (key, key)
        in_turn = tail[-2:-1] == (key,) and way[:-3] and tail[-3:-2] == tail[-1:]
        if names[one] == NONE or twice or (is_named and once):
            found[one] = way
        elif in_turn and (is_named or tail[-4:-3] == (key,)):
            found[one] = way[:-1]
        else:
            found[one] = (*way, key)
    return found


def way_of(holders: Holders, holder: int) -> tuple[Key, ...]:
    """Give a holder as its way."""
    way: list[Key] = []
    while holder != NONE:
        way.append((int(holders.name[holder]), int(holders.kind[holder])))
        holder = int(holders.parent[holder])
    return tuple(reversed(way))


GRAPHS = st.integers(1, 14).flatmap(
    lambda count: st.lists(st.lists(st.integers(0, count - 1), max_size=3), min_size=count, max_size=count)
)


@settings(max_examples=examples(200), deadline=None)
@given(GRAPHS, st.data())
def test_holders_are_the_different_named_ways(lists: list[list[int]], data: st.DataObject) -> None:
    """Few names and kinds, so that parts repeat."""
    count = len(lists)
    seeds = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=2, unique=True))
    names = data.draw(st.lists(st.sampled_from([0, 1, 3, 4, NONE]), min_size=count, max_size=count))
    for seed in seeds:
        names[seed] = 2
    kinds = data.draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    ways = find_ways(oracle.references_of(lists), (column(seeds),))
    found = find_holders(ways, column(names), column(kinds), FIRST_NAME)
    expected = slow_holders(ways, names, kinds)
    for one in range(count):
        assert (way_of(found, int(found.of[one])) if found.of[one] != NONE else ()) == expected[one]
    assert all(above == NONE or above < at for at, above in enumerate(found.parent.tolist()))
    for at, first in enumerate(found.first.tolist()):
        assert found.of[first] == at
        assert names[first] != NONE


@settings(max_examples=examples(80), deadline=None)
@given(GRAPHS)
def test_places_are_the_first_ones(lists: list[list[int]]) -> None:
    """Of the references of the object before each on its way; none for a first one and for what is not reached."""
    references = oracle.references_of(lists)
    ways = find_ways(references, (column([0]),))
    place = find_places(references, ways.parent).tolist()
    for one, above in enumerate(ways.parent.tolist()):
        assert place[one] == (NONE if above == NONE else lists[above].index(one))


def test_a_chain_is_one_holder_and_nested_lists_are_three() -> None:
    """However long; a name that repeats is one step, a position counts twice, as do two in turn."""
    assert chain(2, 3, 3, 3, 3, 3).of.tolist() == [0, 1, 1, 1, 1, 1]
    assert chain(2, 1, 1, 1, 1, 1).of.tolist() == [0, 1, 2, 2, 2, 2]
    assert chain(2, 3, 1, 3, 1, 3, 1, 3).of.tolist() == [0, 1, 2, 3, 4, 3, 4, 3]
    assert chain(2, 3, NONE, 4, NONE, 4).of.tolist() == [0, 1, 1, 2, 2, 2]


def test_beyond_the_limit_objects_share_the_holder_above_and_roots_have_their_own() -> None:
    """The nearest ones are numbered first, so what is merged is far from the roots."""
    lists = [[2, 3], [4], [5], [], [], []]
    ways = find_ways(oracle.references_of(lists), (column([0]), column([1])))
    names = column([2, 2, 3, 4, 5, 6])
    found = find_holders(ways, names, column([0, 1, 0, 0, 0, 0]), FIRST_NAME, limit=2)
    assert found.of.tolist() == [0, 2, 1, 0, 2, 1]


def test_columns_of_another_length_and_ways_out_of_bounds_are_refused() -> None:
    """The kernel would read beyond their end."""
    references = oracle.references_of([[1], []])
    ways = find_ways(references, (column([0]),))
    with pytest.raises(ValueError, match="columns"):
        find_places(references, ways.parent[:1])
    with pytest.raises(ValueError, match="columns"):
        find_holders(ways, column([1]), column([0, 0]), FIRST_NAME)
    broken = Ways(column([NONE, 7]), ways.order, ways.marks, ways.distance)
    with pytest.raises(HeapscopeError):
        find_holders(broken, column([1, 1]), column([0, 0]), FIRST_NAME)

"""References in compressed form can be turned around and counted without losing any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.errors import HeapscopeError
from heapscope.graph.library import NONE
from heapscope.graph.references import References, children_of_tree, referrers
from tests.support import oracle
from tests.support.heap import Heap

LISTS = st.lists(st.lists(st.integers(0, 7), max_size=6), min_size=8, max_size=8)


@settings(max_examples=1000, deadline=None)
@given(LISTS)
def test_reversed_holds_every_reference_the_other_way(lists: list[list[int]]) -> None:
    """Duplicates and loops included, sources ascending."""
    turned = oracle.references_of(lists).reversed()
    expected = [[source for source in range(8) for target in lists[source] if target == index] for index in range(8)]
    assert [turned.of(index).tolist() for index in range(8)] == expected
    assert turned.counts().sum() == turned.targets.size


@settings(max_examples=1000, deadline=None)
@given(LISTS)
def test_merged_references_name_each_holder_once(lists: list[list[int]]) -> None:
    """However often it refers to the object."""
    turned = oracle.references_of(lists).reversed(merge=True)
    expected = [[source for source in range(8) if index in lists[source]] for index in range(8)]
    assert [turned.of(index).tolist() for index in range(8)] == expected
    assert turned.counts().sum() == turned.targets.size


@given(LISTS, st.lists(st.integers(0, 1), min_size=8, max_size=8))
def test_in_degrees_count_what_is_not_skipped(lists: list[list[int]], skip: list[int]) -> None:
    """Parallel references count each: every one owns a count."""
    references = oracle.references_of(lists)
    kept = [targets for targets, leave_out in zip(lists, skip, strict=True) if not leave_out]
    expected = [sum(targets.count(index) for targets in kept) for index in range(8)]
    assert references.in_degrees(skip=np.array(skip, dtype=np.uint8)).tolist() == expected
    assert references.in_degrees().sum() == references.targets.size


@given(LISTS, st.lists(st.integers(0, 7), max_size=5))
def test_the_lists_of_several_objects_come_one_after_the_other(lists: list[list[int]], chosen: list[int]) -> None:
    """Empty ones included."""
    found = oracle.references_of(lists).of_all(np.array(chosen, dtype=np.uint32))
    assert found.tolist() == [target for index in chosen for target in lists[index]]


def test_children_of_a_forest() -> None:
    """1 and 3 below 0, 4 below 3; 2 alone."""
    parent = np.array([NONE, 0, NONE, 0, 3], dtype=np.uint32)
    children = children_of_tree(parent)
    assert [children.of(node).tolist() for node in range(5)] == [[1, 3], [], [], [4], []]


def test_referrers_of_a_snapshot() -> None:
    """Two references of one holder are one referrer."""
    heap = Heap()
    held, holder = heap.object(), heap.object()
    holder.refers_to(held, held, holder)
    index = referrers(heap.snapshot())
    assert [index.of(item).tolist() for item in (0, 1)] == [[1], [1]]


@pytest.mark.parametrize(
    ("offsets", "targets"),
    [([0, 1, 1], [2]), ([0, 9, 9], [0]), ([0, 1, 1 << 60], [0]), ([5, 5, 5], [0]), ([2, 0, 0], [0])],
)
def test_references_out_of_bounds_are_an_error_and_no_crash(offsets: list[int], targets: list[int]) -> None:
    """The kernels check every index."""
    references = References(np.array(offsets, dtype=np.uint64), np.array(targets, dtype=np.uint32))
    for merge in (False, True):
        with pytest.raises(HeapscopeError):
            references.reversed(merge=merge)
    with pytest.raises(HeapscopeError):
        references.in_degrees()

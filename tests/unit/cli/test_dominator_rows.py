"""The rows of the dominator tree, whatever the heap: a tree, largest first, that adds up."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from heapscope.cli.dominator_rows import tree_rows
from heapscope.service.queries import HeapQueries
from tests.support.heap import Heap
from tests.support.roots import random_heaps, snapshot_with_counts


def rows_of(heap: Heap, **options: Any) -> list[dict[str, Any]]:
    """Give the rows."""
    queries = HeapQueries(snapshot_with_counts(heap))
    chosen: dict[str, Any] = {"merge": True, "depth": 50, "limit": 0} | options
    return tree_rows(queries, None, **chosen).rows


def tree_part(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the bucket of garbage and its types."""
    at = next((number for number, row in enumerate(rows) if row["root_kind"] == "garbage"), len(rows))
    return rows[:at]


@given(random_heaps(), st.booleans())
def test_every_byte_stands_in_the_tree_once(heap: Heap, merge: bool) -> None:
    """Top rows and garbage are the heap; below each row is what it retains, but for its own bytes."""
    rows = rows_of(heap, merge=merge)
    tops = [row for row in rows if row["depth"] == 1]
    assert sum(row["retained_bytes"] for row in tops) == sum(item.size for item in heap.objects)
    part = tree_part(rows)
    assert sum(row["count"] for row in part if row["address"] or row["root_kind"] != "thread") + sum(
        row["count"] for row in tops if row["root_kind"] == "garbage"
    ) == len(heap.objects)
    for at, row in enumerate(part):
        below = []
        for other in part[at + 1 :]:
            if other["depth"] <= row["depth"]:
                break
            below.append(other)
        children = [other["retained_bytes"] for other in below if other["depth"] == row["depth"] + 1]
        assert row["retained_bytes"] == row["shallow_bytes"] + sum(children)
        assert children == sorted(children, reverse=True)


@given(random_heaps(), st.integers(1, 9), st.integers(1, 4), st.booleans())
def test_a_limit_keeps_the_largest_rows(heap: Heap, limit: int, depth: int, merge: bool) -> None:
    """In the same order; what is left out retains no more than what is shown, and parents stay."""
    every = tree_part(rows_of(heap, merge=merge, depth=depth))
    found = rows_of(heap, merge=merge, depth=depth, limit=limit)
    part = tree_part(found)
    assert len(found) <= max(limit, 1 + len(found) - len(part))
    left = list(every)
    for row in part:  # a subsequence
        while left.pop(0) != row:
            pass
    sizes = sorted((row["retained_bytes"] for row in every), reverse=True)
    assert sorted((row["retained_bytes"] for row in part), reverse=True) == sizes[: len(part)]
    assert all(row["depth"] <= before["depth"] + 1 for before, row in itertools.pairwise(part))

"""What is asked about a heap is answered as brute force answers it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from heapscope.errors import Cancelled, UsageError
from heapscope.graph.library import Oversight
from heapscope.service import queries
from heapscope.service.object_view import ObjectView
from heapscope.service.queries import HeapQueries
from heapscope.service.type_table import figures_of_table
from heapscope.snapshot.contents import sum_by_type
from tests.support import oracle
from tests.support.heap import Heap
from tests.support.roots import random_heaps, roots_of_lists, snapshot_with_counts
from tests.support.shop import SESSION, Shop


@given(random_heaps())
def test_retained_sizes_of_types_are_those_of_brute_force(heap: Heap) -> None:
    """Exact ones equal, lower bounds no larger; each type once, with its objects."""
    asked = HeapQueries(snapshot_with_counts(heap))
    names = [item.type_name for item in heap.objects]
    lists = roots_of_lists(asked.snapshot)
    led = [asked.roots.references.of(one).tolist() for one in range(len(lists))]
    graph = oracle.with_root(led, asked.roots.seeds().tolist())
    sizes = [item.size for item in heap.objects] + [0]
    rows = asked.types()
    assert sorted(row.type_name for row in rows) == sorted(set(names))
    for row in rows:
        members = [at for at, name in enumerate(names) if name == row.type_name]
        assert row.count == len(members)
        assert not row.retained_is_minimum
        assert row.retained_bytes == oracle.retained(graph, len(led), members, sizes)


@given(random_heaps())
def test_lower_bounds_are_no_larger_and_marked(heap: Heap) -> None:
    """A row that is not marked is exact, however little was computed."""
    exact = {row.type_name: row.retained_bytes for row in HeapQueries(snapshot_with_counts(heap)).types()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queries, "EXACT_TYPES", 0)
        rows = HeapQueries(snapshot_with_counts(heap)).types(recursive=False)
    for row in rows:
        bound, size = row.retained_bytes, exact[row.type_name]
        assert bound is not None
        assert size is not None
        # What is zero for every object may still be held by several of them together: these are marked too, or equal.
        assert bound <= size if row.retained_is_minimum else bound == size


@given(random_heaps())
def test_what_an_object_retains_is_counted_as_brute_force_does(heap: Heap) -> None:
    """The number of objects, and their bytes; nothing for garbage."""
    asked = HeapQueries(snapshot_with_counts(heap))
    led = [asked.roots.references.of(one).tolist() for one in range(len(heap.objects))]
    graph = oracle.with_root(led, asked.roots.seeds().tolist())
    reached = oracle.reach(graph, [len(led)])
    for at in range(len(heap.objects)):
        view = ObjectView(asked, at)
        lost = reached - oracle.reach(graph, [len(led)], [at])
        assert (view.retained_count, view.is_reachable) == (len(lost), at in reached)
        assert view.retained_size == sum(heap.objects[one].size for one in lost)


@given(random_heaps())
def test_the_table_of_a_file_says_the_same_of_types(heap: Heap) -> None:
    """Names that several type objects share are one row."""
    heap.types["m.Again"] = heap.types[heap.objects[0].type_name] | {"address": 0x55E0_0001_0000}
    snapshot = snapshot_with_counts(heap)
    table = sum_by_type(snapshot.types, snapshot.type_index, snapshot.shallow, snapshot.allocated)
    assert figures_of_table(table) == HeapQueries(snapshot).types(recursive=False, retained=False)


def test_addresses_and_names_are_found_or_refused() -> None:
    """A built-in type may be named short; nothing is guessed."""
    shop = Shop()
    asked = HeapQueries(shop.snapshot())
    assert [asked.index_of(item.address) for item in shop.heap.objects] == list(range(len(shop.heap.objects)))
    assert asked.find_type("dict") == asked.find_type("builtins.dict") == "builtins.dict"
    for name in ("Session", "other.Session", "", ".", "dic"):
        with pytest.raises(UsageError) as caught:
            asked.find_type(name)
        assert (SESSION in caught.value.hint) == name.endswith("Session")
    for address in (0, -1, 1 << 64, shop.cart.address + 1):
        with pytest.raises(UsageError):
            asked.index_of(address)


def test_everything_long_can_be_given_up() -> None:
    """Whoever watches is asked."""
    snapshot = Shop().snapshot()
    for ask in (
        lambda heap: heap.roots,
        lambda heap: heap.tree,
        lambda heap: heap.paths,
        lambda heap: heap.referrers,
        lambda heap: heap.types(),
        lambda heap: heap.recursive_size(np.array([0], dtype=np.uint32)),
    ):
        with pytest.raises(Cancelled):
            ask(HeapQueries(snapshot, Oversight(is_cancelled=lambda: True)))

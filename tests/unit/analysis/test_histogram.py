"""Histograms count what the snapshot holds, and their difference says what changed."""

from __future__ import annotations

import pytest

from heapscope.analysis.diff import diff_histograms
from heapscope.analysis.dominators import build_dominator_tree
from heapscope.analysis.histogram import Histogram, add_retained, build_histogram
from heapscope.analysis.retained import retained_by_type
from heapscope.errors import Cancelled
from tests.support.heap import Heap


def cache_heap(entries: int) -> Heap:
    """A cache with one dict and so many strings of 60 bytes."""
    heap = Heap()
    heap.type("m.Unused")
    content = heap.object("builtins.dict", size=200)
    heap.object("m.Cache", size=48).refers_to(content)
    for _ in range(entries):
        content.refers_to(heap.object("builtins.str", size=60))
    return heap


def test_rows_are_sorted_by_shallow_bytes_and_add_up() -> None:
    """Types without instances have no row."""
    histogram = build_histogram(cache_heap(10).snapshot())
    assert [(row.type_name, row.count, row.shallow_bytes) for row in histogram.rows] == [
        ("builtins.str", 10, 600),
        ("builtins.dict", 1, 200),
        ("m.Cache", 1, 48),
    ]
    assert histogram.total_count == 12
    assert histogram.total_shallow_bytes == sum(row.shallow_bytes for row in histogram.rows) == 848
    assert histogram.total_allocated_bytes == sum(row.allocated_bytes for row in histogram.rows) == 10 * 64 + 208 + 48
    assert sum(row.share for row in histogram.rows) == pytest.approx(1.0)
    assert [row.recursive_bytes for row in histogram.rows] == [600, 800, 848]
    assert all(row.retained_bytes is None for row in histogram.rows)


def test_recursive_sizes_can_be_left_out() -> None:
    """They cost a walk over all references."""
    assert {row.recursive_bytes for row in build_histogram(cache_heap(2).snapshot(), recursive=False).rows} == {None}


def test_type_objects_of_one_name_share_a_row() -> None:
    """Two classes with one name, as made by a function called twice: A(10) ──► dict ◄── A(20)."""
    heap = Heap()
    shared = heap.object("builtins.dict", size=100)
    heap.object("m.A", size=10).refers_to(shared)
    heap.object("m.B", size=20).refers_to(shared)
    heap.object("m.B", size=20)
    heap.types["m.B"]["name"] = "m.A"
    row = next(row for row in build_histogram(heap.snapshot()).rows if row.type_name == "m.A")
    assert (row.count, row.type_count, row.shallow_bytes, row.recursive_bytes) == (3, 2, 50, 150)
    assert row.type_index == 2


def test_an_empty_heap_has_no_rows() -> None:
    """And no division by zero."""
    assert build_histogram(Heap().snapshot()) == Histogram((), 0, 0, 0)


def test_building_can_be_cancelled() -> None:
    """The signal is handed on to the kernels' passes."""
    with pytest.raises(Cancelled):
        build_histogram(cache_heap(1).snapshot(), is_cancelled=lambda: True)


def test_a_histogram_does_not_differ_from_itself() -> None:
    """Unchanged rows are left out."""
    histogram = build_histogram(cache_heap(3).snapshot())
    assert diff_histograms(histogram, histogram) == ()


def test_differences_are_new_minus_base_largest_growth_first() -> None:
    """Grown, new and vanished types."""
    base, later = cache_heap(10), cache_heap(15)
    base.object("m.Gone", size=500)
    later.object("m.New", size=16)
    deltas = diff_histograms(build_histogram(base.snapshot()), build_histogram(later.snapshot()))
    assert [(delta.type_name, delta.count_delta, delta.shallow_delta) for delta in deltas] == [
        ("builtins.str", 5, 300),
        ("m.New", 1, 16),
        ("builtins.dict", 0, 0),
        ("m.Cache", 0, 0),
        ("m.Gone", -1, -500),
    ]
    by_name = {delta.type_name: delta for delta in deltas}
    assert by_name["m.Cache"].recursive_delta == 300
    assert by_name["m.Gone"].new is None
    assert by_name["m.New"].base is None
    assert by_name["m.New"].recursive_delta == 16


def test_recursive_deltas_need_both_sides() -> None:
    """A histogram without recursive sizes gives none."""
    base = build_histogram(cache_heap(1).snapshot(), recursive=False)
    deltas = diff_histograms(base, build_histogram(cache_heap(2).snapshot()))
    assert {delta.recursive_delta for delta in deltas} == {None}


def held_heap() -> Heap:
    """A module with a cache of boxes, two of which share a string.

    module ──► Cache ──► Box(1) ──► Text(1)
                 │  └──► Box(2) ──► Text(2) ◄── Box(3) ◄── Cache
                 └─────► Alone
    """
    heap = Heap()
    module, cache = heap.object("builtins.module", size=70), heap.object("m.Cache", size=100)
    module.refers_to(cache)
    heap.root(module, label="m")
    texts = [heap.object("m.Text", size=1_000), heap.object("m.Text", size=1_000)]
    for text in (texts[0], texts[1], texts[1]):
        cache.refers_to(heap.object("m.Box", size=10).refers_to(text))
    cache.refers_to(heap.object("m.Alone", size=5))
    return heap


def test_retained_sizes_are_added_by_name_and_say_whether_they_are_exact() -> None:
    """The lower bound misses what two boxes hold together; one object has no lower bound but its own size."""
    snapshot = held_heap().snapshot()
    tree = build_dominator_tree(snapshot)
    plain = build_histogram(snapshot, recursive=False)
    exact = {row.type_name: row for row in add_retained(plain, retained_by_type(tree)).rows}
    assert {name: row.retained_bytes for name, row in exact.items()} == {
        "builtins.module": 70 + 100 + 30 + 2_000 + 5,
        "m.Cache": 100 + 30 + 2_000 + 5,
        "m.Box": 30 + 2_000,
        "m.Text": 2_000,
        "m.Alone": 5,
    }
    assert all(row.is_retained_exact for row in exact.values())
    bounds = {row.type_name: row for row in add_retained(plain, retained_by_type(tree, exact=[])).rows}
    assert bounds["m.Box"].retained_bytes == 30 + 1_000
    assert {name for name, row in bounds.items() if not row.is_retained_exact} == {"m.Box", "m.Text"}


def test_retained_sizes_of_another_snapshot_are_refused() -> None:
    """A missing name must not become a zero."""
    tree = build_dominator_tree(cache_heap(1).snapshot())
    with pytest.raises(KeyError):
        add_retained(build_histogram(held_heap().snapshot(), recursive=False), retained_by_type(tree))

"""Growth between two snapshots: what is compared by name, what by address, and what an instance costs on either side."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heapscope.analysis.growth import GrowthRow, measure_growth
from heapscope.snapshot.model import Snapshot, SnapshotMeta
from heapscope.wire.protocol import DictState
from tests.support.heap import FIRST_OBJECT, Heap, instances_record

ITEM, OTHER = "app.Item", "app.Other"


def heap_of(*places: tuple[int, str], size: int = 100) -> Heap:
    """Make a heap with an object of a type at each place; places are numbers, not addresses."""
    heap = Heap()
    for place, name in places:
        heap.object(name, size=size).address = FIRST_OBJECT + 0x40 * place
    return heap


def snapshot(heap: Heap, at_s: float = 0.0, **meta: Any) -> Snapshot:
    """Build a snapshot of process 7."""
    return heap.snapshot(SnapshotMeta(**{"pid": 7, "process_start_time": 5.0, "captured_at": at_s} | meta))


def by_name(rows: tuple[GrowthRow, ...]) -> dict[str, GrowthRow]:
    """Index rows."""
    return {row.type_name: row for row in rows}


def test_a_place_that_is_used_again_by_another_type_is_one_gone_and_one_new() -> None:
    """Address 2 was an Item and is an Other; 1 stayed; 3 is new."""
    rows = by_name(
        measure_growth(
            snapshot(heap_of((1, ITEM), (2, ITEM))), snapshot(heap_of((1, ITEM), (2, OTHER), (3, ITEM)), at_s=120.0)
        )
    )
    assert (rows[ITEM].new, rows[ITEM].gone, rows[ITEM].count_delta) == (1, 1, 0)
    assert (rows[OTHER].new, rows[OTHER].gone, rows[OTHER].count_delta) == (1, 0, 1)
    assert rows[OTHER].per_minute == 50.0


def test_two_processes_have_no_addresses_in_common() -> None:
    """The same number on another host, or after a restart, is another process."""
    left = snapshot(heap_of((1, ITEM)))
    for meta in ({"pid": 8}, {"host_name": "other"}, {"process_start_time": 50.0}):
        (row,) = measure_growth(left, snapshot(heap_of((1, ITEM)), **meta))
        assert (row.new, row.gone, row.count_delta, row.per_minute) == (None, None, 0, None)


def test_an_instance_costs_what_it_keeps_its_attributes_in_too() -> None:
    """Before: 10 instances with values; after: 20 with slots. Objects alone would show nothing of it."""
    old, new = heap_of((1, ITEM)), heap_of((1, ITEM))
    old.instances.append(instances_record(old.type(ITEM), 10, states={DictState.VALUES: [10, 880, 960]}))
    new.instances.append(instances_record(new.type(ITEM), 20, states={DictState.NONE: [20, 1120, 1280]}))
    (row,) = measure_growth(snapshot(old), snapshot(new))
    assert (row.instance_before, row.instance_after) == (96.0, 64.0)


def test_types_with_objects_on_one_side_only_are_listed_and_those_with_none_are_not() -> None:
    """The largest growth comes first."""
    new = heap_of((1, OTHER), size=10)
    new.type("app.Never")
    rows = measure_growth(snapshot(heap_of((1, ITEM))), snapshot(new))
    assert [(row.type_name, row.shallow_delta) for row in rows] == [(OTHER, 10), (ITEM, -100)]


PLACES = st.dictionaries(st.integers(0, 12), st.sampled_from([ITEM, OTHER, "app.Third"]), max_size=12)


@given(PLACES, PLACES)
def test_new_and_gone_are_those_of_the_sets(old: dict[int, str], new: dict[int, str]) -> None:
    """Against sets of (place, type); counts balance."""
    rows = measure_growth(snapshot(heap_of(*old.items())), snapshot(heap_of(*new.items())))
    for row in rows:
        before = {place for place, name in old.items() if name == row.type_name}
        after = {place for place, name in new.items() if name == row.type_name}
        assert (row.new, row.gone) == (len(after - before), len(before - after))
        assert (row.count_before, row.count_after) == (len(before), len(after))
    assert {row.type_name for row in rows} == {*old.values(), *new.values()}
    assert np.sum([row.shallow_delta for row in rows]) == 100 * (len(new) - len(old))

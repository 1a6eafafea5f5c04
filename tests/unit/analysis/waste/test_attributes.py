"""Waste in how instances keep attributes: dicts that code asked for, own keys, too many attributes, room for none. By version."""

from __future__ import annotations

import pytest

from heapscope.analysis.waste.model import Pattern, Precision
from heapscope.wire.protocol import DictState
from tests.support.heap import HeapObject
from tests.support.waste_heap import INLINE_VALUES, TEXT_TABLES, WasteHeap, block, row_of, rows_of

# Allocated bytes of a plain instance that was trained to so many attributes, as measured on real interpreters.
MEASURED = {("3.10.13", 3): 160, ("3.11.7", 3): 112, ("3.12.1", 3): 96, ("3.13.0", 3): 96, ("3.13.0", 8): 144}


def space(heap: WasteHeap, names: int, table: int) -> HeapObject:
    """Add the dict of an instance."""
    item = heap.blocks("builtins.dict", 64, table, length=names, fingerprint=5)
    return item.refers_to(*[heap.module] * (2 * names))


def instances(
    version: str, state: int, own: int, table: int, *, count: int = 10, names: int = 3, flags: int = 0, base: str = ""
) -> WasteHeap:
    """Give a heap with instances of one class, each with a dict object."""
    heap = WasteHeap(version)
    heap.cls()
    heap.types["app.Item"]["tp_flags"] |= flags
    if base:
        heap.type(base, is_heap=False, basicsize=40)
        heap.types["app.Item"]["mro"].insert(1, heap.types[base]["address"])
    items = [heap.instance(state, own, "app.Item", space(heap, names, table)) for _ in range(count)]
    heap.put("ITEMS", heap.list(items))
    return heap


@pytest.mark.parametrize(
    ("version", "state", "table", "each"),
    [
        ("3.11.7", DictState.SPLIT, 40, 64),
        ("3.12.1", DictState.SPLIT, 40, 64),
        ("3.13.0", DictState.MATERIALISED, 0, 64),
        ("3.13.0", DictState.SPLIT, 48, 64 + 48),
        ("3.15.2", DictState.MATERIALISED, 0, 64),
    ],
)
def test_dicts_that_code_asked_for(version: str, state: int, table: int, each: int) -> None:
    """On 3.11 and 3.12 the values stay when the dict goes; on 3.13 they are inline already."""
    heap = instances(version, state, 96, table, flags=INLINE_VALUES if version >= "3.13" else 0)
    row = row_of(heap, Pattern.DICT_READ)
    assert (row.count, row.saves_bytes, row.precision) == (10, 10 * each, Precision.EXACT)
    assert row.bytes_now == 10 * (96 + 64 + block(table))
    assert row.type_name == "app.Item"
    assert "vars()" in row.fix


@pytest.mark.parametrize(
    ("version", "state", "flags", "base"),
    [
        ("3.10.13", DictState.SPLIT, 0, ""),  # every instance has one there
        ("3.13.0", DictState.SPLIT, 0, ""),  # no inline values, so a dict is the only place
        ("3.12.1", DictState.SPLIT, 0, "builtins.list"),  # the same, from its first attribute on
        ("3.13.0", DictState.MATERIALISED, INLINE_VALUES, "builtins.BaseException"),
    ],
)
def test_dicts_that_cannot_be_helped(version: str, state: int, flags: int, base: str) -> None:
    """Nobody asked for them."""
    assert rows_of(instances(version, state, 96, 40, flags=flags, base=base), Pattern.DICT_READ) == []


@pytest.mark.parametrize(
    ("version", "saves"),
    [
        ("3.10.13", block(168) - block(40)),  # the dict stays, with five values
        ("3.12.1", 64 + block(TEXT_TABLES[5]) - block(8 + 32)),  # a block of four values comes instead
        ("3.13.0", 64 + block(TEXT_TABLES[5])),
    ],
)
def test_dicts_with_keys_of_their_own(version: str, saves: int) -> None:
    """What shared keys would need instead depends on the version."""
    table = 168 if version < "3.11" else TEXT_TABLES[5]
    heap = instances(version, DictState.COMBINED, 48, table, flags=INLINE_VALUES if version >= "3.13" else 0)
    row = row_of(heap, Pattern.UNSHARED)
    assert (row.count, row.saves_bytes, row.precision) == (10, 10 * saves, Precision.ESTIMATE)
    assert ("same order" in row.fix) is (version < "3.11")


@pytest.mark.parametrize(("version", "limit"), [("3.11.7", 29), ("3.13.0", 29), ("3.14.10", 30), ("3.15.2", 30)])
def test_the_cliff_is_where_the_version_has_it(version: str, limit: int) -> None:
    """One attribute more than a class can share keys for."""
    for names, pattern in ((limit, Pattern.UNSHARED), (limit + 1, Pattern.CLIFF)):
        heap = instances(version, DictState.COMBINED, 328, TEXT_TABLES[85], names=names, flags=INLINE_VALUES)
        assert {row.pattern for row in _attribute_rows(heap)} == {pattern}


def _attribute_rows(heap: WasteHeap) -> list:
    return [row for one in (Pattern.UNSHARED, Pattern.CLIFF, Pattern.DICT_READ) for row in rows_of(heap, one)]


def test_too_many_attributes_would_be_two_objects() -> None:
    """30 attributes on 3.13: 1,920 bytes, or two objects with 16 each."""
    heap = instances("3.13.0", DictState.COMBINED, 320, 1520, names=30, flags=INLINE_VALUES)
    row = row_of(heap, Pattern.CLIFF)
    assert row.bytes_now == 10 * 1920
    half = block(16 + 16 + 16 + 8 * 18 + 24)  # 17 shared keys
    assert row.saves_bytes == 10 * (1920 - 2 * half)
    assert "__slots__: 272B" in row.fix
    assert row.precision is Precision.ESTIMATE


def test_there_is_no_cliff_before_3_11() -> None:
    """Dicts grow there as others do."""
    heap = instances("3.10.13", DictState.COMBINED, 48, 1120, names=35)
    assert rows_of(heap, Pattern.CLIFF) == []
    assert rows_of(heap, Pattern.UNSHARED) != []


def polluted(version: str, own: int, usual: int, rare: int, count: int = 200) -> WasteHeap:
    """Give a heap with instances without a dict, one of which has had many more attributes."""
    heap = WasteHeap(version)
    heap.cls()
    state = DictState.VALUES if version < "3.13" else DictState.INLINE
    items = [heap.instance(state, own, "app.Item") for _ in range(count)]
    for item in items:
        item.allocated = own
    names = {f"a{number}": count for number in range(usual)} | {f"rare{number}": 1 for number in range(rare)}
    heap.facts("app.Item", count, names)
    heap.put("ITEMS", heap.list(items))
    return heap


@pytest.mark.parametrize(
    ("version", "own", "then"), [("3.11.7", 320, 112), ("3.12.1", 304, 96), ("3.13.0", 320, 96), ("3.14.10", 320, 96)]
)
def test_one_instance_with_many_attributes_makes_all_larger(version: str, own: int, then: int) -> None:
    """Measured: one early outlier with 24 extra keys."""
    heap = polluted(version, own, 3, 24)
    heap.types["app.Item"]["basicsize"] = 24 if version.startswith("3.11") else 16
    row = row_of(heap, Pattern.RESERVED)
    assert (row.count, row.saves_bytes) == (200, 200 * (own - then))
    assert len(row.names) == 24
    assert "seldom set are rare0" in row.fix
    assert "and 18 more" in row.fix


def test_instances_of_the_usual_size_reserve_nothing() -> None:
    """One spare place is what the interpreter always keeps; a class with more attributes has more."""
    assert rows_of(polluted("3.13.0", 96, 3, 0), Pattern.RESERVED) == []
    assert rows_of(polluted("3.13.0", 144, 8, 0), Pattern.RESERVED) == []
    assert rows_of(polluted("3.10.13", 320, 3, 24), Pattern.RESERVED) == []


def test_a_class_without_attributes_of_its_own_needs_no_room() -> None:
    """Such as one that forgot __slots__ below a base that has them."""
    row = row_of(polluted("3.13.0", 320, 0, 0), Pattern.RESERVED)
    assert "__slots__ = ()" in row.fix


def test_a_common_attribute_is_not_rare() -> None:
    """One in a hundred is."""
    heap = polluted("3.13.0", 320, 3, 0)
    heap.instances[0]["attributes"] |= {"often": 2, "seldom": 1}
    row = row_of(heap, Pattern.RESERVED)
    assert row.names == ("seldom",)
    assert row.bytes_now - row.saves_bytes == 200 * block(48 + 8 * 6 + 8)

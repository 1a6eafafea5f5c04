"""Waste in containers: records, numbers, room that is not used, what is empty. Each with its boundaries."""

from __future__ import annotations

import pytest

from heapscope.analysis.waste.model import Pattern, Precision
from heapscope.analysis.waste.owners import owner_text
from heapscope.wire.protocol import DictState, Flag
from tests.support.waste_heap import GC, OTHER_TABLES, TEXT_TABLES, WasteHeap, block, report_of, row_of, rows_of


def records(version: str = "3.12.1", count: int = 20, keys: tuple[str, ...] = ("id", "name", "price")) -> WasteHeap:
    """Give a heap with a list of dicts that have the same keys."""
    heap = WasteHeap(version)
    names = [heap.text(key) for key in keys]
    value = heap.number(refcount=3 * count)
    rows = [heap.dict(dict.fromkeys(names, value), shape=77, table=TEXT_TABLES[5]) for _ in range(count)]
    heap.put("ROWS", heap.list(rows))
    return heap


def test_dicts_with_the_same_keys_are_records() -> None:
    """What they cost, what slotted objects would, the keys, who holds them, and what to do."""
    row = row_of(records(), Pattern.RECORDS)
    now, then = 64 + block(TEXT_TABLES[5]), block(16 + 16 + 8 * 3)
    assert (row.count, row.bytes_now, row.saves_bytes) == (20, 20 * now, 20 * (now - then))
    assert row.precision is Precision.EXACT
    assert row.names == ("id", "name", "price")
    assert row.subject == "dicts with id, name, price"
    assert owner_text(row.owner) == "module app > .ROWS list > [] dict"
    assert row.owner is not None
    assert row.owner.share == 1.0
    assert "@dataclass(slots=True)" in row.fix
    assert f"{then}B each instead of {now}B" in row.fix


def test_the_fix_for_records_is_one_that_the_version_has() -> None:
    """@dataclass(slots=True) is 3.10's."""
    heap = WasteHeap("3.9.18")
    key = heap.text("id")
    table = 40 + 8 + 24 * 5
    rows = [heap.dict({key: heap.number()}, shape=5, table=table) for _ in range(16)]
    heap.put("ROWS", heap.list(rows))
    row = row_of(heap, Pattern.RECORDS)
    assert "dataclass" not in row.fix
    assert "__slots__" in row.fix
    assert row.saves_bytes == 16 * (64 + 176 - 48)


def test_a_few_dicts_are_no_records_and_neither_are_namespaces() -> None:
    """Fifteen may be anything; the dict of an instance is its own affair."""
    assert rows_of(records(count=15), Pattern.RECORDS) == []
    heap = WasteHeap()
    heap.cls()
    key = heap.text("id")
    spaces = [heap.dict({key: heap.number()}, shape=9, table=TEXT_TABLES[5]) for _ in range(30)]
    heap.put("ITEMS", heap.list([heap.instance(DictState.COMBINED, 48, "app.Item", space) for space in spaces]))
    assert rows_of(heap, Pattern.RECORDS) == []


def test_keys_that_are_no_names_are_counted_not_shown() -> None:
    """Texts of a target are not recorded; keys of parsed JSON are such texts."""
    heap = WasteHeap()
    known, unknown = heap.text("id"), heap.string(7, 123)
    rows = [heap.dict({known: heap.number(), unknown: heap.number()}, shape=9, table=TEXT_TABLES[5]) for _ in range(20)]
    heap.put("ROWS", heap.list(rows))
    row = row_of(heap, Pattern.RECORDS)
    assert row.subject == "dicts with the same 2 keys"
    assert row.names == ("id",)
    assert row.details == ("1 of 2 keys are no names that the capture recorded",)


def test_different_shapes_are_different_rows_and_as_many_keys_with_the_same_sum_are_not_mixed() -> None:
    """The fingerprint is a sum: how many keys there are belongs to it."""
    heap = WasteHeap()
    keys = [heap.text(name) for name in ("a", "b", "c")]
    for count in (2, 3):
        chosen = dict.fromkeys(keys[:count], heap.number())
        heap.put(f"ROWS{count}", heap.list([heap.dict(chosen, shape=1234, table=TEXT_TABLES[5]) for _ in range(20)]))
    assert {row.names for row in rows_of(heap, Pattern.RECORDS)} == {("a", "b"), ("a", "b", "c")}


def numbers(kind: str, size: int, count: int = 100, container: str = "list") -> WasteHeap:
    """Give a heap with one list or tuple of numbers."""
    heap = WasteHeap()
    items = [heap.number(f"builtins.{kind}", size) for _ in range(count)]
    heap.put("SERIES", heap.list(items) if container == "list" else heap.tuple(items))
    return heap


@pytest.mark.parametrize(
    ("kind", "size", "width", "word"),
    [("float", 24, 8, "array('d')"), ("int", 28, 4, "array('i')"), ("int", 32, 8, "array('q')")],
)
def test_a_list_of_numbers_costs_what_an_array_would_not(kind: str, size: int, width: int, word: str) -> None:
    """List, boxes, array: to the byte."""
    row = row_of(numbers(kind, size), Pattern.NUMBERS)
    now = 64 + block(800) + 100 * 32
    then = block(64 + GC) + block(100 * width)
    assert (row.count, row.bytes_now, row.saves_bytes) == (1, now, now - then)
    assert word in row.fix
    assert row.details == ("100 numbers",)
    assert owner_text(row.owner) == "module app > .SERIES list"


def test_an_array_is_no_gc_object_before_3_10() -> None:
    """The object is smaller there."""
    heap = numbers("float", 24)
    heap.meta = type(heap.meta)(pid=1, python_version="3.9.18")
    row = row_of(heap, Pattern.NUMBERS)
    assert row.bytes_now - row.saves_bytes == 64 + block(800)


def test_short_mixed_and_huge_numbers_are_left_alone() -> None:
    """No array fits them, or it gains nothing worth a change."""
    assert rows_of(numbers("float", 24, count=15), Pattern.NUMBERS) == []
    assert rows_of(numbers("float", 24, count=16), Pattern.NUMBERS) != []
    assert rows_of(numbers("int", 36), Pattern.NUMBERS) == []
    heap = numbers("float", 24)
    heap.put("MIXED", heap.list([*[heap.number() for _ in range(50)], heap.number("builtins.int", 28)]))
    assert [row.count for row in rows_of(heap, Pattern.NUMBERS)] == [1]


def test_numbers_that_others_hold_too_are_not_given_back() -> None:
    """A box held from elsewhere, or immortal, stays; one held twice by the list goes, once."""
    heap = WasteHeap()
    shared, immortal = heap.number(refcount=2), heap.number(refcount=1 << 31, flags=Flag.IMMORTAL)
    twice = heap.number(refcount=2)
    own = [heap.number() for _ in range(20)]
    heap.put("SERIES", heap.list([*own, twice, twice, shared, immortal]))
    row = row_of(heap, Pattern.NUMBERS)
    assert row.bytes_now == 64 + block(8 * 24) + 21 * 32


def test_a_number_in_two_series_stays_when_one_of_them_goes() -> None:
    """Only what each change alone gives back is promised."""
    heap = WasteHeap()
    shared = [heap.number(refcount=2) for _ in range(40)]
    heap.put("A", heap.list([*shared, *[heap.number() for _ in range(20)]]))
    heap.put("B", heap.list(shared))
    row = row_of(heap, Pattern.NUMBERS)
    assert (row.count, row.bytes_now) == (1, 64 + 480 + 20 * 32)


def test_series_of_different_holders_are_different_rows() -> None:
    """The fix is made where they are held."""
    heap = WasteHeap()
    for name in ("A", "B"):
        heap.put(name, heap.list([heap.number() for _ in range(50)]))
    assert {owner_text(row.owner) for row in rows_of(heap, Pattern.NUMBERS)} == {
        "module app > .A list",
        "module app > .B list",
    }


@pytest.mark.parametrize(("items", "room", "is_sparse"), [(4, 5, False), (4, 6, True), (1, 4, True), (0, 0, False)])
def test_lists_with_room_to_spare(items: int, room: int, is_sparse: bool) -> None:
    """append() leaves an eighth; half as much again is more than that."""
    heap = WasteHeap()
    lists = [heap.list([heap.number() for _ in range(items)], room) for _ in range(3)]
    heap.put("LISTS", heap.tuple(lists))
    rows = rows_of(heap, Pattern.SPARSE)
    assert bool(rows) is is_sparse
    if rows:
        assert rows[0].saves_bytes == 3 * (block(8 * room) - block(8 * items))
        assert rows[0].details == (f"{3 * items} items in room for {3 * room}",)


@pytest.mark.parametrize(
    ("items", "most", "is_sparse"),
    [(6, 10, False), (5, 10, True), (21, 85, True), (1, 5, False), (0, 5, False), (0, 10, True)],
)
def test_dicts_from_which_items_were_deleted(items: int, most: int, is_sparse: bool) -> None:
    """A table that growth explains has at most as many slots as its items need."""
    heap = WasteHeap()
    keys = [heap.string(5, 100 + at) for at in range(items)]
    found = [
        heap.dict(dict.fromkeys(keys, keys[0] if keys else heap.module), shape=items, table=TEXT_TABLES[most])
        for _ in range(3)
    ]
    heap.put("DICTS", heap.tuple(found))
    rows = rows_of(heap, Pattern.SPARSE)
    assert bool(rows) is is_sparse
    if rows:
        needed = min((entries for entries in TEXT_TABLES if entries >= items), default=0) if items else 0
        then = block(TEXT_TABLES[needed]) if needed else 0
        assert rows[0].saves_bytes == 3 * (block(TEXT_TABLES[most]) - then)


def test_a_dict_with_other_keys_than_text_is_read_by_its_own_table() -> None:
    """Entries are larger there; a size that no dict has says nothing."""
    heap = WasteHeap()
    keys = [heap.number("builtins.int", 28) for _ in range(4)]
    heap.put("A", heap.tuple([heap.dict(dict.fromkeys(keys, keys[0]), table=OTHER_TABLES[85])]))
    heap.put("B", heap.tuple([heap.dict(dict.fromkeys(keys, keys[0]), table=OTHER_TABLES[85] + 8)]))
    row = row_of(heap, Pattern.SPARSE)
    assert (row.count, row.saves_bytes) == (1, block(OTHER_TABLES[85]) - block(OTHER_TABLES[5]))


@pytest.mark.parametrize(
    ("items", "slots", "then"), [(4, 32, 8), (5, 32, 16), (5, 16, 0), (50, 256, 128), (50, 128, 0)]
)
def test_sets_larger_than_a_copy_of_them(items: int, slots: int, then: int) -> None:
    """What set(s) makes: setobject.c grows to twice the items."""
    heap = WasteHeap()
    members = [heap.string(5, 100 + at) for at in range(items)]
    heap.put("SETS", heap.tuple([heap.set(members, slots), heap.set(members, slots, "builtins.frozenset")]))
    rows = rows_of(heap, Pattern.SPARSE)
    assert len(rows) == (2 if then else 0)
    for row in rows:
        assert row.saves_bytes == block(16 * slots) - (block(16 * then) if then > 8 else 0)


def test_empty_containers_by_class_and_attribute() -> None:
    """Of instances with a dict, the attribute is a key of it."""
    heap = WasteHeap()
    heap.cls()
    keys = heap.text("tags"), heap.text("extra")
    items = []
    for _ in range(10):
        space = heap.dict({keys[0]: heap.list([]), keys[1]: heap.set([])}, shape=3, table=TEXT_TABLES[5])
        items.append(heap.instance(DictState.COMBINED, 48, "app.Item", space))
    heap.put("ITEMS", heap.list(items))
    rows = {row.subject: row for row in rows_of(heap, Pattern.EMPTY)}
    assert {subject: row.saves_bytes for subject, row in rows.items()} == {
        "an empty set in app.Item.extra": 10 * block(216),
        "an empty list in app.Item.tags": 10 * 64,
    }
    assert rows["an empty list in app.Item.tags"].names == ("tags",)
    owner = rows["an empty list in app.Item.tags"].owner
    assert owner_text(owner) == "module app > .ITEMS list > [] app.Item > .tags list"


def test_empty_containers_of_instances_without_a_dict_are_named_by_their_shape() -> None:
    """The walker says which attributes the first references are."""
    heap = WasteHeap()
    heap.cls()
    items = [heap.instance(DictState.VALUES, 48, "app.Item", heap.number(), heap.list([])) for _ in range(3)]
    for item in items:
        item.fingerprint = 99
    heap.shapes.append((items[0], ["price", "tags"]))
    heap.put("ITEMS", heap.list(items))
    row = row_of(heap, Pattern.EMPTY)
    assert (row.subject, row.count) == ("an empty list in app.Item.tags", 3)


def test_an_empty_container_that_is_shared_full_or_just_data_is_none() -> None:
    """Held twice, not empty, or an item of a list."""
    heap = WasteHeap()
    heap.cls()
    shared = heap.list([])
    shared.refcount = 2
    full = heap.list([heap.number()])
    heap.put("A", heap.instance(DictState.VALUES, 48, "app.Item", shared, full))
    heap.put("B", heap.list([shared, heap.list([])]))
    assert rows_of(heap, Pattern.EMPTY) == []


def test_empty_containers_in_records_are_found_by_their_key() -> None:
    """A dict that is no namespace."""
    heap = WasteHeap()
    key = heap.text("children")
    heap.put("ROWS", heap.list([heap.dict({key: heap.list([])}, shape=4, table=TEXT_TABLES[5]) for _ in range(20)]))
    row = row_of(heap, Pattern.EMPTY)
    assert row.subject == "an empty list in dicts['children']"
    assert row.saves_bytes == 20 * 64


def test_rows_below_the_least_saving_are_left_out() -> None:
    """Exactly that much is enough."""
    saves = row_of(records(), Pattern.RECORDS).saves_bytes
    assert rows_of(records(), Pattern.RECORDS, saves) != []
    assert rows_of(records(), Pattern.RECORDS, saves + 1) == []


def test_garbage_has_no_holder() -> None:
    """Nothing holds it, and the row says so."""
    heap = WasteHeap()
    key = heap.text("id")
    for _ in range(20):
        heap.dict({key: heap.number()}, shape=9, table=TEXT_TABLES[5]).refcount = 0
    row = row_of(heap, Pattern.RECORDS)
    assert row.owner is None
    assert "garbage" in owner_text(row.owner)


def test_an_empty_heap_has_no_waste() -> None:
    """Not even an error."""
    assert report_of(WasteHeap()).rows == ()

"""What containers, attributes and numbers cost by version: formulas of CPython's sources, and their inverses.

Never looks at a heap. All figures are bytes. "Blocks" are as the allocator rounds them, the rest is as requested.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from heapscope.analysis.slots.layout import GC_HEADER, OBJECT_BASICSIZE, WORD, Version, block_bytes
from heapscope.analysis.waste.model import I64Array
from heapscope.snapshot.model import U64Array

DICT_OBJECT = GC_HEADER + 48
LIST_OBJECT = GC_HEADER + 40
SET_OBJECT = GC_HEADER + 200
SET_ENTRY = 16
SMALL_SET_SLOTS = 8
MIN_SLOTS = 8
_MAX_LOG_SLOTS = 40
_PYMALLOC_LIMIT = 512


def blocks(requested: I64Array) -> I64Array:
    """Round requests as the allocator does; 0 stays 0, for no block."""
    small = (requested + 15) & ~np.int64(15)
    large = np.maximum(32, (requested + WORD + 15) & ~np.int64(15))
    return np.where(requested <= _PYMALLOC_LIMIT, small, large)


def usable(slots: int) -> int:
    """Give how many entries a keys table of so many slots takes."""
    return 2 * slots // 3


def usable_of(slots: I64Array) -> I64Array:
    """The same for many; 0 for none."""
    return 2 * np.maximum(slots, 0) // 3


def keys_table_bytes(slots: int, version: Version, *, is_all_text: bool) -> int:
    """Give the bytes of a dict's keys table."""
    index = slots * (1 if slots <= 0xFF else 2 if slots <= 0xFFFF else 4 if slots <= 0xFFFFFFFF else 8)
    if version < (3, 11):
        return 40 + index + 24 * usable(slots)
    return 32 + index + (16 if is_all_text else 24) * usable(slots)


@cache
def _keys_tables(version: Version) -> tuple[I64Array, I64Array]:
    """Give all sizes that a keys table can have, ascending, and the slots of each."""
    slots = [1 << power for power in range(3, _MAX_LOG_SLOTS)]
    sizes = {keys_table_bytes(count, version, is_all_text=text): count for count in slots for text in (True, False)}
    ordered = sorted(sizes)
    return np.array(ordered, dtype=np.int64), np.array([sizes[size] for size in ordered], dtype=np.int64)


def slots_of_dicts(requested: U64Array, version: Version) -> I64Array:
    """Derive the slots of dicts from their sizes; 0 for one without a table of its own, -1 for a size that no dict has."""
    sizes, slots = _keys_tables(version)
    table = requested.astype(np.int64) - DICT_OBJECT
    at = np.minimum(np.searchsorted(sizes, table), sizes.size - 1)
    return np.where(table == 0, 0, np.where(sizes[at] == table, slots[at], -1))


def slots_for(lengths: I64Array) -> I64Array:
    """Give the slots of a table that was filled with so many entries and nothing else."""
    slots = np.full(lengths.shape, MIN_SLOTS, dtype=np.int64)
    for _ in range(_MAX_LOG_SLOTS):
        short = 2 * slots // 3 < lengths
        if not short.any():
            break
        slots[short] *= 2
    return slots


def dict_bytes(lengths: I64Array, is_all_text: npt.NDArray[np.bool_], version: Version) -> I64Array:
    """Give the blocks of dicts that were filled with so many entries; an empty one has no table."""
    slots = slots_for(lengths)
    result = np.full(lengths.shape, DICT_OBJECT, dtype=np.int64)
    for count in np.unique(slots).tolist():
        for text in (False, True):
            chosen = (slots == count) & (is_all_text == text) & (lengths > 0)
            result[chosen] += block_bytes(keys_table_bytes(count, version, is_all_text=text))
    return result


def list_capacity(requested: U64Array) -> I64Array:
    """Derive for how many items lists have room."""
    return (requested.astype(np.int64) - LIST_OBJECT) // WORD


def list_bytes(lengths: I64Array) -> I64Array:
    """Give the blocks of lists without room to spare."""
    return block_bytes(LIST_OBJECT) + blocks(lengths * WORD)


def set_slots(requested: U64Array) -> I64Array:
    """Derive the slots of sets."""
    table = (requested.astype(np.int64) - SET_OBJECT) // SET_ENTRY
    return np.where(table <= 0, SMALL_SET_SLOTS, table)


def set_slots_of_copy(lengths: I64Array) -> I64Array:
    """Give the slots of a set that was copied from one of so many items: set_merge() in setobject.c."""
    slots = np.full(lengths.shape, SMALL_SET_SLOTS, dtype=np.int64)
    grows = lengths * 5 >= (SMALL_SET_SLOTS - 1) * 3
    for _ in range(_MAX_LOG_SLOTS):
        short = grows & (slots <= 2 * lengths)
        if not short.any():
            break
        slots[short] *= 2
    return slots


def set_bytes(slots: I64Array) -> I64Array:
    """Give the blocks of sets with so many slots."""
    tables = np.where(slots > SMALL_SET_SLOTS, slots * SET_ENTRY, 0)
    return block_bytes(SET_OBJECT) + blocks(tables)


def values_bytes(capacity: int, version: Version) -> int:
    """Give the bytes in which an instance keeps so many attributes: a block of its own up to 3.12, inline later."""
    if version < (3, 11):
        return WORD * capacity
    if version < (3, 13):
        return _round8(capacity + 2) + WORD * capacity
    return WORD * (capacity + 1) + _round8(capacity)


def plain_instance_bytes(attributes: int, version: Version) -> int:
    """Give the blocks of an instance of a class without bases that was trained to so many attributes, its dict included."""
    capacity = attributes + 1
    if version < (3, 11):
        slots = int(slots_for(np.array([attributes], dtype=np.int64))[0])
        return block_bytes(GC_HEADER + 32) + DICT_OBJECT + block_bytes(WORD * usable(slots))
    if version < (3, 13):
        head = GC_HEADER + 16 + (24 if version == (3, 11) else 16)
        return block_bytes(head) + block_bytes(values_bytes(capacity, version))
    return block_bytes(GC_HEADER + 16 + OBJECT_BASICSIZE + values_bytes(capacity, version))


def tuple_bytes(items: int, version: Version) -> int:
    """Give the block of a tuple, which a NamedTuple is; a subclass made by a class statement gets one item more."""
    head = 32 if version >= (3, 14) else 24
    return block_bytes(GC_HEADER + head + WORD * (items + 1))


def array_object_bytes(version: Version) -> int:
    """Give the block of an array.array without its items; from 3.10 on the collector knows it."""
    return block_bytes(64 + (GC_HEADER if version >= (3, 10) else 0))


def text_bytes(widths: I64Array, lengths: I64Array, version: Version) -> I64Array:
    """Give the bytes of compact texts that are not ASCII, without their UTF-8."""
    head = 56 if version >= (3, 12) else 72
    return head + widths * (lengths + 1)


def attribute_limit(version: Version) -> int | None:
    """Give how many attributes an instance may have before it falls back to a dict of its own; None where there is no limit."""
    if version < (3, 11):
        return None
    return 29 if version < (3, 14) else 30


def _round8(size: int) -> int:
    return (size + 7) & ~7

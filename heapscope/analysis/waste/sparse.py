"""Lists, dicts and sets whose tables are far larger than what they hold: filled and emptied again, or grown one by one.

Never counts a dict that is somebody's namespace, nor a table that its own growth explains.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from heapscope.analysis.waste import sizes
from heapscope.analysis.waste.model import Finding, I64Array, Pattern
from heapscope.analysis.waste.parts import FROZENSET, LIST, SET, BoolArray, HeapParts
from heapscope.snapshot.model import U32Array
from heapscope.units import format_count

_FIXES = {
    "dicts": "build them anew once items were deleted: d = dict(d.items()); d.copy() and dict(d) may keep the large table",
    "lists": "give back the room once they are complete: x = x[:], or a tuple; a list that is filled by append() keeps some",
    "sets": "build them anew once they are complete or items were removed: s = set(s)",
    "frozensets": "build them from a set that is complete: frozenset(set(s)), or keep sorted tuples",
}


def find_sparse(parts: HeapParts, least: int) -> Iterator[Finding]:
    """Find sparse containers. O(containers)."""
    for find in (_lists, _dicts, _sets):
        parts.oversight.check()
        yield from find(parts, max(least, 1))


def _lists(parts: HeapParts, least: int) -> Iterator[Finding]:
    """append() leaves an eighth; what was emptied, or is short and grown, has half as much again or more."""
    lists = parts.of_kind(LIST)
    lengths = parts.snapshot.length[lists]
    capacity = sizes.list_capacity(parts.snapshot.shallow[lists])
    is_sparse = 2 * capacity >= 3 * np.maximum(lengths, 1)
    yield from _finding(parts, "lists", lists, capacity, sizes.list_bytes(lengths), is_sparse & (lengths >= 0), least)


def _dicts(parts: HeapParts, least: int) -> Iterator[Finding]:
    """Growth never leaves a table of twice the slots that the items need; deleting does."""
    dicts = parts.plain_dicts()
    lengths = parts.snapshot.length[dicts]
    slots = sizes.slots_of_dicts(parts.snapshot.shallow[dicts], parts.version)
    is_text = parts.snapshot.fingerprint[dicts] != 0
    then = sizes.dict_bytes(np.maximum(lengths, 0), is_text, parts.version)
    is_sparse = (slots >= 2 * sizes.slots_for(lengths)) & (lengths >= 0)
    yield from _finding(parts, "dicts", dicts, sizes.usable_of(slots), then, is_sparse, least)


def _sets(parts: HeapParts, least: int) -> Iterator[Finding]:
    """A copy takes the smallest table that has room twice over; growing and removing leave larger ones."""
    for kind, word in ((SET, "sets"), (FROZENSET, "frozensets")):
        found = parts.of_kind(kind)
        lengths = parts.snapshot.length[found]
        slots = sizes.set_slots(parts.snapshot.shallow[found])
        copied = sizes.set_slots_of_copy(np.maximum(lengths, 0))
        is_sparse = (slots >= 2 * copied) & (lengths >= 0)
        yield from _finding(parts, word, found, slots, sizes.set_bytes(copied), is_sparse, least)


def _finding(
    parts: HeapParts, word: str, found: U32Array, room: I64Array, then: I64Array, is_sparse: BoolArray, least: int
) -> Iterator[Finding]:
    now = parts.allocated(found)
    saves = np.maximum(now.astype(np.int64) - then, 0)
    chosen = is_sparse & (saves > 0)
    if int(saves[chosen].sum()) < least:
        return
    objects, places = found[chosen], room[chosen]
    yield Finding(
        pattern=Pattern.SPARSE,
        subject=f"{word} with far more room than items",
        type_name=f"builtins.{word.removesuffix('s')}",
        objects=objects,
        now=now[chosen],
        saves=saves[chosen].astype(np.uint64),
        fix=_FIXES[word],
        describe=lambda some: _describe(parts, some, objects, places),
        splits=True,
    )


def _describe(parts: HeapParts, objects: U32Array, found: U32Array, room: I64Array) -> tuple[str, ...]:
    """Both are ascending."""
    places = room[np.searchsorted(found, np.sort(objects))]
    items = int(parts.snapshot.length[objects].sum())
    return (f"{format_count(items)} items in room for {format_count(int(places.sum()))}",)

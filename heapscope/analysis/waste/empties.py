"""Empty lists, dicts and sets that instances and records keep for what may never come.

Never counts one that something else holds too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from heapscope.analysis.waste.last_steps import LastSteps
from heapscope.analysis.waste.model import Finding, I64Array, Pattern
from heapscope.analysis.waste.parts import DEQUE, DICT, LIST, OTHER, SET, HeapParts, ReferencePart, runs
from heapscope.graph.library import NONE
from heapscope.snapshot.model import U32Array
from heapscope.units import clean_text, short_type_name
from heapscope.wire.protocol import Flag

_WORDS = {LIST: "list", DICT: "dict", SET: "set", DEQUE: "deque"}


def find_empties(parts: HeapParts, least: int) -> Iterator[Finding]:
    """Find empty containers by class and attribute, or by key of a record. O(references)."""
    snapshot = parts.snapshot
    empty = parts.of_kind(*_WORDS)
    empty = empty[(snapshot.length[empty] == 0) & (snapshot.refcount[empty] == 1)]
    empty = empty[(parts.namespace_owner[empty] == NONE) & ~parts.has_flag(empty, Flag.BOUNDARY)]
    if int(parts.allocated(empty).sum()) < max(least, 1):
        return
    objects, holders, positions = _references_to(parts, empty)
    names, texts = LastSteps(parts, np.zeros(0, dtype=np.uint32)).name_edges(holders, positions)
    owners = np.where(parts.namespace_owner[holders] == NONE, holders, parts.namespace_owner[holders])
    is_instance = _are_instances(parts, owners)
    # Of other dicts only what is called the same in many of them is a record's; items of lists are data.
    chosen = is_instance | ((parts.kind[holders] == DICT) & (names >= 0))
    objects, names, owners = objects[chosen], names[chosen], owners[chosen]
    kinds = snapshot.type_index[owners].astype(np.int64)
    group = ((kinds << 21) | (names + 1)) << 8 | parts.kind[objects]
    order = np.argsort(group, kind="stable")
    for start, end in runs(group[order]):
        members = order[start:end]
        saves = parts.allocated(objects[members])
        if int(saves.sum()) < max(least, 1):
            continue
        first = int(members[0])
        name = texts[int(names[first])] if names[first] >= 0 else ""
        yield _finding(parts, objects[members], int(owners[first]), name)


def _references_to(parts: HeapParts, wanted: U32Array) -> tuple[U32Array, U32Array, I64Array]:
    """A reference count of one that no recorded reference explains is C's; such an object has no row here."""
    is_wanted = np.zeros(parts.snapshot.object_count, dtype=np.bool_)
    is_wanted[wanted] = True
    none = np.zeros(0, dtype=np.uint32)
    found = [ReferencePart(none, none.astype(np.int64), none), *parts.references_to(is_wanted)]
    return (
        np.concatenate([part.targets for part in found]),
        np.concatenate([part.holders for part in found]),
        np.concatenate([part.positions for part in found]),
    )


def _are_instances(parts: HeapParts, owners: U32Array) -> I64Array:
    is_heap = np.array([info.is_heap for info in parts.snapshot.types], dtype=np.bool_)
    found: I64Array = (
        is_heap[parts.snapshot.type_index[owners]]
        & (parts.kind[owners] == OTHER)
        & ~parts.has_flag(owners, Flag.IS_TYPE)
    )
    return found


def _finding(parts: HeapParts, objects: U32Array, owner: int, name: str) -> Finding:
    info = parts.snapshot.types[int(parts.snapshot.type_index[owner])]
    word = _WORDS[int(parts.kind[objects[0]])]
    is_record = int(parts.kind[owner]) == DICT
    holder = "dicts" if is_record else clean_text(short_type_name(info.name))
    attribute = clean_text(name, 60) or (" attribute" if not is_record else "")
    sizes = parts.allocated(objects)
    leave = "leave the key out, or set it to None" if is_record else "set it to None"
    return Finding(
        pattern=Pattern.EMPTY,
        subject=f"an empty {word} in {holder}{attribute}",
        type_name=info.name,
        objects=objects,
        now=sizes,
        saves=sizes,
        fix=f"{leave} until the first item comes, or to one shared empty tuple where it is only read",
        names=(name.strip(".[]'"),) if name else (),
    )

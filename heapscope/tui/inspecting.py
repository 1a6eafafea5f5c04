"""Owns answering questions about single objects with the analysis: instances in order, one object and its neighbours.

Never called from the thread of the screens.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from heapscope.analysis.edge_names import EdgeNames
from heapscope.graph.library import Oversight
from heapscope.graph.references import referents
from heapscope.service.object_view import ObjectView
from heapscope.snapshot.model import Snapshot, U32Array
from heapscope.tui.holders import HolderIndex, PathQuestion
from heapscope.tui.inspection import ObjectFacts, ObjectList
from heapscope.tui.searching import objects_of, way_of
from heapscope.tui.textfit import shown_type

MAX_NAMESPACES_IN = 64  # references of one object that are asked whether they are its namespace
_DICT = "builtins.dict"
_SEQUENCES = frozenset({"builtins.list", "builtins.tuple"})


def list_instances(index: HolderIndex, question: PathQuestion, oversight: Oversight) -> ObjectList:
    """Give the objects that a question is about, ready to be shown in any order. O(n log n). Raises Cancelled."""
    objects = objects_of(index, question)
    return _ordered(index, objects, oversight, lambda _position: "")


def _ordered(index: HolderIndex, objects: U32Array, oversight: Oversight, name_of: Callable[[int], str]) -> ObjectList:
    snapshot = index.tree.snapshot
    keys: Mapping[str, npt.NDArray[np.generic]] = {
        "address": snapshot.address[objects],
        "length": snapshot.length[objects],
        "refcount": snapshot.refcount[objects],
        "shallow": snapshot.shallow[objects],
        "retained": index.tree.retained[objects],
    }
    orders = {"place": np.arange(objects.size, dtype=np.uint32)}
    for name, values in keys.items():
        oversight.check()
        orders[name] = np.argsort(values, kind="stable").astype(np.uint32)
        oversight.report(len(orders) / (len(keys) + 1))
    return ObjectList(objects, orders, int(snapshot.shallow[objects].sum()), name_of)


def inspect(
    index: HolderIndex, question: PathQuestion, oversight: Oversight, show: Callable[[ObjectFacts], None]
) -> ObjectFacts:
    """Tell all about one object, the one that retains most of those asked about; what is known already goes to ``show``.

    O(n + m) for the first one of a snapshot. Raises Cancelled.
    """
    objects = objects_of(index, question)
    chosen = int(objects[np.argmax(index.tree.retained[objects])])
    facts = _quick_facts(index, chosen, int(objects.size), oversight)
    show(facts)
    way = way_of(index, chosen, oversight.part(0, 0.4))
    holders = index.referrers(oversight.part(0.4, 0.8)).of(chosen)
    referrers = _ordered(index, holders, oversight, lambda at: index.names.name(int(holders[at]), chosen))
    facts = dataclasses.replace(facts, way=way, referrers=referrers)
    show(facts)
    recursive = index.queries.recursive_size([chosen])
    return dataclasses.replace(facts, recursive_bytes=recursive, is_complete=True)


def _quick_facts(index: HolderIndex, chosen: int, count: int, oversight: Oversight) -> ObjectFacts:
    view = ObjectView(index.queries, chosen)
    return ObjectFacts(
        index=chosen,
        type_name=view.type_name,
        shallow_bytes=view.shallow_size,
        allocated_bytes=view.allocated_size,
        retained_bytes=view.retained_size,
        refcount=view.refcount,
        references_seen=view.references_seen,
        held_by_c=view.held_by_c,
        length=view.length,
        dict_state=view.dict_state,
        generation=view.generation,
        flags=view.flags,
        is_reachable=view.is_reachable,
        root=index.tree.info(chosen),
        place=index.places.of(chosen),
        members=members_of(index, chosen, oversight),
        chosen_from=count,
    )


def members_of(index: HolderIndex, holder: int, oversight: Oversight) -> ObjectList:
    """Give what an object refers to, in its own order; the entries of its namespace follow the dict that they are in."""
    snapshot, names = index.tree.snapshot, index.names
    held = referents(snapshot).of(holder)
    kind = snapshot.types[int(snapshot.type_index[holder])].name
    if kind == _DICT:
        entries = _entries(snapshot, holder)
        if entries is not None:
            keys, values = entries
            return _ordered(index, values, oversight, lambda at: _key_words(snapshot, int(keys[at])))
    if kind in _SEQUENCES:
        return _ordered(index, held, oversight, lambda at: f"[{at}]")
    parts: list[U32Array] = [held]
    own_type = snapshot.types[int(snapshot.type_index[holder])].address
    labels = dict.fromkeys(np.flatnonzero(snapshot.address[held] == np.uint64(own_type)).tolist(), ".__class__")
    for at, one in enumerate(held[:MAX_NAMESPACES_IN].tolist()):
        entries = _entries(snapshot, one) if names.is_namespace(holder, one) else None
        if entries is not None:
            start = sum(part.size for part in parts)
            texts = snapshot.naming.names
            labels[at] = ".__dict__"
            labels.update({start + n: f".{texts.get(key, '?')}" for n, key in enumerate(entries[0].tolist())})
            parts.append(entries[1])
    targets = np.concatenate(parts)
    return _ordered(index, targets, oversight, lambda at: _member_name(names, holder, int(targets[at]), labels.get(at)))


def _member_name(names: EdgeNames, holder: int, target: int, label: str | None) -> str:
    return label if label is not None else names.name(holder, target)


def _entries(snapshot: Snapshot, holder: int) -> tuple[U32Array, U32Array] | None:
    """Give the keys and the values of a dict; None where its references do not tell them apart."""
    held = referents(snapshot).of(holder)
    count = int(snapshot.length[holder])
    return (held[:count], held[count : 2 * count]) if count >= 0 and held.size >= 2 * count else None


def _key_words(snapshot: Snapshot, key: int) -> str:
    name = snapshot.naming.names.get(key)
    if name is not None:
        return f"[{name!r}]"
    return f"[{shown_type(snapshot.types[int(snapshot.type_index[key])].name, 40)} {int(snapshot.address[key]):#x}]"

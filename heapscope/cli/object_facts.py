"""Everything that is known about one object, as the record that ``heapscope object`` writes.

Never computes sizes or ways itself, and never shows foreign text uncleaned.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from heapscope.cli.analysing import MAX_NAME, object_row, root_row
from heapscope.cli.path_rows import way_text
from heapscope.service.object_view import ObjectView
from heapscope.service.queries import HeapQueries
from heapscope.snapshot.model import U32Array
from heapscope.units import clean_text

TOP_TYPES = 10


def facts_of(heap: HeapQueries, object_index: int, limit: int) -> dict[str, Any]:
    """Collect everything; the keys are a contract (docs/cli.md). ``limit`` neighbours are named, 0 is all."""
    view = ObjectView(heap, object_index)
    path = heap.paths.to(object_index)
    audit = heap.roots.audit
    steps = () if path is None else path.objects
    names = [clean_text(name) for name in heap.edge_names.along(steps)]
    return {
        **object_row(heap, object_index),
        "shallow_bytes": view.shallow_size,
        "allocated_bytes": view.allocated_size,
        "recursive_bytes": view.recursive_size,
        "retained_bytes": view.retained_size,
        "retained_count": view.retained_count,
        "refcount": {
            "count": view.refcount,
            "references_seen": view.references_seen,
            "held_by_c": view.held_by_c,
        },
        "length": view.length,
        "dict_state": view.dict_state,
        "generation": view.generation,
        "flags": list(view.flags),
        "is_reachable": view.is_reachable,
        "root": root_row(heap.roots.info(object_index)),
        "path": None if path is None else way_text(path.root, [heap.type_name_of(one) for one in steps], names),
        "root_path": [{**object_row(heap, one), "name": name or None} for one, name in zip(steps, names, strict=False)],
        "dominators": [_dominator(heap, node) for node in heap.tree.dominators.chain(object_index)],
        "referrers": _near(heap, view.referrer_indexes, limit),
        "referents": _near(heap, view.referent_indexes, limit),
        "heap": {
            "held_by_c": int(audit.held.size),
            "negative": int(audit.negative.size),
            "immortal": int(audit.immortal.size),
            "garbage_count": heap.roots.garbage_count,
            "garbage_bytes": heap.roots.garbage_bytes,
        },
    }


def _dominator(heap: HeapQueries, node: int) -> dict[str, Any]:
    retained = int(heap.tree.retained[node])
    if node < heap.snapshot.object_count:
        return {**object_row(heap, node), "retained_bytes": retained}
    info = heap.tree.info(node)
    assert info is not None, "threads and the virtual root have a name"
    label = clean_text(f"{info.kind} {info.label}".strip(), MAX_NAME)
    return {"type": label, "address": None, "retained_bytes": retained}


def _near(heap: HeapQueries, indexes: U32Array, limit: int) -> dict[str, Any]:
    names, counts = np.unique(heap.type_names.of_objects(indexes), return_counts=True)
    order = np.lexsort((names, -counts))[:TOP_TYPES]
    chosen = indexes[:limit] if limit else indexes
    return {
        "count": int(indexes.size),
        "types": [
            {"type": clean_text(heap.type_names.names[names[at]], MAX_NAME), "count": int(counts[at])} for at in order
        ],
        "first": [object_row(heap, int(one)) for one in chosen],
    }

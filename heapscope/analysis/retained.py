"""Retained sizes of sets: what would be freed if all objects of a set went away.

Never adds up retained sizes of objects that hold each other, and never shows a lower bound as the figure itself.

Exact: what the roots reach, less what they reach without the set; one walk per set, or one of 63 sets at once. Fast: the
sum over the objects of a type that no other object of the type dominates, from the dominator tree alone. It misses what
only several of them hold together, so it is a lower bound (``>=``).

A module stands for itself and its namespace (see analysis/roots.py), so a set with a root module in it takes both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from heapscope.analysis.dominators import DominatorTree
from heapscope.analysis.roots import Roots
from heapscope.analysis.type_names import TypeNames
from heapscope.graph.dominators import find_topmost
from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.graph.reach import lost_without, reach
from heapscope.snapshot.model import Snapshot, U8Array, U32Array, U64Array

EXACT_TYPES = 63  # what one pass takes; the lower bounds of the smaller types stay as they are


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class RetainedSet:
    """The retained set of some objects: ``marks[i]`` is 1 for its members, ``count`` objects of ``total`` bytes."""

    marks: U8Array
    count: int
    total: int


def retained_set(
    snapshot: Snapshot, roots: Roots, object_indexes: Sequence[int] | U32Array, oversight: Oversight = UNWATCHED
) -> RetainedSet:
    """Find what would be freed with some objects, these included; garbage is no part of it. O(n + m). Raises Cancelled."""
    avoid = np.zeros(snapshot.object_count, dtype=np.uint8)
    avoid[np.asarray(object_indexes, dtype=np.uint32)] = 1
    rest = reach(roots.references, roots.seeds(), avoid=avoid, oversight=oversight)
    lost = roots.reached > rest.marks
    return RetainedSet(lost.astype(np.uint8), int(np.count_nonzero(lost)), int(snapshot.shallow[lost].sum()))


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class RetainedByType:
    """Retained sizes by type name, in the order of ``names.names``, in requested bytes.

    ``is_exact[t]`` is False where ``sizes[t]`` is a lower bound.
    """

    names: TypeNames
    sizes: U64Array
    is_exact: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def minimum_retained_by_type(tree: DominatorTree, oversight: Oversight = UNWATCHED) -> U64Array:
    """Give the lower bound for every type name. O(n) time, 13 bytes per object. Raises Cancelled."""
    kinds = np.full(tree.root + 1, np.uint32(0xFFFFFFFF), dtype=np.uint32)
    kinds[: tree.snapshot.object_count] = tree.type_names.of_all()
    name_count = len(tree.type_names.names)
    return find_topmost(tree.children, tree.root, kinds, name_count, tree.retained, oversight).sums


def retained_by_type(
    tree: DominatorTree, *, exact: Sequence[str] | int = EXACT_TYPES, oversight: Oversight = UNWATCHED
) -> RetainedByType:
    """Give the retained size of every type name: exact for those named, or for so many with the largest lower bounds.

    One pass of about O(n + m) for every 63 exact ones, 17 bytes per object. Raises Cancelled.
    """
    names = tree.type_names
    sizes = minimum_retained_by_type(tree, oversight.part(0, 0.2))
    if isinstance(exact, int):
        chosen = np.argsort(-sizes.astype(np.int64), kind="stable")[:exact]
        chosen = chosen[sizes[chosen] > 0]
    else:
        numbers = (names.number_of(name) for name in exact)
        chosen = np.array(sorted({number for number in numbers if number is not None}), dtype=np.int64)
    is_exact = np.zeros(sizes.size, dtype=np.bool_)
    if chosen.size:
        set_of_name = np.full(sizes.size, chosen.size, dtype=np.uint32)
        set_of_name[chosen] = np.arange(chosen.size, dtype=np.uint32)
        graph = tree.roots.references, tree.roots.seeds()
        sets = set_of_name[names.of_all()]
        sizes[chosen] = lost_without(*graph, sets, chosen.size, tree.snapshot.shallow, oversight.part(0.2, 1))
        is_exact[chosen] = True
    return RetainedByType(names, sizes, is_exact)

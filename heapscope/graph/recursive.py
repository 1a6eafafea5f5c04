"""Recursive sizes: what all instances of a type hold together, each object once, stopping at boundaries.

Never sums sizes of single instances: what two of them share counts once. Never enters a boundary object, unless it is
itself one of the instances asked about.

The sizes of different types overlap, and add up to more than the heap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from heapscope.graph import kernels
from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.graph.reach import reach
from heapscope.graph.references import referents
from heapscope.graph.sets import distinct
from heapscope.snapshot.model import Snapshot, U8Array, U32Array, U64Array
from heapscope.wire.protocol import Flag

_BOUNDARY = Flag.BOUNDARY | Flag.IMMORTAL | Flag.IS_TYPE
_AT_ONCE = 1 << 20  # objects between two looks at whether to give up
_COMPONENTS_SHARE = 0.2  # of the work, for a heap of many types


def boundary_mask(snapshot: Snapshot) -> U8Array:
    """Tell per object whether recursive sizes stop before it: 1 or 0."""
    mask: U8Array = ((snapshot.flags & np.uint32(_BOUNDARY)) != 0).astype(np.uint8)
    return mask


def recursive_size_of(
    snapshot: Snapshot, object_indexes: Sequence[int] | U32Array, oversight: Oversight = UNWATCHED
) -> int:
    """Give the recursive size of some objects as one set, in bytes: of one object, if there is one.

    O(what is reached) time, 2 bytes per object. Raises Cancelled.
    """
    seeds = distinct(np.asarray(object_indexes, dtype=np.uint32))
    boundary = boundary_mask(snapshot)
    # What is asked about is entered even where it is a boundary.
    boundary[seeds] = 0
    return reach(referents(snapshot), seeds, avoid=boundary, sizes=snapshot.shallow, oversight=oversight).total


def recursive_sizes(
    snapshot: Snapshot, *, is_cancelled: Callable[[], bool] | None = None, oversight: Oversight = UNWATCHED
) -> U64Array:
    """Give the recursive size of each type, in the order of ``snapshot.types``. Raises Cancelled."""
    groups = np.arange(len(snapshot.types), dtype=np.uint32)
    return recursive_sizes_of_groups(
        snapshot, groups, len(snapshot.types), is_cancelled=is_cancelled, oversight=oversight
    )


def recursive_sizes_of_groups(
    snapshot: Snapshot,
    group_of_type: U32Array,
    group_count: int,
    *,
    is_cancelled: Callable[[], bool] | None = None,
    oversight: Oversight = UNWATCHED,
) -> U64Array:
    """Give the recursive size of each group of types: of all their instances as one set.

    ``group_of_type[t] < group_count`` for every type t. O(n + m) per 256 groups that have instances, 50 bytes per object.
    ``is_cancelled`` is short for an ``oversight`` that reports nowhere. Raises Cancelled.
    """
    if is_cancelled is not None:
        oversight = Oversight(is_cancelled)
    sizes = np.zeros(group_count, dtype=np.uint64)
    if not snapshot.object_count:
        return sizes
    group = group_of_type[snapshot.type_index]
    # Most types of a program have no instances: number those that have without gaps.
    used = np.flatnonzero(np.bincount(group, minlength=group_count))
    dense = np.zeros(group_count, dtype=np.uint32)
    dense[used] = np.arange(used.size, dtype=np.uint32)
    oversight.check()
    group = dense[group]
    oversight.check()
    offsets, targets = snapshot.reference_offsets, snapshot.reference_targets
    components = kernels.find_components(
        offsets, targets, boundary_mask(snapshot), oversight.part(0, _COMPONENTS_SHARE)
    )
    component_size = _sum_by_component(components, snapshot.shallow, oversight)
    for first in range(0, used.size, kernels.GROUPS_PER_PASS):
        count = min(kernels.GROUPS_PER_PASS, used.size - first)
        ends = (_COMPONENTS_SHARE + (1 - _COMPONENTS_SHARE) * at / used.size for at in (first, first + count))
        sizes[used[first : first + count]] = kernels.closure_sizes(
            offsets,
            targets,
            components,
            component_size=component_size,
            object_size=snapshot.shallow,
            group=group,
            first_group=first,
            group_count=count,
            oversight=oversight.part(*ends),
        )
    return sizes


def _sum_by_component(components: kernels.Components, sizes: U64Array, oversight: Oversight) -> U64Array:
    # bincount would add as floating point and lose bytes over 2**53.
    total = np.zeros(components.count, dtype=np.uint64)
    for start in range(0, sizes.size, _AT_ONCE):
        oversight.check()
        component = components.component[start : start + _AT_ONCE]
        inside = component != kernels.NONE
        np.add.at(total, component[inside], sizes[start : start + _AT_ONCE][inside])
    return total

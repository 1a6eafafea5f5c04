"""Recursive sizes: what all instances of a type hold together, each object once, stopping at boundaries.

Never sums sizes of single instances: what two of them share counts once. Never enters a boundary object, unless it is
itself one of the instances asked about.

The sizes of different types overlap, and add up to more than the heap.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from heapscope.errors import Cancelled
from heapscope.graph import kernels
from heapscope.snapshot.model import Snapshot, U8Array, U32Array, U64Array
from heapscope.wire.protocol import Flag

_BOUNDARY = Flag.BOUNDARY | Flag.IMMORTAL | Flag.IS_TYPE


def _never() -> bool:
    return False


def boundary_mask(snapshot: Snapshot) -> U8Array:
    """Tell per object whether recursive sizes stop before it: 1 or 0."""
    mask: U8Array = ((snapshot.flags & np.uint32(_BOUNDARY)) != 0).astype(np.uint8)
    return mask


def recursive_sizes(snapshot: Snapshot, *, is_cancelled: Callable[[], bool] = _never) -> U64Array:
    """Give the recursive size of each type, in the order of ``snapshot.types``. Raises Cancelled."""
    groups = np.arange(len(snapshot.types), dtype=np.uint32)
    return recursive_sizes_of_groups(snapshot, groups, len(snapshot.types), is_cancelled=is_cancelled)


def recursive_sizes_of_groups(
    snapshot: Snapshot, group_of_type: U32Array, group_count: int, *, is_cancelled: Callable[[], bool] = _never
) -> U64Array:
    """Give the recursive size of each group of types: of all their instances as one set.

    ``group_of_type[t] < group_count`` for every type t. O(n + m) per 256 groups that have instances, 50 bytes per object.
    Asks ``is_cancelled`` between passes. Raises Cancelled.
    """
    sizes = np.zeros(group_count, dtype=np.uint64)
    if not snapshot.object_count:
        return sizes
    group = group_of_type[snapshot.type_index]
    # Most types of a program have no instances: number those that have without gaps.
    used = np.flatnonzero(np.bincount(group, minlength=group_count))
    dense = np.zeros(group_count, dtype=np.uint32)
    dense[used] = np.arange(used.size, dtype=np.uint32)
    group = dense[group]
    offsets, targets = snapshot.reference_offsets, snapshot.reference_targets
    components = kernels.find_components(offsets, targets, boundary_mask(snapshot))
    component_size = _sum_by_component(components, snapshot.shallow)
    for first in range(0, used.size, kernels.GROUPS_PER_PASS):
        if is_cancelled():
            raise Cancelled("Recursive sizes were given up")
        count = min(kernels.GROUPS_PER_PASS, used.size - first)
        sizes_of_pass = kernels.closure_sizes(
            offsets,
            targets,
            components,
            component_size=component_size,
            object_size=snapshot.shallow,
            group=group,
            first_group=first,
            group_count=count,
        )
        sizes[used[first : first + count]] = sizes_of_pass
    return sizes


def _sum_by_component(components: kernels.Components, sizes: U64Array) -> U64Array:
    # bincount would add as floating point and lose bytes over 2**53.
    total = np.zeros(components.count, dtype=np.uint64)
    inside = components.component != kernels.NONE
    np.add.at(total, components.component[inside], sizes[inside])
    return total

"""Components and closures: the kernels behind recursive sizes, as functions over numpy arrays.

Never checks what the arrays mean: that is the callers' work. The kernels check every index against its bounds.
"""

from __future__ import annotations

import ctypes
import dataclasses

import numpy as np

from heapscope.graph.library import NONE, UNWATCHED, NativeGraph, Oversight, contiguous, run
from heapscope.snapshot.model import U8Array, U32Array, U64Array

__all__ = ["GROUPS_PER_PASS", "NONE", "Components", "closure_sizes", "find_components", "find_covered"]

GROUPS_PER_PASS = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Components:
    """Strongly connected components; references between them lead from higher to lower numbers.

    ``component`` is per object, NONE for a boundary. ``offsets`` and ``targets`` are the references between components.
    """

    count: int
    component: U32Array
    offsets: U64Array
    targets: U32Array


def find_components(
    offsets: U64Array, targets: U32Array, boundary: U8Array, oversight: Oversight = UNWATCHED
) -> Components:
    """Find components without entering boundaries. O(n + m) time; 13 bytes per object and 16 per level of depth.

    Raises Cancelled.
    """
    graph = NativeGraph.of(offsets, targets)
    object_count = graph.object_count
    if object_count != boundary.size:
        raise ValueError("columns differ in length")
    steps = object_count + targets.size
    component = np.empty(object_count, dtype=np.uint32)
    order = np.empty(object_count, dtype=np.uint32)
    order_count, count = ctypes.c_uint32(), ctypes.c_uint32()
    outputs = (component, order, ctypes.byref(order_count), ctypes.byref(count))
    run(
        "components", graph, contiguous(boundary, np.uint8), *outputs, steps=2 * steps, oversight=oversight.part(0, 0.7)
    )
    component_offsets = np.empty(count.value + 1, dtype=np.uint64)
    component_targets = np.empty(targets.size, dtype=np.uint32)
    inputs = (graph, component, order, order_count.value, count.value)
    run("condense", *inputs, component_offsets, component_targets, steps=steps, oversight=oversight.part(0.7, 1))
    return Components(count.value, component, component_offsets, component_targets[: int(component_offsets[-1])])


def find_covered(components: Components, wanted: U8Array, oversight: Oversight = UNWATCHED) -> U8Array:
    """Tell the components (1 or 0) that another one, with ``wanted`` set, leads to. O(n + m). Raises Cancelled."""
    if wanted.size != components.count:
        raise ValueError("columns differ in length")
    covered = np.empty(components.count, dtype=np.uint8)
    graph = NativeGraph.of(components.offsets, components.targets)
    steps = components.count + components.targets.size
    run("covered", graph, contiguous(wanted, np.uint8), covered, steps=steps, oversight=oversight)
    return covered


def closure_sizes(
    offsets: U64Array,
    targets: U32Array,
    components: Components,
    *,
    component_size: U64Array,
    object_size: U64Array,
    group: U32Array,
    first_group: int,
    group_count: int,
    oversight: Oversight = UNWATCHED,
) -> U64Array:
    """Give the size of what each of at most GROUPS_PER_PASS groups reaches. O(n + m) time, 32 bytes per component.

    Raises Cancelled.
    """
    graph = NativeGraph.of(offsets, targets)
    per_object = (components.component, object_size, group)
    if any(column.size != graph.object_count for column in per_object) or component_size.size != components.count:
        raise ValueError("columns differ in length")
    sizes = np.zeros(group_count, dtype=np.uint64)
    run(
        "closure_sizes",
        graph,
        components.component,
        NativeGraph.of(components.offsets, components.targets),
        contiguous(component_size, np.uint64),
        contiguous(object_size, np.uint64),
        contiguous(group, np.uint32),
        first_group,
        group_count,
        sizes,
        steps=graph.object_count + targets.size + components.targets.size,
        oversight=oversight,
    )
    return sizes

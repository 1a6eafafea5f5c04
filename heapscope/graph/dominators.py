"""Dominators: for every object, the closest one through which all ways from the roots lead.

Never chooses the roots, and never sums over anything but a finished tree. No recursion: chains may be as long as there
are objects. The algorithm, with its sources, is described in ``native/dominators.c``.
"""

from __future__ import annotations

import ctypes
import dataclasses

import numpy as np

from heapscope.graph.library import NONE, UNWATCHED, NativeRoots, Oversight, contiguous, run
from heapscope.graph.references import References
from heapscope.snapshot.model import U8Array, U32Array, U64Array


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class RootGraph:
    """What the virtual root refers to: single objects, and groups of objects that have a node of their own."""

    tops: U32Array
    groups: tuple[U32Array, ...] = ()

    def native(self) -> NativeRoots:
        """View for the kernel."""
        member_offsets = np.cumsum([0, *(group.size for group in self.groups)], dtype=np.uint64)
        members = np.concatenate([np.empty(0, dtype=np.uint32), *self.groups]).astype(np.uint32)
        arrays = (contiguous(self.tops, np.uint32), member_offsets, members)
        roots = NativeRoots(*(array.ctypes.data for array in arrays), self.tops.size, len(self.groups))
        roots.arrays = arrays
        return roots


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Dominators:
    """The immediate dominator of every node. Nodes are the objects, then the groups, then the virtual root.

    ``immediate[i]`` is NONE for what is not reached, and for the root. ``order`` lists what is reached, dominators
    before what they dominate, the root first.
    """

    object_count: int
    group_count: int
    immediate: U32Array
    order: U32Array

    @property
    def root(self) -> int:
        """The node number of the virtual root."""
        return self.object_count + self.group_count

    def group(self, index: int) -> int:
        """Give the node number of a group."""
        return self.object_count + index

    def is_reached(self, node: int) -> bool:
        """Tell whether the root reaches a node."""
        return node == self.root or int(self.immediate[node]) != NONE

    def chain(self, node: int) -> list[int]:
        """Give all that dominates a node, closest first, up to the root; empty for what is not reached. O(depth)."""
        chain = []
        while (node := int(self.immediate[node])) != NONE:
            chain.append(node)
        return chain


def find_dominators(references: References, roots: RootGraph, oversight: Oversight = UNWATCHED) -> Dominators:
    """Find the immediate dominators of all objects.

    O((n + m) log n) time at worst, linear in practice. 8 bytes per object for the result, and while it works 28 more and
    up to 4 per reference.

    Raises:
        Cancelled: the watcher gave up.
        HeapscopeError: a root, or a reference, is out of bounds.
    """
    object_count, group_count = references.object_count, len(roots.groups)
    immediate = np.empty(object_count + group_count + 1, dtype=np.uint32)
    order = np.empty_like(immediate)
    count = ctypes.c_uint32()
    native = roots.native()
    arguments = (references.native(), ctypes.byref(native), immediate, order, ctypes.byref(count))
    steps = 4 * references.step_count
    run("dominators", *arguments, steps=steps, oversight=oversight)
    return Dominators(object_count, group_count, immediate, order[: count.value])


def accumulate(
    parent: U32Array, order: U32Array, values: U64Array | U8Array, oversight: Oversight = UNWATCHED
) -> U64Array:
    """Give for every node the sum of ``values`` over itself and all below it.

    ``order`` lists parents before their children; nodes that it leaves out keep their own value. With the dominators and
    shallow sizes, this is the retained size of every object. O(n) time, 8 bytes per node. Raises Cancelled.
    """
    sums: U64Array = np.zeros(parent.size, dtype=np.uint64)
    sums[: values.size] = values
    above, nodes = contiguous(parent, np.uint32), contiguous(order, np.uint32)
    run("accumulate", parent.size, above, nodes, nodes.size, sums, steps=nodes.size, oversight=oversight)
    return sums


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Topmost:
    """``marks[i]`` is 1 for a node without one of its own kind above it; ``sums`` are per kind, over these nodes."""

    marks: U8Array
    sums: U64Array


def find_topmost(
    children: References,
    root: int,
    kinds: U32Array,
    kind_count: int,
    values: U64Array,
    oversight: Oversight = UNWATCHED,
) -> Topmost:
    """Find the topmost nodes of each kind in a tree, and sum their ``values``.

    ``kinds[i]`` is ``kind_count`` or more for a node that takes no part. O(n) time, 9 bytes per node. Raises Cancelled.
    """
    if kinds.size != children.object_count or values.size != children.object_count:
        raise ValueError("columns differ in length")
    marks = np.empty(children.object_count, dtype=np.uint8)
    sums = np.empty(kind_count, dtype=np.uint64)
    inputs = (root, contiguous(kinds, np.uint32), kind_count, contiguous(values, np.uint64))
    run("topmost", children.native(), *inputs, marks, sums, steps=2 * children.object_count, oversight=oversight)
    return Topmost(marks, sums)

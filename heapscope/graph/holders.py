"""Holders: one number per different named way from the roots, however many objects it leads to.

Never knows what a name means; the callers number them. No recursion, no I/O. The rules are in ``native/heapgraph.h``.
"""

from __future__ import annotations

import ctypes
import dataclasses

import numpy as np

from heapscope.graph.library import NONE, UNWATCHED, NativeHolders, Oversight, contiguous, run
from heapscope.graph.reach import Ways
from heapscope.graph.references import References
from heapscope.snapshot.model import U32Array

MAX_HOLDERS = (
    1 << 20
)  # 16 MB, and 8 while they are numbered; those of the longest ways share the number of their parent


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Holders:
    """``of[i]`` is the holder of object i, NONE where there is no way. Holders form a forest: ``parent[h] < h``, or NONE.

    ``name[h]`` and ``kind[h]`` are those of the step that leads to h, ``first[h]`` is the nearest object in it.
    """

    of: U32Array
    parent: U32Array
    name: U32Array
    kind: U32Array
    first: U32Array

    @property
    def count(self) -> int:
        """How many holders there are."""
        return int(self.parent.size)


def find_places(references: References, parent: U32Array, oversight: Oversight = UNWATCHED) -> U32Array:
    """Tell at which position the parent of each object refers to it first; NONE where it does not.

    O(n + m) time, 4 bytes per object. Raises Cancelled.
    """
    if parent.size != references.object_count:
        raise ValueError("columns differ in length")
    place = np.empty(references.object_count, dtype=np.uint32)
    inputs = (references.native(), contiguous(parent, np.uint32))
    run("places", *inputs, place, steps=references.step_count, oversight=oversight)
    return place


def find_holders(
    ways: Ways,
    names: U32Array,
    kinds: U32Array,
    first_name: int,
    *,
    limit: int = MAX_HOLDERS,
    oversight: Oversight = UNWATCHED,
) -> Holders:
    """Number the named ways; ``names`` below ``first_name`` are positions, NONE is no step at all.

    O(n) time, 4 bytes per object and 24 per holder while it works. Raises Cancelled.
    """
    if names.size != ways.parent.size or kinds.size != ways.parent.size:
        raise ValueError("columns differ in length")
    root_count = int(np.count_nonzero(ways.parent[ways.order] == NONE))
    of = np.empty(ways.parent.size, dtype=np.uint32)
    columns = tuple(np.empty(limit + root_count, dtype=np.uint32) for _ in range(4))
    count = ctypes.c_uint32()
    inputs = (contiguous(ways.parent, np.uint32), contiguous(ways.order, np.uint32), ways.order.size)
    steps = (contiguous(names, np.uint32), contiguous(kinds, np.uint32), first_name, limit, root_count)
    outputs = (of, ctypes.byref(NativeHolders.of(*columns)), ctypes.byref(count))
    run("holders", ways.parent.size, *inputs, *steps, *outputs, steps=ways.order.size, oversight=oversight)
    return Holders(of, *(column[: count.value].copy() for column in columns))

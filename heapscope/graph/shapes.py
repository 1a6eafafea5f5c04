"""Shapes of ways: the kinds of objects on the way from a root, one number per different way.

Never goes on where a part of one or two kinds repeats: the links of a chain share a shape. No I/O.
"""

from __future__ import annotations

import ctypes
import dataclasses

import numpy as np

from heapscope.graph.library import NONE, UNWATCHED, Oversight, contiguous, run
from heapscope.graph.reach import Ways
from heapscope.snapshot.model import U32Array

MAX_SHAPES = 1 << 20  # 8 MB; heaps have some thousands


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """``of[i]`` is the shape of object i, NONE where there is no way. Shapes form a forest through ``parent``.

    ``kind[s]`` is the kind that shape s adds to its parent; for a first one (parent NONE) it is the object itself.
    """

    of: U32Array
    parent: U32Array
    kind: U32Array

    def steps(self, shape: int) -> tuple[int, list[int]]:
        """Give the first object of a shape, and the kinds after it."""
        kinds = []
        while int(self.parent[shape]) != NONE:
            kinds.append(int(self.kind[shape]))
            shape = int(self.parent[shape])
        return int(self.kind[shape]), kinds[::-1]


def find_shapes(
    ways: Ways, kinds: U32Array, *, max_shapes: int = MAX_SHAPES, oversight: Oversight = UNWATCHED
) -> Shapes:
    """Number the shapes of all ways; once there are too many, a way shares the shape of its parent.

    O(n) time, 4 bytes per object. Raises Cancelled.
    """
    firsts = int(np.count_nonzero(ways.parent[ways.order] == NONE))
    limit = max_shapes + firsts
    of = np.empty(ways.parent.size, dtype=np.uint32)
    parent, kind = np.empty(limit, dtype=np.uint32), np.empty(limit, dtype=np.uint32)
    count = ctypes.c_uint32()
    inputs = (ways.parent.size, contiguous(ways.parent, np.uint32), contiguous(ways.order, np.uint32), ways.order.size)
    outputs = (of, parent, kind, ctypes.byref(count))
    run("shapes", *inputs, contiguous(kinds, np.uint32), limit, *outputs, steps=ways.order.size, oversight=oversight)
    return Shapes(of, parent[: count.value].copy(), kind[: count.value].copy())

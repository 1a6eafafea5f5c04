"""What of pymalloc's arenas is in memory: blocks in use, free room in pools that are used, and pools that are empty.

Computes only; what it is given was read from a process that stands still.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heapscope.target.pymalloc import ALIGNMENT, SIZE_CLASSES, Pools
from heapscope.target.pymalloc_arenas import POOL_HEADER_SIZE
from heapscope.target.smaps_pages import ResidentPages

SPARSE = 0.2  # a used pool with fewer of its blocks in use is pinned by little


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One size class: blocks of ``block_bytes``; how many pools they fill, and what is free in these."""

    block_bytes: int
    pools: int
    blocks: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class PymallocPages:
    """Bytes in memory. ``in_use``, ``partly_free`` and ``empty`` add up to what of the arenas is in memory; pool headers count as free room."""

    in_use: int
    allocated: int  # in use, whether in memory or swapped out
    partly_free: int
    empty: int
    arenas: int
    arena_bytes: int  # of address space
    sparse_pools: int  # used pools of which under 20 % is in use ...
    sparse_bytes: int  # ... and the room that is free in them
    classes: tuple[ClassFigures, ...]


def measure_pools(pools: Pools, pages: ResidentPages) -> PymallocPages:
    """Add up what is in memory. O(pools)."""
    size = np.uint64(pools.pool_size)
    resident = pages.within_each(pools.addresses, pools.addresses + size)
    block_sizes = (pools.size_classes + 1) * ALIGNMENT
    used = pools.counts * block_sizes
    # Blocks are carved off one after the other: pages that are not there were never needed.
    in_use = np.minimum(used, resident)
    is_used = pools.counts > 0
    whole = pages.within_each(pools.arena_starts, pools.arena_ends)
    capacity = (pools.pool_size - POOL_HEADER_SIZE) // block_sizes
    is_sparse = is_used & (pools.counts < SPARSE * capacity)
    partly = int((resident - in_use)[is_used].sum())
    return PymallocPages(
        in_use=int(in_use.sum()),
        allocated=int(used.sum()),
        partly_free=partly,
        empty=int(whole.sum()) - int(in_use.sum()) - partly,
        arenas=int(pools.arena_starts.size),
        arena_bytes=int((pools.arena_ends - pools.arena_starts).sum()),
        sparse_pools=int(is_sparse.sum()),
        sparse_bytes=int((resident - in_use)[is_sparse].sum()),
        classes=_classes(pools, (capacity - pools.counts) * block_sizes),
    )


def _classes(pools: Pools, free: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[ClassFigures, ...]:
    is_used = pools.counts > 0
    found = []
    for number in range(SIZE_CLASSES):
        chosen = is_used & (pools.size_classes == number)
        if chosen.any():
            figures = int(chosen.sum()), int(pools.counts[chosen].sum()), int(free[chosen].sum())
            found.append(ClassFigures((number + 1) * ALIGNMENT, *figures))
    return tuple(found)

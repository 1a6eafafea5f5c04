"""How much of pymalloc's memory is in use: blocks and bytes, counted from the headers of its pools.

This is what the objects of a snapshot are compared with: bytes attributed ÷ bytes in use is the coverage. Reads only the 48 bytes
of each header, 1024 headers a system call; O(pools) time, bounded memory.

    struct pool_header: u32 count of blocks in use, ..., u32 arenaindex at 32, u32 szidx at 36 (blocks of (szidx + 1) × 16 bytes)

Blocks over 512 bytes are malloc's, and so are all with PYTHONMALLOC=malloc: not counted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from heapscope.target.maps import Mapping
from heapscope.target.pymalloc_arenas import (
    POOL,
    POOL_HEADER_SIZE,
    Array,
    find_arenas,
    first_pools,
    pool_bits_of,
    read_records,
)

SIZE_CLASSES = 32  # of 16 to 512 bytes
ALIGNMENT = 16
_ARENAS_AT_ONCE = 1 << 10


@dataclass(frozen=True, slots=True)
class PymallocFigures:
    """Sizes in bytes. ``arena_bytes`` is the sum of the four byte figures below it and ``overhead_bytes``."""

    arena_count: int
    used_pool_count: int
    empty_pool_count: int  # free pools, also those never used
    blocks_in_use: int
    blocks_by_class: tuple[int, ...]  # blocks in use of 16, 32, ... 512 bytes
    arena_bytes: int
    bytes_in_use: int
    free_bytes_in_used_pools: int
    free_bytes_in_empty_pools: int  # the whole pools
    overhead_bytes: (
        int  # pool headers, what is left over at the end of pools, and where arenas are not aligned to pools
    )
    warnings: tuple[str, ...]


def read_pymalloc(
    pid: int, runtime: range, version: tuple[int, int], mappings: Sequence[Mapping]
) -> PymallocFigures | None:
    """Count what pymalloc has in use. Does I/O; does not raise.

    Args:
        pid: a process that stands still: the clone, or a stopped target.
        runtime: where its _PyRuntime is, see symbols.find_python.
        version: major and minor, 3.8 to 3.15.
        mappings: those of the process.

    Returns:
        None where pymalloc has no arenas (PYTHONMALLOC=malloc), or they cannot be found.
    """
    try:
        tables = find_arenas(pid, runtime, version, mappings)
        if not any(table.entries.size for table in tables):
            return None
        entries = np.concatenate([table.entries for table in tables])
        counts = _PoolCounts(pool_bits_of(version))
        for at in range(0, entries.size, _ARENAS_AT_ONCE):
            pools = _carved_pools(entries[at : at + _ARENAS_AT_ONCE], pool_bits_of(version))
            counts.add(read_records(pid, pools, POOL))
    except OSError:
        return None
    return _figures(entries, counts, sum(table.nonsense for table in tables))


@dataclass(frozen=True, slots=True, eq=False)
class Pools:
    """Where the arenas and their pools are. Parallel columns: of arenas, and of pools that were ever used."""

    pool_size: int
    arena_starts: Array
    arena_ends: Array
    addresses: Array
    counts: npt.NDArray[np.int64]  # blocks in use; 0 where the header makes no sense
    size_classes: npt.NDArray[np.int64]


def read_pools(pid: int, runtime: range, version: tuple[int, int], mappings: Sequence[Mapping]) -> Pools | None:
    """Return every pool, for the same arguments as ``read_pymalloc``. Does I/O; does not raise."""
    try:
        tables = find_arenas(pid, runtime, version, mappings)
        if not any(table.entries.size for table in tables):
            return None
        entries = np.concatenate([table.entries for table in tables])
        addresses = _carved_pools(entries, pool_bits_of(version))
        headers = read_records(pid, addresses, POOL)
    except OSError:
        return None
    counted = _PoolCounts(pool_bits_of(version))
    size_classes = np.minimum(headers["size_class"].astype(np.int64), SIZE_CLASSES - 1)
    counts = headers["count"].astype(np.int64)
    is_sane = (headers["size_class"] < SIZE_CLASSES) & (counts <= counted.capacities[size_classes])
    sizes = _whole_pools(entries).astype(np.uint64) * np.uint64(counted.pool_size)
    return Pools(
        counted.pool_size,
        entries["address"],
        entries["address"] + sizes,
        addresses,
        np.where(is_sane, counts, 0),
        size_classes,
    )


def _carved_pools(entries: Array, pool_bits: int) -> Array:
    """Return the addresses of all pools that were ever used in some arenas: the others have no header."""
    first = first_pools(entries, pool_bits)
    carved_to = np.maximum(entries["carved_to"], first)  # an arena that is new and not aligned has none
    counts = ((carved_to - first) >> np.uint64(pool_bits)).astype(np.int64)
    counts = np.minimum(counts, entries["total"].astype(np.int64))
    starts = np.cumsum(counts) - counts
    steps = np.arange(int(counts.sum()), dtype=np.int64) - np.repeat(starts, counts)
    pools: Array = np.repeat(first, counts) + (steps.astype(np.uint64) << np.uint64(pool_bits))
    return pools


class _PoolCounts:
    """Sums over pool headers."""

    def __init__(self, pool_bits: int) -> None:
        self.pool_size = 1 << pool_bits
        self.block_sizes = (np.arange(SIZE_CLASSES, dtype=np.int64) + 1) * ALIGNMENT
        self.capacities = (self.pool_size - POOL_HEADER_SIZE) // self.block_sizes
        self.blocks: npt.NDArray[np.int64] = np.zeros(SIZE_CLASSES, dtype=np.int64)
        self.pools: npt.NDArray[np.int64] = np.zeros(SIZE_CLASSES, dtype=np.int64)
        self.nonsense = 0

    def add(self, headers: npt.NDArray[Any]) -> None:
        """Take in some headers."""
        used = headers[headers["count"] != 0]
        sane = used["size_class"] < SIZE_CLASSES
        size_class = np.where(sane, used["size_class"], 0).astype(np.int64)
        count = used["count"].astype(np.int64)
        sane &= count <= self.capacities[size_class]
        size_class, count = size_class[sane], count[sane]
        self.nonsense += int(used.size - sane.sum())
        self.pools += np.bincount(size_class, minlength=SIZE_CLASSES)
        np.add.at(self.blocks, size_class, count)


def _whole_pools(entries: Array) -> npt.NDArray[np.int64]:
    """Return the size of each arena in pools: one that is not aligned to pools has room for one less than its size says."""
    total: npt.NDArray[np.int64] = entries["total"].astype(np.int64)
    return total + (total & 1)


def _figures(entries: Array, counts: _PoolCounts, lost_arenas: int) -> PymallocFigures:
    used = int(counts.pools.sum())
    total = int(entries["total"].sum(dtype=np.int64))
    arena_bytes = int(_whole_pools(entries).sum()) * counts.pool_size
    in_use = int((counts.blocks * counts.block_sizes).sum())
    free_in_used = int(((counts.pools * counts.capacities - counts.blocks) * counts.block_sizes).sum())
    empty = total - used
    stated = total - int(entries["free"].sum(dtype=np.int64))
    warnings = [f"{lost_arenas} arenas of the allocator make no sense and are not counted"] if lost_arenas else []
    if counts.nonsense:
        warnings.append(f"{counts.nonsense} pools of the allocator make no sense and are not counted")
    elif stated != used:
        warnings.append(f"the allocator says that {stated} pools are in use, {used} are")
    return PymallocFigures(
        arena_count=int(entries.size),
        used_pool_count=used,
        empty_pool_count=empty,
        blocks_in_use=int(counts.blocks.sum()),
        blocks_by_class=tuple(int(each) for each in counts.blocks),
        arena_bytes=arena_bytes,
        bytes_in_use=in_use,
        free_bytes_in_used_pools=free_in_used,
        free_bytes_in_empty_pools=empty * counts.pool_size,
        overhead_bytes=arena_bytes - in_use - free_in_used - empty * counts.pool_size,
        warnings=tuple(warnings),
    )

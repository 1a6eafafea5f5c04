"""From addresses to object indexes, for millions of references at once.

Never loops over objects in Python. Does no I/O.

Binary search costs a cache miss per step, so a three-level table is used instead:

    address:  | 1 GiB region  | 64 KiB chunk of it | 16-byte granule of it | 4 bits, compared at the end |
              regions[] (few)   directory[]           granules[]

Two objects cannot start within the same 16 bytes, as the smallest object is 16 bytes long. Addresses that break this, or
that are spread so thinly that the table would be large, can only come from a broken or hostile sender (or from a test):
they are found by binary search, which needs no table.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heapscope.snapshot.model import U32Array, U64Array

_REGION_BITS = np.uint64(30)
_CHUNK_BITS = np.uint64(16)
_GRANULE_BITS = np.uint64(4)
_CHUNKS_PER_REGION = 1 << 14
_GRANULES_PER_CHUNK = 1 << 12
_MAX_REGIONS = 1 << 12  # directory of at most 256 MiB: 4 TiB of addresses in use
_FREE_CHUNKS = 1 << 12  # 64 MiB of granules are always allowed
_GRANULES_PER_OBJECT = 64  # beyond: 256 bytes of table per object, more than the snapshot itself
_BATCH = 1 << 18  # references mapped at a time: the scratch arrays stay in the cache

NONE = np.uint32(0xFFFFFFFF)


class DuplicateAddress(ValueError):
    """Two objects have the same address."""


class AddressIndex:
    """Object index by address. Building is O(n log n), a look-up O(1); the table costs about 20 bytes per object."""

    def __init__(self, address: U64Array) -> None:
        """Index the addresses. Raises DuplicateAddress."""
        self._address = address
        self._order: npt.NDArray[np.intp] = np.argsort(address)
        self._sorted: U64Array = address[self._order]
        if bool((self._sorted[1:] == self._sorted[:-1]).any()):
            raise DuplicateAddress("two objects have the same address")
        self._has_table = self._build_table()

    def _build_table(self) -> bool:
        chunk = self._sorted >> _CHUNK_BITS
        granule = self._sorted >> _GRANULE_BITS
        if not chunk.size or bool((granule[1:] == granule[:-1]).any()):
            return False
        starts = np.concatenate(([True], chunk[1:] != chunk[:-1]))
        chunks = chunk[starts]
        regions = np.unique(chunks >> (_REGION_BITS - _CHUNK_BITS))
        wanted = chunks.size * _GRANULES_PER_CHUNK
        allowed = _FREE_CHUNKS * _GRANULES_PER_CHUNK + _GRANULES_PER_OBJECT * chunk.size
        if regions.size > _MAX_REGIONS or wanted > allowed:
            return False
        region_of = np.searchsorted(regions, chunks >> (_REGION_BITS - _CHUNK_BITS))
        self._regions = regions
        # Chunk 0 and its granules stay empty: every address that is nowhere ends there.
        self._directory = np.zeros(regions.size * _CHUNKS_PER_REGION, dtype=np.uint32)
        low = (chunks & np.uint64(_CHUNKS_PER_REGION - 1)).astype(np.intp)
        self._directory[region_of * _CHUNKS_PER_REGION + low] = np.arange(1, chunks.size + 1, dtype=np.uint32)
        self._granules = np.full((chunks.size + 1) * _GRANULES_PER_CHUNK, NONE, dtype=np.uint32)
        chunk_number = np.cumsum(starts)
        place = chunk_number * _GRANULES_PER_CHUNK + (granule & np.uint64(_GRANULES_PER_CHUNK - 1)).astype(np.intp)
        self._granules[place] = self._order
        return True

    def find(self, wanted: U64Array) -> U32Array:
        """Look up addresses; NONE where no object starts."""
        found = np.empty(wanted.size, dtype=np.uint32)
        look_up = self._find_in_table if self._has_table else self._find_sorted
        for start in range(0, wanted.size, _BATCH):
            found[start : start + _BATCH] = look_up(wanted[start : start + _BATCH])
        return found

    def _find_in_table(self, wanted: U64Array) -> U32Array:
        region = wanted >> _REGION_BITS
        position = np.searchsorted(self._regions, region)
        np.minimum(position, self._regions.size - 1, out=position)
        known = self._regions[position] == region
        low = ((wanted >> _CHUNK_BITS) & np.uint64(_CHUNKS_PER_REGION - 1)).astype(np.intp)
        chunk = self._directory[position * _CHUNKS_PER_REGION + low].astype(np.intp)
        chunk *= known
        granule = ((wanted >> _GRANULE_BITS) & np.uint64(_GRANULES_PER_CHUNK - 1)).astype(np.intp)
        candidate: U32Array = self._granules[chunk * _GRANULES_PER_CHUNK + granule]
        return self._confirm(candidate, wanted)

    def _find_sorted(self, wanted: U64Array) -> U32Array:
        if not self._sorted.size:
            return np.full(wanted.size, NONE, dtype=np.uint32)
        position = np.minimum(np.searchsorted(self._sorted, wanted), self._sorted.size - 1)
        return self._confirm(self._order[position].astype(np.uint32), wanted)

    def _confirm(self, candidate: U32Array, wanted: U64Array) -> U32Array:
        safe = np.where(candidate == NONE, 0, candidate)
        return np.where((candidate != NONE) & (self._address[safe] == wanted), candidate, NONE).astype(np.uint32)

"""What the lru_caches of a target have counted, from the stream and the file.

Never trusts what it reads: counts and indexes are bounded and checked. Does no I/O.
"""

from __future__ import annotations

import numpy as np

from heapscope.snapshot import records
from heapscope.snapshot.addresses import NONE, AddressIndex
from heapscope.snapshot.model import CacheCounts
from heapscope.wire.protocol import MAX_CACHES

_NO_LIMIT = -1
_FIELDS = 5  # cache, its dict, hits, misses, maxsize


class CachesBuilder:
    """Collects counts by address while a stream runs; gives them by object index at its end."""

    def __init__(self) -> None:
        self._found: list[tuple[int, ...]] = []

    def feed(self, value: records.Value) -> None:
        """Take one CACHES value. Raises RecordError."""
        items = records.parse_list(value, "caches", MAX_CACHES - len(self._found))
        self._found.extend(_parse_fields(item) for item in items)

    def build(self, index: AddressIndex) -> tuple[CacheCounts, ...]:
        """Give what belongs to objects that were recorded."""
        columns = np.array([fields[:2] for fields in self._found], dtype=np.uint64).reshape(-1, 2)
        places = zip(index.find(columns[:, 0].copy()).tolist(), index.find(columns[:, 1].copy()).tolist(), strict=True)
        return tuple(
            _counts(cache, table, *fields[2:])
            for (cache, table), fields in zip(places, self._found, strict=True)
            if NONE not in (cache, table)
        )


def caches_record(caches: tuple[CacheCounts, ...]) -> list[list[int]]:
    """Write counts as plain values; the inverse of parse_caches."""
    return [
        [one.object_index, one.table_index, one.hits, one.misses, _NO_LIMIT if one.limit is None else one.limit]
        for one in caches
    ]


def parse_caches(value: records.Value, object_count: int) -> tuple[CacheCounts, ...]:
    """Read what caches_record wrote. Raises RecordError."""
    found = tuple(_counts(*_parse_fields(item)) for item in records.parse_list(value, "caches", MAX_CACHES))
    if any(max(one.object_index, one.table_index) >= object_count for one in found):
        raise records.RecordError("the counts of a cache belong to no object")
    return found


def _counts(cache: int, table: int, hits: int, misses: int, limit: int) -> CacheCounts:
    return CacheCounts(cache, table, hits, misses, None if limit == _NO_LIMIT else limit)


def _parse_fields(value: records.Value) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)) or len(value) != _FIELDS:
        raise records.RecordError("the counts of a cache have no five fields")
    low = (0, 0, 0, 0, _NO_LIMIT)
    for number, least in zip(value, low, strict=True):
        if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= records.MAX_UNSIGNED:
            raise records.RecordError("a count of a cache is out of range")
    return tuple(value)

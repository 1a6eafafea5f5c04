"""Fingerprints of contents as small numbers, for files: equal where the fingerprints are equal, and telling nothing more.

Never keeps a fingerprint: it is a hash of a str or bytes of the target. With a known hash seed (PYTHONHASHSEED) whoever has
the file could try guesses of a secret against it; a number in order of appearance only says what equals what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from heapscope.oversight import UNWATCHED, Oversight
from heapscope.snapshot.model import U8Array, U32Array, U64Array

_BUCKET_BITS = 3  # the scratch arrays are for one bucket at a time: an eighth of the memory, and less out of the cache
_STEP = 1 << 17
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so a bijection; spreads small numbers, those of a file, over the high bits

Map = Callable[[Callable[[int], None], Iterable[int]], Iterable[None]]


def number_contents(fingerprint: U64Array, run: Map = map, oversight: Oversight = UNWATCHED) -> U32Array:
    """Number the different non-zero fingerprints from 1 in the order of their first appearance; 0 stays 0.

    ``run`` maps a function over numbers and may use threads. Time O(n log n), sorting words that hold the upper bits of a
    fingerprint and the index; memory 9 bytes per object and, per thread, about 5 for scratch if the values are spread
    evenly, as hashes are. ``oversight`` is asked before every bucket, in whatever thread works on it. Raises Cancelled.
    """
    first = np.zeros(fingerprint.size, dtype=np.uint32)
    buckets = _buckets(fingerprint, oversight)

    def find(bucket: int) -> None:
        oversight.check()
        _find_first(fingerprint, buckets == bucket, first)

    list(run(find, range(1, (1 << _BUCKET_BITS) + 1)))
    return _numbers_of(fingerprint, first, oversight)


def _numbers_of(fingerprint: U64Array, first: U32Array, oversight: Oversight) -> U32Array:
    """Number what appears for the first time at its own index; give all others the number found there."""
    number = np.empty(first.size, dtype=np.uint32)
    highest = 0
    for start in range(0, first.size, _STEP):
        oversight.check()
        part = slice(start, min(start + _STEP, first.size))
        is_new = first[part] == np.arange(part.start, part.stop, dtype=np.uint32)
        is_new &= fingerprint[part] != 0
        np.cumsum(is_new, dtype=np.uint32, out=number[part])
        number[part] += np.uint32(highest)
        highest = int(number[part.stop - 1])
    for start in range(0, first.size, _STEP):  # the first ones come before: they have their numbers
        oversight.check()
        part = slice(start, start + _STEP)
        first[part] = number[first[part]]
        first[part] *= fingerprint[part] != 0
    return first


def _buckets(fingerprint: U64Array, oversight: Oversight) -> U8Array:
    """Give every object its bucket, 0 for none, by the upper bits of the mixed fingerprint."""
    result = np.empty(fingerprint.size, dtype=np.uint8)
    for start in range(0, fingerprint.size, _STEP):
        oversight.check()
        part = fingerprint[start : start + _STEP]
        bucket = (part * _MIX) >> np.uint64(64 - _BUCKET_BITS)
        bucket += np.uint64(1)
        bucket *= part != 0
        result[start : start + _STEP] = bucket
    return result


def _find_first(fingerprint: U64Array, is_member: npt.NDArray[np.bool_], first: U32Array) -> None:
    """Write into ``first`` the lowest index with the same fingerprint, for the fingerprints of one bucket."""
    members = np.flatnonzero(is_member).astype(np.uint64, copy=False)
    if not members.size:
        return
    index_bits = np.uint64(fingerprint.size.bit_length())
    key = fingerprint[members] * _MIX
    key >>= index_bits
    key <<= index_bits
    key |= members
    key.sort()
    key &= (np.uint64(1) << index_bits) - np.uint64(1)
    index: npt.NDArray[np.int64] = key.view(np.int64)
    index, starts = _separate(index, fingerprint[index] * _MIX, index_bits)
    sizes = np.diff(np.append(starts, index.size))
    first[index] = np.repeat(index[starts], sizes)


def _separate(
    index: npt.NDArray[np.int64], mixed: U64Array, index_bits: np.uint64
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """Find where groups of equal values start, in an order that is right but for different values with equal upper bits."""
    changes = mixed[1:] != mixed[:-1]
    upper = mixed >> index_bits
    if bool((changes & (upper[1:] == upper[:-1])).any()):
        # The upper bits lead, so a full sort moves values inside their runs only; stable, so the lowest index stays first.
        order = np.argsort(mixed, kind="stable")
        index, mixed = index[order], mixed[order]
        changes = mixed[1:] != mixed[:-1]
    return index, np.concatenate(([0], np.flatnonzero(changes) + 1))

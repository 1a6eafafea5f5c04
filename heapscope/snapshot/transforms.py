"""What is done to the values of a block so that they compress: reversible arithmetic on unsigned integers.

Never looks outside its block; what it needs from there is the block's ``base`` or the array ``against``.

All arithmetic is modulo 2**32 or 2**64, the width of the values, so every transform is exact for all values that it takes.
Time O(n), about one nanosecond per value and step.

    PLAIN       the values
    DELTA       difference to the value before (at first to base), zigzag: 0, -1, 1, -2 ... become 0, 1, 2, 3 ...
    STEPS       difference to the value before, of values that never fall
    ABOVE       difference to the value of another column for the same object
    PLUS_ONE    one more, so that -1, which means none, becomes 0
    NEAR        for object numbers: the zigzag difference to the object that refers, if it is under NEAR_LIMIT; else the
                number plus NEAR_LIMIT
    FIRST_SEEN  for numbers counted from 1 in order of their first appearance: 0 none, 1 a new number, else the number + 1.
                The base is how many numbers appeared before the block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from heapscope.snapshot.layout import Transform
from heapscope.snapshot.model import U32Array, U64Array

Unsigned = npt.NDArray[Any]  # of u4 or u8

NEAR_LIMIT = 1 << 13
_FAR_END = (1 << 32) - NEAR_LIMIT  # object numbers from here on would not fit into 32 bits


def forward(transform: Transform, values: Unsigned, against: Unsigned | None) -> tuple[Unsigned, int] | None:
    """Transform the values of a block, at least one; give them with the base, or None if only PLAIN takes them.

    For FIRST_SEEN, ``against`` has one element: the base.
    """
    if transform == Transform.PLAIN:
        return values, 0
    if transform == Transform.PLUS_ONE:
        return values + values.dtype.type(1), 0
    if transform in (Transform.DELTA, Transform.STEPS):
        steps = _steps(values)
        return (_zigzag(steps) if transform == Transform.DELTA else steps), int(values[0])
    if against is None:
        raise ValueError(f"{transform.name} needs something to compare with")
    if transform == Transform.ABOVE:
        return values - against, 0
    if transform == Transform.FIRST_SEEN:
        return _first_seen(values, int(against[0])), int(against[0])
    if int(values.max()) >= _FAR_END:
        return None
    near = _zigzag(values - against)
    return np.where(near < NEAR_LIMIT, near, values + values.dtype.type(NEAR_LIMIT)), 0


def backward(transform: Transform, coded: Unsigned, base: int, against: Unsigned | None) -> Unsigned:
    """Undo ``forward``; may work in place. Any coded values give some values: whether they make sense is to be checked."""
    one = coded.dtype.type(1)
    if transform == Transform.PLAIN:
        return coded
    if transform == Transform.PLUS_ONE:
        coded -= one
        return coded
    if transform in (Transform.DELTA, Transform.STEPS):
        steps = _unzigzag(coded) if transform == Transform.DELTA else coded
        steps[0] = base & int(np.iinfo(coded.dtype).max)
        np.cumsum(steps, dtype=steps.dtype, out=steps)
        return steps
    if transform == Transform.FIRST_SEEN:
        is_new = coded == one
        numbers = np.cumsum(is_new, dtype=coded.dtype) + coded.dtype.type(base & int(np.iinfo(coded.dtype).max))
        decoded: Unsigned = np.where(coded > one, coded - one, numbers * is_new)
        return decoded
    if against is None:
        raise ValueError(f"{transform.name} needs something to compare with")
    if transform == Transform.ABOVE:
        coded += against
        return coded
    limit = coded.dtype.type(NEAR_LIMIT)
    return np.where(coded < limit, _unzigzag(coded) + against, coded - limit)


def _steps(values: Unsigned) -> Unsigned:
    steps = np.empty_like(values)
    steps[0] = 0
    np.subtract(values[1:], values[:-1], out=steps[1:])
    return steps


def _zigzag(values: Unsigned) -> Unsigned:
    signed = values.view(f"<i{values.itemsize}")
    coded: Unsigned = ((signed << 1) ^ (signed >> (8 * values.itemsize - 1))).view(values.dtype)
    return coded


def _unzigzag(coded: Unsigned) -> Unsigned:
    one = coded.dtype.type(1)
    values: Unsigned = (coded >> one) ^ (~(coded & one) + one)
    return values


def _first_seen(numbers: Unsigned, before: int) -> Unsigned:
    highest = np.maximum.accumulate(numbers)
    highest_before = np.empty_like(highest)
    highest_before[0] = before
    np.maximum(highest[:-1], highest.dtype.type(before), out=highest_before[1:])
    one = numbers.dtype.type(1)
    return np.where(numbers > highest_before, one, numbers + (numbers > 0))


def referring_objects(offsets: U64Array, start: int, stop: int) -> U32Array:
    """Give, for the references ``start`` ... ``stop - 1``, the number of the object that each belongs to.

    The offsets must ascend from 0, and at least to ``stop``.
    """
    # Not plain numbers: those would have all of the offsets converted, for every block.
    first = int(np.searchsorted(offsets, np.uint64(start), side="right")) - 1
    last = int(np.searchsorted(offsets, np.uint64(stop - 1), side="right")) - 1
    bounds = np.clip(offsets[first : last + 2], np.uint64(start), np.uint64(stop))
    counts = np.diff(bounds).astype(np.int64)
    return np.repeat(np.arange(first, last + 1, dtype=np.uint32), counts)

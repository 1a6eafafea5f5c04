"""Owns sets of object indexes as sorted arrays.

Never hashes: NumPy's own way does for whole numbers, which takes many times longer for millions of them, and lets no other thread run.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", bound=np.integer[Any])


def distinct(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return the different values, ascending. O(n log n) time, 3 times the values' memory."""
    ordered = np.sort(values)
    is_first = np.ones(ordered.size, dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return ordered[is_first]

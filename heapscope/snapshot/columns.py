"""A column that grows: the builder's store for figures whose number is unknown until the stream ends.

Never holds more than one Python object per column. Does no I/O.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_FIRST_CAPACITY = 1 << 14


class GrowableColumn:
    """An array that grows at its end by doubling: amortised O(1) per value; untouched capacity costs no memory."""

    def __init__(self, dtype: str) -> None:
        self._buffer: npt.NDArray[Any] = np.empty(_FIRST_CAPACITY, dtype=dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def extend(self, values: npt.NDArray[Any]) -> None:
        """Copy values to the end."""
        end = self._size + int(values.size)
        if end > self._buffer.size:
            grown = np.empty(max(end, 2 * self._buffer.size), dtype=self._buffer.dtype)
            grown[: self._size] = self._buffer[: self._size]
            self._buffer = grown
        self._buffer[self._size : end] = values
        self._size = end

    def take(self) -> npt.NDArray[Any]:
        """Give the values away and become empty, so that the memory is held once."""
        values = self._buffer[: self._size]
        self._buffer, self._size = np.empty(0, dtype=self._buffer.dtype), 0
        return values

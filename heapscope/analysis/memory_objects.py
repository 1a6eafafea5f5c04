"""What the objects of a snapshot take of which allocator: small blocks, larger ones, and buffers of numpy. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heapscope.snapshot.memory import MemoryFacts
from heapscope.snapshot.model import Snapshot, U64Array

_NDARRAY = "numpy.ndarray"
_MAX_SMALL = 512
_GC_HEAD = 16
_HAVE_GC = 1 << 14


@dataclass(frozen=True, slots=True)
class ObjectBytes:
    """Allocated bytes. ``total`` leaves out static objects, whose memory is a file's, and buffers of numpy."""

    count: int
    total: int
    small: int  # of objects whose blocks are all small, as far as rows tell
    numpy_bytes: int
    numpy_arrays: int

    def large(self, facts: MemoryFacts) -> int:
        """Return the bytes that are not pymalloc's."""
        if facts.pymalloc is None:
            return self.total
        attributed = facts.pymalloc.attributed_bytes
        return max(0, self.total - (self.small if attributed is None else attributed))


def measure_objects(snapshot: Snapshot, images: Sequence[tuple[int, int]]) -> ObjectBytes:
    """Add up the objects that are outside of images. O(objects)."""
    is_dynamic = ~_inside(snapshot.address, images)
    allocated = snapshot.allocated[is_dynamic]
    buffers, arrays = _numpy_buffers(snapshot, is_dynamic)
    return ObjectBytes(
        count=snapshot.object_count,
        total=int(allocated.sum()) - buffers,
        small=int(allocated[allocated <= _MAX_SMALL].sum()),
        numpy_bytes=buffers,
        numpy_arrays=arrays,
    )


def _inside(address: U64Array, ranges: Sequence[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    if not ranges:
        return np.zeros(address.size, dtype=np.bool_)
    bounds = np.array(sorted(ranges), dtype=np.uint64)
    row = np.searchsorted(bounds[:, 0], address, side="right") - 1
    result: npt.NDArray[np.bool_] = (row >= 0) & (address < bounds[np.maximum(row, 0), 1])
    return result


def _numpy_buffers(snapshot: Snapshot, is_dynamic: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Return the bytes of the data that arrays own, and how many arrays own some."""
    base = {info.address for info in snapshot.types if info.name == _NDARRAY}
    kinds = [index for index, info in enumerate(snapshot.types) if info.address in base or base.intersection(info.mro)]
    size = arrays = 0
    for kind in kinds:
        info = snapshot.types[kind]
        own = info.basicsize + (_GC_HEAD if info.tp_flags & _HAVE_GC else 0)
        found = snapshot.allocated[(snapshot.type_index == kind) & is_dynamic].astype(np.int64) - _rounded(own)
        size += int(found[found > 0].sum())
        arrays += int((found > 0).sum())
    return size, arrays


def _rounded(size: int) -> int:
    return (size + 15) & ~15

"""The histogram: per type name, how many objects there are and what they cost.

Never shows or cleans names for a screen; that is the front ends' work. No I/O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from heapscope.analysis.retained import RetainedByType
from heapscope.analysis.type_names import sum_by
from heapscope.graph.recursive import recursive_sizes_of_groups
from heapscope.snapshot.model import Snapshot


@dataclasses.dataclass(frozen=True, slots=True)
class HistogramRow:
    """All objects whose types share one name. Sizes in bytes, share 0...1 of the heap's requested bytes.

    ``type_index`` is that of the type object with the most instances, ``type_count`` the number of type objects.
    ``retained_bytes`` is what would be freed with all of them; a lower bound where ``is_retained_exact`` is False.
    """

    type_name: str
    type_index: int
    count: int
    shallow_bytes: int
    allocated_bytes: int
    recursive_bytes: int | None
    share: float
    type_count: int = 1
    retained_bytes: int | None = None
    is_retained_exact: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Histogram:
    """Rows with instances, largest shallow size first, and their totals."""

    rows: tuple[HistogramRow, ...]
    total_count: int
    total_shallow_bytes: int
    total_allocated_bytes: int


def _never() -> bool:
    return False


def build_histogram(
    snapshot: Snapshot, *, recursive: bool = True, is_cancelled: Callable[[], bool] = _never
) -> Histogram:
    """Count objects by type name; recursive sizes are left out unless asked for. Raises Cancelled."""
    names: dict[str, int] = {}
    group_of_type = np.array([names.setdefault(info.name, len(names)) for info in snapshot.types], dtype=np.uint32)
    group_count = len(names)
    type_total = len(snapshot.types)
    count_of_type = np.bincount(snapshot.type_index, minlength=type_total).astype(np.uint64)
    counts = sum_by(group_of_type, count_of_type, group_count)
    shallow = sum_by(group_of_type, sum_by(snapshot.type_index, snapshot.shallow, type_total), group_count)
    allocated = sum_by(group_of_type, sum_by(snapshot.type_index, snapshot.allocated, type_total), group_count)
    sizes = None
    if recursive:
        sizes = recursive_sizes_of_groups(snapshot, group_of_type, group_count, is_cancelled=is_cancelled)
    members: list[list[int]] = [[] for _ in names]
    for type_index, group in enumerate(group_of_type.tolist()):
        if count_of_type[type_index]:
            members[group].append(type_index)
    heap_bytes = snapshot.heap_bytes
    rows = [
        HistogramRow(
            type_name=name,
            type_index=max(members[group], key=lambda index: int(count_of_type[index])),
            count=int(counts[group]),
            shallow_bytes=int(shallow[group]),
            allocated_bytes=int(allocated[group]),
            recursive_bytes=None if sizes is None else int(sizes[group]),
            share=int(shallow[group]) / heap_bytes if heap_bytes else 0.0,
            type_count=len(members[group]),
        )
        for name, group in names.items()
        if members[group]
    ]
    rows.sort(key=lambda row: (-row.shallow_bytes, -row.count, row.type_name))
    return Histogram(tuple(rows), snapshot.object_count, heap_bytes, snapshot.allocated_bytes)


def add_retained(histogram: Histogram, retained: RetainedByType) -> Histogram:
    """Return the histogram with the retained sizes of the same snapshot; rows keep their order.

    O(types). Raises KeyError if a row has no size: the two are of different snapshots.
    """
    number_of = {name: number for number, name in enumerate(retained.names.names)}
    numbers = [number_of[row.type_name] for row in histogram.rows]
    return dataclasses.replace(
        histogram,
        rows=tuple(
            dataclasses.replace(
                row,
                retained_bytes=int(retained.sizes[number]),
                # What one object retains is known from the tree: its lower bound is the figure itself.
                is_retained_exact=bool(retained.is_exact[number]) or row.count == 1,
            )
            for row, number in zip(histogram.rows, numbers, strict=True)
        ),
    )

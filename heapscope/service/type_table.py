"""The figures of types, and the cheap ones straight from a snapshot file that is not loaded, or from a census.

Never reads a column of objects of a file that has sums per type (format version 2 and later).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.service.census import Census
    from heapscope.snapshot.contents import TypeTable


@dataclasses.dataclass(frozen=True, slots=True)
class TypeFigures:
    """All objects whose types share one name. Sizes in bytes; ``share`` is 0...1 of the heap's shallow bytes.

    ``recursive_bytes`` and ``retained_bytes`` are None where they were not computed. With ``retained_is_minimum`` the type
    retains at least ``retained_bytes``. ``type_count`` is the number of type objects of that name.
    """

    type_name: str
    count: int
    shallow_bytes: int
    allocated_bytes: int
    share: float
    recursive_bytes: int | None = None
    retained_bytes: int | None = None
    retained_is_minimum: bool = False
    type_count: int = 1


def type_table_of_file(path: str) -> list[TypeFigures]:
    """Give counts, shallow and allocated sizes by type name, largest shallow size first. O(types), whatever the heap.

    Raises:
        SnapshotFileError: the file is missing, unreadable or damaged.
    """
    from heapscope.snapshot.opening import SnapshotFile  # noqa: PLC0415 - numpy, 100 ms

    with SnapshotFile(path) as file:
        return figures_of_table(file.type_table)


def figures_of_table(table: TypeTable) -> list[TypeFigures]:
    """Add up a file's figures by type name; types without objects are left out."""
    sums: dict[str, list[int]] = {}
    columns = (column.tolist() for column in table.columns)
    for info, count, shallow, allocated in zip(table.types, *columns, strict=True):
        if not count:
            continue
        total = sums.setdefault(info.name, [0, 0, 0, 0])
        for at, value in enumerate((count, shallow, allocated, 1)):
            total[at] += value
    heap = sum(total[1] for total in sums.values())
    rows = [
        TypeFigures(name, count, shallow, allocated, shallow / heap if heap else 0.0, type_count=types)
        for name, (count, shallow, allocated, types) in sums.items()
    ]
    return sorted(rows, key=lambda row: (-row.shallow_bytes, -row.count, row.type_name))


def figures_of_census(census: Census) -> list[TypeFigures]:
    """Give the figures of a census, largest shallow size first."""
    heap = census.heap_bytes
    return [
        TypeFigures(
            row.name,
            row.count,
            row.shallow_bytes,
            row.allocated_bytes,
            row.shallow_bytes / heap if heap else 0.0,
            type_count=row.type_count,
        )
        for row in census.types
    ]

"""The snapshot: what one capture recorded, as flat numpy columns indexed by object index.

Never computes anything that needs a walk of the references; that is graph's. Does no I/O.

Objects are numbered 0 ... n-1 in the order of the stream. The references of object ``i`` are
``reference_targets[reference_offsets[i]:reference_offsets[i + 1]]``, each an object index. Object indexes are u32,
which halves the largest column and bounds a snapshot to ``MAX_OBJECTS``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from heapscope.snapshot.facts import InstanceFacts, Root, SnapshotMeta, StateFigures, TypeInfo
from heapscope.snapshot.memory import MemoryFacts

__all__ = [
    "COLUMN_TYPES",
    "MAX_OBJECTS",
    "NO_CODES",
    "NO_OBJECT",
    "CodeTable",
    "I64Array",
    "InstanceFacts",
    "Naming",
    "Root",
    "Snapshot",
    "SnapshotMeta",
    "StateFigures",
    "TypeInfo",
    "U8Array",
    "U32Array",
    "U64Array",
]

U8Array = npt.NDArray[np.uint8]
U32Array = npt.NDArray[np.uint32]
U64Array = npt.NDArray[np.uint64]
I64Array = npt.NDArray[np.int64]

MAX_OBJECTS = (1 << 32) - 2  # object indexes are u32, and one value is kept to mean "none"
NO_OBJECT = -1


@dataclasses.dataclass(frozen=True, slots=True)
class Naming:
    """Names for references, where the collector knew them.

    ``names`` are the texts of strings that are names, by object index. ``shapes`` are (object index, attribute names): the first
    references of that object are the values of these attributes, in that order, and so are those of every object of the same
    type with the same fingerprint.
    """

    names: Mapping[int, str] = dataclasses.field(default_factory=dict)
    shapes: tuple[tuple[int, tuple[str, ...]], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class CodeTable:
    """Where code was written. The columns are parallel.

    ``names[i]`` (qualified where the version knows it) is the code object ``objects[i]``, which begins in line ``first_line[i]``
    of ``files[file[i]]``. ``objects`` ascends.
    """

    objects: U32Array
    first_line: U32Array
    file: U32Array
    names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class CacheCounts:
    """What an lru_cache has counted. Its results are the items of the dict ``table_index``; ``limit`` is None without a maxsize."""

    object_index: int
    table_index: int
    hits: int
    misses: int
    limit: int | None


_NONE_U32 = np.empty(0, dtype=np.uint32)
_NONE_U32.setflags(write=False)
NO_CODES = CodeTable(_NONE_U32, _NONE_U32, _NONE_U32)


@dataclasses.dataclass(frozen=True, eq=False)
class Snapshot:
    """One captured heap. Immutable: the columns are read-only. Safe to share between threads."""

    meta: SnapshotMeta
    types: tuple[TypeInfo, ...]
    instances: tuple[InstanceFacts, ...]
    roots: tuple[Root, ...]
    address: U64Array
    type_index: U32Array
    shallow: U64Array
    allocated: U64Array
    refcount: U64Array
    length: I64Array
    flags: U32Array
    fingerprint: U64Array
    reference_offsets: U64Array
    reference_targets: U32Array
    dangling_reference_count: int = 0
    naming: Naming = Naming()
    codes: CodeTable = NO_CODES
    caches: tuple[CacheCounts, ...] = ()
    memory: MemoryFacts | None = None
    """Where the memory of the process was when it was captured; None where that is not known."""

    def __post_init__(self) -> None:
        """Make every column read-only, so that sharing one is safe."""
        for name in COLUMN_TYPES:
            column: npt.NDArray[Any] = getattr(self, name)
            column.setflags(write=False)

    @property
    def object_count(self) -> int:
        """How many objects were recorded."""
        return int(self.address.size)

    @property
    def reference_count(self) -> int:
        """How many references between recorded objects there are."""
        return int(self.reference_targets.size)

    @cached_property
    def heap_bytes(self) -> int:
        """Sum of the shallow sizes: requested bytes."""
        return int(self.shallow.sum())

    @cached_property
    def allocated_bytes(self) -> int:
        """Sum of the same blocks as the allocator rounds them."""
        return int(self.allocated.sum())

    @cached_property
    def type_index_by_address(self) -> Mapping[int, int]:
        """Position in ``types`` by the address of the type object."""
        return {info.address: index for index, info in enumerate(self.types)}

    def type_at(self, address: int) -> TypeInfo | None:
        """Find the type object at an address; None if it was not recorded."""
        index = self.type_index_by_address.get(address)
        return None if index is None else self.types[index]


COLUMN_TYPES: Mapping[str, np.dtype[Any]] = {
    "address": np.dtype("<u8"),
    "type_index": np.dtype("<u4"),
    "shallow": np.dtype("<u8"),
    "allocated": np.dtype("<u8"),
    "refcount": np.dtype("<u8"),
    "length": np.dtype("<i8"),
    "flags": np.dtype("<u4"),
    "fingerprint": np.dtype("<u8"),
    "reference_offsets": np.dtype("<u8"),
    "reference_targets": np.dtype("<u4"),
}

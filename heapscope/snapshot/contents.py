"""What the sections of a snapshot file hold: columns of numbers, the small records as JSON, and what has to agree.

Never opens a file, and never believes a section: whatever comes out was checked by one of the functions here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from heapscope.oversight import UNWATCHED, Oversight
from heapscope.snapshot import records
from heapscope.snapshot.caches import parse_caches
from heapscope.snapshot.codes import parse_codes
from heapscope.snapshot.layout import Transform
from heapscope.snapshot.memory import MemoryFacts
from heapscope.snapshot.memory_record import parse_memory
from heapscope.snapshot.model import (
    COLUMN_TYPES,
    MAX_OBJECTS,
    NO_OBJECT,
    CacheCounts,
    CodeTable,
    InstanceFacts,
    Naming,
    Root,
    Snapshot,
    SnapshotMeta,
    TypeInfo,
    U32Array,
    U64Array,
)
from heapscope.snapshot.naming import parse_naming

Column = npt.NDArray[Any]
Result = TypeVar("Result")

RECORD_SECTIONS = ("meta", "types", "instances", "roots")
NAMING = "naming"  # optional: files from before it, and of collectors that know no names, do not have it
CACHES = "caches"  # optional: what lru_caches have counted
CODES = "codes"  # optional as well, with its columns
CODE_COLUMNS = ("code_object", "code_line", "code_file")  # u32 per code object whose place is known
TYPE_COLUMNS = ("type_count", "type_shallow", "type_allocated")  # u64 per type: what opening to a table of types needs
ROOT_OBJECTS = "root_objects"  # u32 per root: its object, or NO_ROOT_OBJECT
NO_ROOT_OBJECT = 0xFFFFFFFF
MEMORY = "memory"  # optional: where the memory of the process was
PADDING = "padding"

_TRANSFORMS: Mapping[str, Transform] = {
    "address": Transform.DELTA,
    "allocated": Transform.ABOVE,
    "length": Transform.PLUS_ONE,
    "fingerprint": Transform.FIRST_SEEN,
    "reference_offsets": Transform.STEPS,
    "reference_targets": Transform.NEAR,
    "code_object": Transform.STEPS,
}
COMPARED_WITH: Mapping[str, str] = {"allocated": "shallow", "reference_targets": "reference_offsets"}

# Columns that files of every version have; an absent one that came later is filled with the value that means "not known".
_ALWAYS_THERE = frozenset(
    {
        "address",
        "type_index",
        "shallow",
        "allocated",
        "refcount",
        "length",
        "flags",
        "reference_offsets",
        "reference_targets",
    }
)

MAX_RECORDS_SIZE = 1 << 30
_STEP = 1 << 20
_EXACT = 1 << 53  # sums of integers below this are exact in floating point


class ContentsError(ValueError):
    """A section that passed its checksum does not make sense."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class TypeTable:
    """The types of a snapshot with, per type: objects, their requested bytes, their allocated bytes (u64 each)."""

    types: tuple[TypeInfo, ...]
    count: U64Array
    shallow: U64Array
    allocated: U64Array

    @property
    def columns(self) -> tuple[U64Array, U64Array, U64Array]:
        """The figures, in the order of TYPE_COLUMNS."""
        return self.count, self.shallow, self.allocated


class Meta(NamedTuple):
    """The meta record, and the figures saved with it that belong to the snapshot."""

    meta: SnapshotMeta
    dangling_reference_count: int


def transform_of(column: str) -> Transform:
    """Say how the blocks of a column are written. Those of any column may be PLAIN instead."""
    return _TRANSFORMS.get(column, Transform.PLAIN)


def sum_by_type(
    types: tuple[TypeInfo, ...], type_index: U32Array, *sizes: U64Array, oversight: Oversight = UNWATCHED
) -> TypeTable:
    """Count the objects by type and sum up their sizes, shallow and allocated; exact. O(n). Raises Cancelled."""
    sums = [np.zeros(len(types), dtype=np.uint64) for _ in TYPE_COLUMNS]
    for start in range(0, type_index.size, _STEP):
        oversight.check()
        part = slice(start, start + _STEP)
        sums[0] += np.bincount(type_index[part], minlength=sums[0].size).astype(np.uint64)
        for total, column in zip(sums[1:], sizes, strict=True):
            _add_by(total, type_index[part], column[part])
    return TypeTable(types, *sums)


def _add_by(total: U64Array, types: U32Array, sizes: U64Array) -> None:
    if int(sizes.max()) * sizes.size < _EXACT:
        total += np.bincount(types, weights=sizes, minlength=total.size).astype(np.uint64)
    else:
        np.add.at(total, types, sizes)


def encode_root_objects(snapshot: Snapshot) -> U32Array:
    """Give the object of every root, NO_ROOT_OBJECT for none."""
    indexes = np.array([root.object_index for root in snapshot.roots], dtype=np.int64)
    return np.where(indexes == NO_OBJECT, NO_ROOT_OBJECT, indexes).astype(np.uint32)


def decode_meta(raw: bytes) -> Meta:
    """Read the section meta. Raises ContentsError."""
    value = _json("meta", raw)
    if not isinstance(value, dict):
        raise ContentsError("its section meta is no record")
    dangling = value.pop("dangling_reference_count", 0)
    if not isinstance(dangling, int) or not 0 <= dangling <= records.MAX_BYTES:
        raise ContentsError("its count of dropped references is wrong")
    return Meta(_parsed("meta", lambda: records.parse_meta(value)), dangling)


def decode_types(raw: bytes) -> tuple[TypeInfo, ...]:
    """Read the section types. Raises ContentsError."""
    return _parse_all("types", _json("types", raw), records.MAX_TYPES, records.parse_type)


def decode_instances(raw: bytes) -> tuple[InstanceFacts, ...]:
    """Read the section instances. Raises ContentsError."""
    value = _json("instances", raw)
    for record in value if isinstance(value, list) else ():
        for key in ("states", "own_sizes") if isinstance(record, dict) else ():
            if isinstance(record.get(key), dict):
                # JSON has text keys only: turn these back into numbers.
                record[key] = _parsed("instances", partial(_with_numbers, record[key]))
    return _parse_all("instances", value, records.MAX_TYPES, records.parse_instances)


def _with_numbers(record: Mapping[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in record.items()}


def decode_roots(raw: bytes) -> tuple[records.RootRecord, ...]:
    """Read the section roots. Raises ContentsError."""
    return _parse_all("roots", _json("roots", raw), records.MAX_ROOTS, records.parse_root)


def decode_naming(raw: bytes, object_count: int) -> Naming:
    """Read the section naming. Raises ContentsError."""
    try:
        return parse_naming(_json(NAMING, raw), object_count)
    except records.RecordError as error:
        raise ContentsError(f"a record is wrong: {error}") from error


def decode_caches(raw: bytes, object_count: int) -> tuple[CacheCounts, ...]:
    """Read the section caches. Raises ContentsError."""
    return _parsed(CACHES, lambda: parse_caches(_json(CACHES, raw), object_count))


def decode_codes(raw: bytes, columns: Sequence[U32Array], object_count: int) -> CodeTable:
    """Read the section codes; ``columns`` are the CODE_COLUMNS. Raises ContentsError."""
    objects, lines, files = columns
    return _parsed(CODES, lambda: parse_codes(_json(CODES, raw), (objects, lines, files), object_count))


def decode_memory(raw: bytes) -> MemoryFacts:
    """Read the section memory. Raises ContentsError."""
    return _parsed(MEMORY, lambda: parse_memory(_json(MEMORY, raw)))


def _json(name: str, raw: bytes) -> records.Value:
    if len(raw) > MAX_RECORDS_SIZE:
        raise ContentsError(f"its section {name} is too large")
    return _parsed(name, lambda: json.loads(raw))


def _parse_all(name: str, value: records.Value, limit: int, parse: Callable[[Any], Result]) -> tuple[Result, ...]:
    return _parsed(name, lambda: tuple(parse(item) for item in records.parse_list(value, name, limit)))


def _parsed(name: str, parse: Callable[[], Result]) -> Result:
    try:
        return parse()
    except records.RecordError as error:
        raise ContentsError(f"a record in its section {name} is wrong: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ContentsError(f"its section {name} cannot be parsed") from error


def join_roots(roots: tuple[records.RootRecord, ...], objects: U32Array, address: U64Array) -> tuple[Root, ...]:
    """Join roots with their objects. Raises ContentsError."""
    known = objects != NO_ROOT_OBJECT
    if objects.size != len(roots) or bool((objects[known] >= address.size).any()):
        raise ContentsError("a root leads nowhere")
    addresses = np.array([root.address for root in roots], dtype=np.uint64)
    if bool((address[objects[known]] != addresses[known]).any()):
        raise ContentsError("a root is another object than it says")
    indexes = np.where(known, objects.astype(np.int64), NO_OBJECT).tolist()
    return tuple(
        Root(root.kind, root.address, index, root.label, root.variables)
        for root, index in zip(roots, indexes, strict=True)
    )


def absent_column(name: str, object_count: int) -> Column:
    """Give a column that a file of an older heapscope does not have. Raises ContentsError."""
    if name in _ALWAYS_THERE:
        raise ContentsError(f"its section {name} is missing")
    return np.zeros(object_count, dtype=COLUMN_TYPES[name])


def check_counts(counts: Mapping[str, int]) -> None:
    """Check how many values the columns have, by name. Raises ContentsError."""
    object_count = counts.get("address", 0)
    for name, count in counts.items():
        if name == "reference_offsets":
            count -= 1  # noqa: PLW2901 - one bound more than objects
        if name != "reference_targets" and count != object_count:
            raise ContentsError("its columns differ in length")
    if object_count > MAX_OBJECTS:
        raise ContentsError("it has too many objects")


def check_column(name: str, column: Column, *, object_count: int, reference_count: int, type_count: int) -> None:
    """Check what every algorithm relies on. Raises ContentsError."""
    if name == "reference_offsets":
        if column[0] != 0 or column[-1] != reference_count:
            raise ContentsError("its reference offsets do not fit its references")
        if bool((column[1:] < column[:-1]).any()):
            raise ContentsError("its reference offsets are not ascending")
    elif name == "reference_targets" and column.size and int(column.max()) >= object_count:
        raise ContentsError("a reference leads nowhere")
    elif name == "type_index" and column.size and int(column.max()) >= type_count:
        raise ContentsError("an object has no type")
    elif name in ("shallow", "allocated") and float(column.sum(dtype=np.float64)) > records.MAX_BYTES:
        raise ContentsError(f"its {name} sizes are absurd")
    elif name == "address":
        in_order = np.sort(column)
        if bool((in_order[1:] == in_order[:-1]).any()):
            raise ContentsError("two objects have the same address")


def check_type_table(table: TypeTable, object_count: int) -> None:
    """Check the sums per type. Raises ContentsError."""
    if any(column.size != len(table.types) for column in table.columns):
        raise ContentsError("its sums per type are not one per type")
    for column, limit in zip(table.columns, (object_count, records.MAX_BYTES, records.MAX_BYTES), strict=True):
        if float(column.sum(dtype=np.float64)) > limit:
            raise ContentsError("its sums per type are absurd")
    if int(table.count.sum()) != object_count:
        raise ContentsError("its sums per type do not add up to its objects")


def check_same_sums(stated: TypeTable, computed: TypeTable) -> None:
    """Check that the sums per type are those of the columns. Raises ContentsError."""
    for left, right in zip(stated.columns, computed.columns, strict=True):
        if not np.array_equal(left, right):
            raise ContentsError("its sums per type are not those of its objects")

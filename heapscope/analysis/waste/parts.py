"""One snapshot as the patterns look at it: which objects are exact built-ins, whose namespace a dict is, references in parts.

Never judges anything. Whatever is derived is kept; not safe to share between threads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

from heapscope.analysis.edge_names import EdgeNames
from heapscope.analysis.slots.layout import Version, native_base, parse_version
from heapscope.analysis.waste.model import I64Array
from heapscope.graph.library import NONE, UNWATCHED, Oversight
from heapscope.graph.references import References, referents
from heapscope.snapshot.model import Snapshot, TypeInfo, U8Array, U32Array, U64Array
from heapscope.wire.protocol import DictState, Flag

BoolArray = npt.NDArray[np.bool_]

OTHER, DICT, LIST, TUPLE, SET, FROZENSET, STR, BYTES, INT, FLOAT, DEQUE = range(11)
_KINDS = {
    "builtins.dict": DICT,
    "builtins.list": LIST,
    "builtins.tuple": TUPLE,
    "builtins.set": SET,
    "builtins.frozenset": FROZENSET,
    "builtins.str": STR,
    "builtins.bytes": BYTES,
    "builtins.int": INT,
    "builtins.float": FLOAT,
    "collections.deque": DEQUE,
}
_AT_ONCE = 1 << 22  # references looked at together: bounds memory, and the time until a cancel is seen
_WITH_DICT = (DictState.SPLIT, DictState.MATERIALISED, DictState.COMBINED)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ReferencePart:
    """Some references: ``holders`` are object indexes, ``positions`` count from 0 in each holder, ``targets`` is what is held."""

    holders: U32Array
    positions: I64Array
    targets: U32Array


class HeapParts:
    """Views of one snapshot, 1 byte per object for kinds and 4 for namespaces once they are asked for."""

    def __init__(self, snapshot: Snapshot, oversight: Oversight = UNWATCHED) -> None:
        self.snapshot = snapshot
        self.oversight = oversight
        self.version: Version = parse_version(snapshot.meta.python_version)
        self.references: References = referents(snapshot)

    @cached_property
    def edge_names(self) -> EdgeNames:
        """What references are called."""
        return EdgeNames(self.snapshot)

    @cached_property
    def kind(self) -> U8Array:
        """Which exact built-in type each object has: DICT, LIST, ...; OTHER for all else. Heap types never count."""
        of_type = [OTHER if info.is_heap and info.name != "collections.deque" else _KINDS.get(info.name, OTHER)
                   for info in self.snapshot.types]  # fmt: skip
        kind: U8Array = np.array(of_type, dtype=np.uint8)[self.snapshot.type_index]
        return kind

    def of_kind(self, *kinds: int) -> U32Array:
        """List the objects of some kinds, ascending. O(n)."""
        wanted = np.zeros(DEQUE + 1, dtype=np.bool_)
        wanted[list(kinds)] = True
        return np.flatnonzero(wanted[self.kind]).astype(np.uint32)

    def has_flag(self, objects: U32Array, flag: int) -> BoolArray:
        """Tell which objects have a flag."""
        found: BoolArray = (self.snapshot.flags[objects] & np.uint32(flag)) != 0
        return found

    @cached_property
    def state(self) -> U8Array:
        """How each instance holds its attributes: DictState."""
        bits = (self.snapshot.flags & np.uint32(Flag.DICT_STATE_MASK)) >> np.uint32(Flag.DICT_STATE_SHIFT)
        return bits.astype(np.uint8)

    @cached_property
    def namespace_owner(self) -> U32Array:
        """The object whose attributes a dict keeps: an instance, a class or a module; NONE for other dicts. O(n + m)."""
        owner = np.full(self.snapshot.object_count, NONE, dtype=np.uint32)
        holds = np.isin(self.state, _WITH_DICT)
        types = self.snapshot.types
        is_module = np.array([info.name == "builtins.module" for info in types], dtype=np.bool_)
        holds |= (self.snapshot.flags & np.uint32(Flag.IS_TYPE)) != 0
        holds |= is_module[self.snapshot.type_index]
        for part in self.references_of(np.flatnonzero(holds).astype(np.uint32)):
            is_dict = self.kind[part.targets] == DICT
            # The slots of an instance come before its dict, so the last dict is the namespace.
            holders, targets = part.holders[is_dict], part.targets[is_dict]
            last = np.append(holders[1:] != holders[:-1], True) if holders.size else np.zeros(0, dtype=np.bool_)
            keep = last | self.has_flag(holders, Flag.IS_TYPE)
            owner[targets[keep]] = holders[keep]
        return owner

    @cached_property
    def namespaces_of_instances(self) -> tuple[U32Array, U32Array]:
        """Instances that have a dict object, and the dict of each."""
        dicts = np.flatnonzero(self.namespace_owner != NONE).astype(np.uint32)
        owners = self.namespace_owner[dicts]
        is_instance = np.isin(self.state[owners], _WITH_DICT) & ~self.has_flag(owners, Flag.IS_TYPE)
        return owners[is_instance], dicts[is_instance]

    def plain_dicts(self) -> U32Array:
        """List the exact dicts that are nobody's namespace."""
        dicts = self.of_kind(DICT)
        free: BoolArray = (self.namespace_owner[dicts] == NONE) & ~self.has_flag(dicts, Flag.BOUNDARY)
        return dicts[free]

    def references_of(self, holders: U32Array) -> Iterator[ReferencePart]:
        """Give the references of some objects in bounded parts, in the order given. Raises Cancelled."""
        offsets = self.references.offsets
        starts = offsets[holders].astype(np.int64)
        counts = offsets[holders.astype(np.int64) + 1].astype(np.int64) - starts
        ends = np.cumsum(counts)
        first = 0
        while first < holders.size:
            self.oversight.check()
            before = int(ends[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
            some = counts[first:last]
            inside = np.cumsum(some) - some
            positions = np.arange(int(some.sum())) - np.repeat(inside, some)
            targets = self.references.targets[np.repeat(starts[first:last], some) + positions]
            yield ReferencePart(np.repeat(holders[first:last], some), positions, targets)
            first = last

    def references_to(self, is_wanted: BoolArray) -> Iterator[ReferencePart]:
        """Give all references that lead to marked objects, in bounded parts. O(m). Raises Cancelled."""
        offsets, targets = self.references.offsets, self.references.targets
        for start in range(0, targets.size, _AT_ONCE):
            self.oversight.check()
            places = np.flatnonzero(is_wanted[targets[start : start + _AT_ONCE]]) + start
            holders = np.searchsorted(offsets, places.astype(np.uint64), side="right") - 1
            positions = places - offsets[holders].astype(np.int64)
            yield ReferencePart(holders.astype(np.uint32), positions, targets[places])

    def native_base_of(self, info: TypeInfo) -> str:
        """Name the type whose native layout the instances extend; "" where that is object."""
        base = native_base(self.snapshot, info)
        return "" if base is None or base.name == "builtins.object" else base.name

    def allocated(self, objects: U32Array) -> U64Array:
        """Give the blocks of some objects."""
        sizes: U64Array = self.snapshot.allocated[objects]
        return sizes


def runs(values: npt.NDArray[np.generic]) -> list[tuple[int, int]]:
    """Give start and end of each run of equal values."""
    if not values.size:
        return []
    starts = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))
    return list(zip(starts.tolist(), [*starts[1:].tolist(), values.size], strict=True))

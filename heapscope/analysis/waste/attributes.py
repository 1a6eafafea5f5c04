"""Instances whose dicts cost more than they need to: code asked for them, they share no keys, or have too many attributes.

Never speaks of classes whose native base makes the dict unavoidable (subclasses of list, dict, exceptions).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from heapscope.analysis.slots.layout import WORD, block_bytes, slotted_bytes
from heapscope.analysis.waste import sizes
from heapscope.analysis.waste.model import Finding, I64Array, Pattern, Precision
from heapscope.analysis.waste.parts import BoolArray, HeapParts, runs
from heapscope.snapshot.model import TypeInfo, U32Array
from heapscope.units import clean_text, format_bytes
from heapscope.wire.protocol import DictState

INLINE_VALUES = 1 << 2  # Py_TPFLAGS_INLINE_VALUES, 3.13+
_READ_DICT = (
    "stop code from asking for their __dict__: vars(), copy, pickle and json of __dict__ leave one behind on every "
    "instance; write __getstate__, __copy__ or a to_dict() that names the attributes, or give the class __slots__"
)
_UNSHARED_NEW = (
    "set every attribute by its name in __init__: __dict__.update(), setattr() with names that vary, and attributes that "
    "few instances have give each instance keys of its own"
)
_UNSHARED_OLD = (
    "set the same attributes in the same order in __init__ and never delete one: a single instance that differs "
    "makes all later ones keep keys of their own"
)


class Attributes:
    """Instances with a dict object, their dicts, and both by class."""

    def __init__(self, parts: HeapParts) -> None:
        self.parts = parts
        self.instances, self.dicts = parts.namespaces_of_instances
        order = np.argsort(parts.snapshot.type_index[self.instances], kind="stable")
        self.instances, self.dicts = self.instances[order], self.dicts[order]

    @cached_property
    def states(self) -> I64Array:
        """How each of the instances keeps its attributes."""
        return self.parts.state[self.instances].astype(np.int64)

    @cached_property
    def lengths(self) -> I64Array:
        """How many attributes each of the instances has."""
        lengths: I64Array = self.parts.snapshot.length[self.dicts]
        return lengths

    def classes(self) -> Iterator[tuple[TypeInfo, slice]]:
        """Give each class whose dict is Python's own choice, and the place of its instances."""
        parts = self.parts
        for start, end in runs(parts.snapshot.type_index[self.instances]):
            info = parts.snapshot.types[int(parts.snapshot.type_index[self.instances[start]])]
            if not parts.native_base_of(info):
                yield info, slice(start, end)


def find_dicts(parts: HeapParts, least: int) -> Iterator[Finding]:
    """Find dict objects of instances that need not be there, or need no keys of their own. O(instances with a dict)."""
    found = Attributes(parts)
    limit = sizes.attribute_limit(parts.version)
    for info, place in found.classes():
        state, dicts = found.states[place], found.dicts[place]
        block = parts.allocated(dicts).astype(np.int64)
        is_under_limit = found.lengths[place] <= (limit if limit is not None else found.lengths[place])
        read, read_saves = _read_dicts(parts, info, state, block)
        unshared = (state == DictState.COMBINED) & is_under_limit
        unshared_saves = _unshared(parts, info, block, found.lengths[place])
        wide = (Pattern.UNSHARED, unshared & (unshared_saves > 0), unshared_saves)
        for pattern, chosen, saves in ((Pattern.DICT_READ, read, read_saves), wide):
            if int(saves[chosen].sum()) >= max(least, 1):
                yield _finding(parts, info, pattern, found.instances[place][chosen], dicts[chosen], saves[chosen])


def _read_dicts(parts: HeapParts, info: TypeInfo, state: I64Array, block: I64Array) -> tuple[BoolArray, I64Array]:
    """Before 3.11 every instance has a dict anyway. On 3.11 and 3.12 the dict took over the values, which stay."""
    if parts.version < (3, 11):
        return np.zeros(state.shape, dtype=np.bool_), block
    if parts.version < (3, 13):
        return state == DictState.SPLIT, np.full(block.shape, sizes.DICT_OBJECT, dtype=np.int64)
    if not info.tp_flags & INLINE_VALUES:
        return np.zeros(state.shape, dtype=np.bool_), block
    return (state == DictState.MATERIALISED) | (state == DictState.SPLIT), block


def _unshared(parts: HeapParts, info: TypeInfo, block: I64Array, lengths: I64Array) -> I64Array:
    """What is left when the keys are shared: the dict and its values, the values alone, or what is inline already."""
    version = parts.version
    if version < (3, 11):
        slots = sizes.slots_for(lengths)
        return block - (sizes.DICT_OBJECT + sizes.blocks(WORD * sizes.usable_of(slots)))
    if version < (3, 13):
        needed = {int(one): block_bytes(sizes.values_bytes(int(one) + 1, version)) for one in np.unique(lengths)}
        return block - np.array([needed[int(one)] for one in lengths.tolist()], dtype=np.int64)
    return block if info.tp_flags & INLINE_VALUES else np.zeros_like(block)


def _finding(
    parts: HeapParts, info: TypeInfo, pattern: Pattern, instances: U32Array, dicts: U32Array, saves: I64Array
) -> Finding:
    is_read = pattern is Pattern.DICT_READ
    name = clean_text(info.name)
    unshared = _UNSHARED_NEW if parts.version >= (3, 11) else _UNSHARED_OLD
    return Finding(
        pattern=pattern,
        subject=f"__dict__ of {name} that code asked for" if is_read else f"__dict__ of {name} with keys of its own",
        type_name=info.name,
        objects=instances,
        now=parts.allocated(instances) + parts.allocated(dicts),
        saves=saves.astype(np.uint64),
        fix=_READ_DICT if is_read else unshared,
        precision=Precision.EXACT if is_read else Precision.ESTIMATE,
    )


def find_cliff(parts: HeapParts, least: int) -> Iterator[Finding]:
    """Find instances that have more attributes than a class can share keys for. O(instances with a dict)."""
    limit = sizes.attribute_limit(parts.version)
    if limit is None:
        return
    found = Attributes(parts)
    for info, place in found.classes():
        over = (found.states[place] == DictState.COMBINED) & (found.lengths[place] > limit)
        if not over.any():
            continue
        instances, dicts, counts = (column[place][over] for column in (found.instances, found.dicts, found.lengths))
        now = parts.allocated(instances) + parts.allocated(dicts)
        then = {int(one): _in_parts(int(one), limit, parts) for one in np.unique(counts)}
        after = np.array([then[int(one)] for one in counts.tolist()], dtype=np.int64)
        saves = np.maximum(now.astype(np.int64) - after, 0).astype(np.uint64)
        if int(saves.sum()) < least:
            continue
        usual = int(np.median(counts))
        slotted = slotted_bytes(None, usual, weakref=False, version=parts.version) or 0
        yield Finding(
            pattern=Pattern.CLIFF,
            subject=f"{clean_text(info.name)} with {usual} attributes: more than {limit}",
            type_name=info.name,
            objects=instances,
            now=now,
            saves=saves,
            fix=(
                f"keep at most {limit} attributes on one object: move those that belong together into an object of their "
                f"own, here {format_bytes(then[usual] if usual in then else int(np.median(after)))} for all of them; "
                f"or __slots__: {format_bytes(slotted)}"
            ),
            precision=Precision.ESTIMATE,
        )


def _in_parts(count: int, limit: int, parts: HeapParts) -> int:
    """Give the blocks of as few objects as keep under the limit, one of which refers to the others."""
    pieces = 1
    while -(-(count + pieces - 1) // pieces) > limit:
        pieces += 1
    return pieces * sizes.plain_instance_bytes(-(-(count + pieces - 1) // pieces), parts.version)

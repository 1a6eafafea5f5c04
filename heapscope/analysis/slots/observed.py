"""Which combinations of attributes the instances of a class have, in which state, and how often: what a rebuilt class imitates.

Never looks at values, only at names. No I/O. Large populations are sampled evenly.
"""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np

from heapscope.analysis.slots.costs import has_early_values
from heapscope.analysis.slots.layout import GC_HEADER, WORD, pre_header_now
from heapscope.analysis.slots.model import ClassFacts
from heapscope.snapshot.model import Snapshot
from heapscope.wire.protocol import DictState, Flag

MAX_SAMPLED = 20_000
_DICT = "builtins.dict"
_FEW = 30  # a class with fewer instances has had few
_WITHOUT_DICT = frozenset({DictState.NONE, DictState.VALUES, DictState.INLINE})


@dataclasses.dataclass(frozen=True, slots=True)
class ObservedShape:
    """So many instances with these attributes, in the order of the class's keys; ``items`` are those of an int, tuple or bytes."""

    names: tuple[str, ...]
    state: int
    items: int
    count: int


def observe_shapes(snapshot: Snapshot, facts: ClassFacts) -> tuple[ObservedShape, ...]:
    """Give the shapes of a class's instances, most frequent first; their counts add up to at most MAX_SAMPLED.

    Where a name is not recorded, an instance is taken to have the attributes that at least half of all have.
    """
    index = snapshot.type_index_by_address[facts.info.address]
    members = np.flatnonzero(snapshot.type_index == np.uint32(index))
    if members.size > MAX_SAMPLED:
        members = members[np.linspace(0, members.size - 1, MAX_SAMPLED).astype(np.int64)]
    reader = _Reader(snapshot, facts, index)
    states = (snapshot.flags[members] & np.uint32(Flag.DICT_STATE_MASK)) >> np.uint32(Flag.DICT_STATE_SHIFT)
    counts: Counter[tuple[tuple[str, ...], int, int]] = Counter()
    for member, state in zip(members.tolist(), states.tolist(), strict=True):
        counts[reader.names(member, state), state, reader.items(member)] += 1
    return tuple(ObservedShape(*key, count) for key, count in counts.most_common())


def has_first_instances(snapshot: Snapshot, facts: ClassFacts) -> bool:
    """Tell whether instances live that were made before the class's keys had their final size: a few, and larger than usual."""
    index = snapshot.type_index_by_address[facts.info.address]
    sizes = snapshot.shallow[snapshot.type_index == np.uint32(index)]
    if facts.version < (3, 11) or facts.info.itemsize or not sizes.size:
        return False
    if facts.version <= (3, 12):  # values are not in the instance's own block, and behind a dict not even in its row
        return has_early_values(facts)
    return bool(sizes.max() > np.median(sizes) + 3 * WORD) or sizes.size < _FEW


class _Reader:
    """Reads the names of one instance after the other; what is alike is read once."""

    def __init__(self, snapshot: Snapshot, facts: ClassFacts, type_index: int) -> None:
        self._snapshot = snapshot
        self._facts = facts
        count = facts.instances.count
        self._usual = tuple(name for name, number in facts.instances.attributes.items() if 2 * number >= count)
        self._by_fingerprint = {
            int(snapshot.fingerprint[example]): names
            for example, names in snapshot.naming.shapes
            if int(snapshot.type_index[example]) == type_index and int(snapshot.fingerprint[example])
        }
        self._by_dict: dict[int, tuple[str, ...] | None] = {}

    def names(self, member: int, state: int) -> tuple[str, ...]:
        """Give the attributes of an instance, without those that have slots already."""
        if state == DictState.NONE:
            return ()
        if state in _WITHOUT_DICT:
            return self._by_fingerprint.get(int(self._snapshot.fingerprint[member]), self._usual)
        for target in self._references(member).tolist():
            if self._snapshot.types[int(self._snapshot.type_index[target])].name == _DICT:
                found = self._names_of_dict(target)
                if found is not None:
                    return found
        return self._usual

    def items(self, member: int) -> int:
        """Give how many items an instance of an int, tuple or bytes has."""
        info = self._facts.info
        if not info.itemsize:
            return 0
        fixed = GC_HEADER + pre_header_now(info, self._facts.version) + info.basicsize
        return max((int(self._snapshot.shallow[member]) - fixed) // info.itemsize - 1, 0)

    def _references(self, holder: int) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
        offsets = self._snapshot.reference_offsets
        return self._snapshot.reference_targets[int(offsets[holder]) : int(offsets[holder + 1])]

    def _names_of_dict(self, target: int) -> tuple[str, ...] | None:
        """Give the keys of a dict if all are attributes of the class, else None: it is not the instance's own dict."""
        key = int(self._snapshot.fingerprint[target]) or -target - 1
        if key not in self._by_dict:
            length = max(int(self._snapshot.length[target]), 0)
            texts = [self._snapshot.naming.names.get(one, "") for one in self._references(target)[:length].tolist()]
            known = self._facts.instances.attributes
            is_own = length == len(texts) and all(text in known for text in texts)
            self._by_dict[key] = tuple(texts) if is_own else None
        return self._by_dict[key]

"""The last reference on the way to each of many objects: which key of a dict, which attribute of an instance.

Never guesses a name. Works on arrays, so that millions of objects take a second.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from heapscope.analysis.waste.model import I64Array
from heapscope.analysis.waste.parts import DICT, HeapParts
from heapscope.graph.library import NONE
from heapscope.graph.sets import distinct
from heapscope.snapshot.model import U32Array

_NO_LABEL = -1
_MAX_NAMES = 1 << 16  # different keys that are looked at; a dict with more is a table, not a record


class LastSteps:
    """Labels objects by the reference through which ``parent`` holds them. Takes 4 bytes per object while it works."""

    def __init__(self, parts: HeapParts, parent: U32Array) -> None:
        self._parts = parts
        self._parent = parent

    @cached_property
    def _number(self) -> U32Array:
        return np.full(self._parts.snapshot.object_count, NONE, dtype=np.uint32)

    def labels(self, objects: U32Array) -> tuple[I64Array, dict[int, str]]:
        """Give a label per object, and the name of each label. Objects without a known name have label -1."""
        parent = self._parent[objects]
        labels = np.full(objects.size, _NO_LABEL, dtype=np.int64)
        self._number[objects] = np.arange(objects.size, dtype=np.uint32)
        names: dict[int, str] = {}
        numbers: dict[str, int] = {}
        for part in self._parts.references_of(distinct(parent[parent != NONE])):
            member = self._number[part.targets]
            is_step = member != NONE
            is_step[is_step] = parent[member[is_step]] == part.holders[is_step]
            found = self.name_edges(part.holders[is_step], part.positions[is_step])
            for name in found[1]:
                numbers.setdefault(name, len(numbers))
            to_label = np.array([_NO_LABEL, *(numbers[name] for name in found[1])], dtype=np.int64)
            # In reverse, so that the first of several references to one object is the one that counts.
            labels[member[is_step][::-1]] = to_label[found[0] + 1][::-1]
        self._number[objects] = NONE
        names = {number: name for name, number in numbers.items()}
        return labels, names

    def name_edges(self, holders: U32Array, positions: I64Array) -> tuple[I64Array, list[str]]:
        """Number the names of references: a number per reference, -1 where no name is known, and the names."""
        numbers = np.full(holders.size, _NO_LABEL, dtype=np.int64)
        names: list[str] = []
        in_dict = self._parts.kind[holders] == DICT
        self._name_keys(holders, positions, in_dict, numbers, names)
        self._name_attributes(holders, positions, ~in_dict, numbers, names)
        return numbers, names

    def _name_keys(
        self, holders: U32Array, positions: I64Array, chosen: I64Array, numbers: I64Array, names: list[str]
    ) -> None:
        snapshot = self._parts.snapshot
        at = np.flatnonzero(chosen)
        lengths = snapshot.length[holders[at]]
        is_value = (lengths >= 0) & (positions[at] >= lengths) & (positions[at] < 2 * lengths)
        at, lengths = at[is_value], lengths[is_value]
        if not at.size:
            return
        places = snapshot.reference_offsets[holders[at]].astype(np.int64) + positions[at] - lengths
        keys = snapshot.reference_targets[places]
        owners = self._parts.namespace_owner[holders[at]]
        # Attributes and keys of the same name are different labels.
        distinct, which = np.unique(keys.astype(np.int64) << 1 | (owners != NONE), return_inverse=True)
        if distinct.size > _MAX_NAMES:
            return
        known = snapshot.naming.names
        texts = [known.get(int(one) >> 1, "") for one in distinct]
        shown = [_key(text, is_attribute=bool(one & 1)) for text, one in zip(texts, distinct.tolist(), strict=True)]
        numbers[at] = _number_names(shown, names)[which]

    def _name_attributes(
        self, holders: U32Array, positions: I64Array, chosen: I64Array, numbers: I64Array, names: list[str]
    ) -> None:
        snapshot = self._parts.snapshot
        at = np.flatnonzero(chosen & self._has_shape[snapshot.type_index[holders]] & (positions < 64))
        if not at.size:
            return
        kinds = snapshot.type_index[holders[at]].astype(np.uint64)
        mixed = (snapshot.fingerprint[holders[at]] ^ (kinds << np.uint64(40))) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed & ~np.uint64(63)) | positions[at].astype(np.uint64)
        distinct, example, which = np.unique(mixed, return_index=True, return_inverse=True)
        if distinct.size > _MAX_NAMES:
            return
        shapes = self._shapes
        shown = []
        for one in at[example].tolist():
            holder, position = int(holders[one]), int(positions[one])
            names_of = shapes.get((int(snapshot.type_index[holder]), int(snapshot.fingerprint[holder])), ())
            shown.append(f".{names_of[position]}" if position < len(names_of) else "")
        numbers[at] = _number_names(shown, names)[which]

    @cached_property
    def _shapes(self) -> dict[tuple[int, int], tuple[str, ...]]:
        snapshot = self._parts.snapshot
        return {
            (int(snapshot.type_index[example]), int(snapshot.fingerprint[example])): names
            for example, names in snapshot.naming.shapes
        }

    @cached_property
    def _has_shape(self) -> npt.NDArray[np.bool_]:
        """Tell of each type whether attributes of its instances are known."""
        found = np.zeros(len(self._parts.snapshot.types), dtype=np.bool_)
        found[[kind for kind, _ in self._shapes]] = True
        return found


def _key(text: str, *, is_attribute: bool) -> str:
    if not text:
        return ""
    return f".{text}" if is_attribute else f"[{text!r}]"


def _number_names(shown: list[str], names: list[str]) -> I64Array:
    """Give the number of each text in ``names``, which grows; -1 for an empty one."""
    numbers = {name: at for at, name in enumerate(names)}
    result = []
    for text in shown:
        if not text:
            result.append(_NO_LABEL)
            continue
        if text not in numbers:
            numbers[text] = len(names)
            names.append(text)
        result.append(numbers[text])
    return np.array(result, dtype=np.int64)

"""What a reference is called: the attribute, the key, the index, the variable, where the snapshot knows it.

Never guesses: "" where a name is not known. Does no I/O.

    .name        attribute: of an instance (with or without a dict), of a module, of a class
    ['name']     key of a dict that is nobody's namespace; [] where the key is no known name
    [3]          position in a list or tuple
    name         local variable of a frame
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from heapscope.snapshot.model import Snapshot, U32Array
from heapscope.wire.protocol import DictState, Flag

MAX_NAMED_STEPS = 1 << 12
MAX_SEARCHED = 1 << 20  # references of one object that are looked through for the position of a target
_DICT, _MODULE = "builtins.dict", "builtins.module"
_WITH_DICT = frozenset({DictState.SPLIT, DictState.MATERIALISED, DictState.COMBINED})
_POSITION = re.compile(r"\[\d+\]")
_SEQUENCES = frozenset({"builtins.list", "builtins.tuple"})


class EdgeNames:
    """Names references of one snapshot. Building is O(shapes + roots); a name O(references of the holder)."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Look nothing up yet."""
        self._snapshot = snapshot

    def name(self, holder: int, target: int, before: int | None = None) -> str:
        """Say how ``holder`` refers to ``target``; ``before`` is the object that leads to the holder, where that is known.

        A dict whose holder is a module, a class or an instance is that one's namespace: its keys are attributes.
        """
        kind = self._type_name(holder)
        if kind == _DICT:
            return self._key(holder, target, is_namespace=before is not None and self.is_namespace(before, holder))
        if int(self._snapshot.flags[holder]) & Flag.SYNTHETIC or holder in self._variables:
            return self._variables.get(holder, {}).get(int(self._snapshot.address[target]), "")
        if kind == _MODULE:
            return self._module_attribute(holder, target)
        if kind in _SEQUENCES:
            place = self._place(holder, target)
            return "" if place < 0 else f"[{place}]"
        return self._attribute(holder, target)

    def along(self, objects: Sequence[int], is_shared: Sequence[bool] | None = None) -> list[str]:
        """Name the references along a way, one per object; the first, to which none leads, has no name.

        Where a step is not ``is_shared`` the way is an example of several, and a position in it says nothing: "[]".
        Ways of absurd length stay without names.
        """
        if len(objects) > MAX_NAMED_STEPS:
            return [""] * len(objects)
        befores = [None, *objects]
        pairs = enumerate(itertools.pairwise(objects))
        names = ["", *(self.name(holder, held, befores[place]) for place, (holder, held) in pairs)]
        if is_shared is None:
            return names[: len(objects)]
        return [
            name if shared or not _POSITION.fullmatch(name) else "[]"
            for name, shared in zip(names, is_shared, strict=False)
        ]

    def is_namespace(self, holder: int, target: int) -> bool:
        """Whether ``target`` is the dict in which ``holder`` keeps its attributes: a path may leave that step out."""
        return self._type_name(target) == _DICT and self._has_namespace(holder) and not self._attribute(holder, target)

    def _has_namespace(self, holder: int) -> bool:
        info = self._snapshot.types[int(self._snapshot.type_index[holder])]
        is_type = bool(int(self._snapshot.flags[holder]) & Flag.IS_TYPE)
        return info.name == _MODULE or is_type or (info.is_heap and self._state(holder) in _WITH_DICT)

    def _state(self, holder: int) -> int:
        return (int(self._snapshot.flags[holder]) & Flag.DICT_STATE_MASK) >> Flag.DICT_STATE_SHIFT

    def _type_name(self, index: int) -> str:
        return self._snapshot.types[int(self._snapshot.type_index[index])].name

    def _references(self, holder: int) -> U32Array:
        offsets = self._snapshot.reference_offsets
        return self._snapshot.reference_targets[int(offsets[holder]) : int(offsets[holder + 1])][:MAX_SEARCHED]

    def _place(self, holder: int, target: int, *, start: int = 0) -> int:
        found = np.flatnonzero(self._references(holder)[start:] == np.uint32(target))
        return int(found[0]) + start if found.size else -1

    def _key(self, holder: int, target: int, *, is_namespace: bool) -> str:
        count = int(self._snapshot.length[holder])
        references = self._references(holder)
        if count < 0 or references.size < min(2 * count, MAX_SEARCHED):  # not the keys, then the values
            return ""
        place = self._place(holder, target, start=count)
        if place < 0:
            return "key" if self._place(holder, target) >= 0 else ""
        name = self._snapshot.naming.names.get(int(references[place - count]), "") if place < 2 * count else ""
        if is_namespace:
            return f".{name}" if name else ""
        return f"[{name!r}]" if name else "[]"

    def _module_attribute(self, module: int, target: int) -> str:
        """A way may lead from a module to what its namespace holds: the two stand for each other."""
        for held in self._references(module).tolist():
            if held != target and self._type_name(held) == _DICT:
                name = self._key(held, target, is_namespace=True)
                if name:
                    return name
        return ""

    def _attribute(self, holder: int, target: int) -> str:
        names = self._shapes.get((int(self._snapshot.type_index[holder]), int(self._snapshot.fingerprint[holder])), ())
        place = self._place(holder, target)
        return f".{names[place]}" if 0 <= place < len(names) else ""

    @cached_property
    def _shapes(self) -> dict[tuple[int, int], tuple[str, ...]]:
        types, fingerprints = self._snapshot.type_index, self._snapshot.fingerprint
        return {
            (int(types[example]), int(fingerprints[example])): names for example, names in self._snapshot.naming.shapes
        }

    @cached_property
    def _variables(self) -> dict[int, dict[int, str]]:
        return {
            root.object_index: {address: name for name, address in reversed(root.variables)}
            for root in self._snapshot.roots
            if root.variables
        }

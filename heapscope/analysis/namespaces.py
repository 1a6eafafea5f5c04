"""What classes hold in their namespaces, and the code behind it, found by following references.

Never needs names of references: a namespace is in the order of the names that its type was recorded with. No I/O.

    class ── dict: keys, values ── function ── code ── co_consts ── nested code
                                ├─ property, classmethod, cached_property, lru_cache ... ── function
                                └─ function ── closure ── cell ── function    (what a decorator wrapped)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np

from heapscope.snapshot.model import Snapshot, TypeInfo
from heapscope.wire.protocol import Flag

MAX_STEPS = 1 << 12  # objects looked at for the code of one class attribute: decorators may close over anything

_DICT, _FUNCTION, _CODE, _TUPLE, _CELL = (
    "builtins.dict",
    "builtins.function",
    "builtins.code",
    "builtins.tuple",
    "builtins.cell",
)
_WRAPPERS = frozenset(
    {
        "builtins.property",
        "builtins.staticmethod",
        "builtins.classmethod",
        "builtins.method",
        "functools.cached_property",
        "functools.partial",
        "functools.partialmethod",
        "functools.singledispatchmethod",
        "functools._lru_cache_wrapper",
        "abc.abstractproperty",
        "abc.abstractclassmethod",
        "abc.abstractstaticmethod",
    }
)
# The dict of a function holds its globals too, so no dict is followed from there.
_FOLLOWED: Mapping[str, frozenset[str]] = {
    _FUNCTION: frozenset({_CODE, _TUPLE}),
    _TUPLE: frozenset({_CELL}),
    _CELL: frozenset({_FUNCTION, *_WRAPPERS}),
    _DICT: frozenset({_FUNCTION, *_WRAPPERS}),
    _CODE: frozenset(),
    **dict.fromkeys(_WRAPPERS, frozenset({_FUNCTION, _DICT, _TUPLE, *_WRAPPERS})),
}


class Namespaces:
    """Namespaces of the classes of one snapshot. Building is O(objects) once; a class O(its names)."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Look nothing up yet."""
        self._snapshot = snapshot
        self._known: dict[int, dict[str, int]] = {}
        self._codes: dict[int, dict[str, tuple[int, ...]]] = {}

    @cached_property
    def _objects(self) -> dict[int, int]:
        found = np.flatnonzero(self._snapshot.flags & np.uint32(Flag.IS_TYPE))
        return dict(zip(self._snapshot.address[found].tolist(), found.tolist(), strict=True))

    def object_of(self, info: TypeInfo) -> int | None:
        """Find the object that a class is; None if it was not recorded."""
        return self._objects.get(info.address)

    def type_of(self, index: int) -> TypeInfo:
        """Give the type of an object."""
        return self._snapshot.types[int(self._snapshot.type_index[index])]

    def references(self, index: int) -> list[int]:
        """List what an object refers to."""
        offsets = self._snapshot.reference_offsets
        found: list[int] = self._snapshot.reference_targets[int(offsets[index]) : int(offsets[index + 1])].tolist()
        return found

    def of(self, info: TypeInfo) -> Mapping[str, int]:
        """Give the object behind each name of a class's own namespace; empty where it cannot be told."""
        known = self._known.get(info.address)
        if known is None:
            known = self._known[info.address] = self._read(info)
        return known

    def _read(self, info: TypeInfo) -> dict[str, int]:
        index, names = self.object_of(info), info.own_names
        if index is None or not names:
            return {}
        for held in self.references(index):
            if self.type_of(held).name == _DICT:
                count, items = int(self._snapshot.length[held]), self.references(held)
                # Recorded names leave out keys that are no text: then no position can be trusted.
                if count != len(names) or len(items) < 2 * count:
                    return {}
                return dict(zip(names, items[count : 2 * count], strict=True))
        return {}

    def codes(self, info: TypeInfo) -> Mapping[str, tuple[int, ...]]:
        """Give, by name in a class's own namespace, the code objects behind it; nested code is not among them."""
        known = self._codes.get(info.address)
        if known is None:
            found = {name: tuple(self.codes_behind(index)) for name, index in self.of(info).items()}
            known = self._codes[info.address] = {name: codes for name, codes in found.items() if codes}
        return known

    def codes_behind(self, index: int) -> Iterator[int]:
        """Find the code objects that an attribute runs: its own, and what decorators wrapped. Bounded."""
        waiting, seen = [index], {index}
        while waiting and len(seen) < MAX_STEPS:
            item = waiting.pop()
            kind = self.type_of(item).name
            if kind == _CODE:
                yield item
                continue
            wanted = _FOLLOWED.get(kind)
            for held in self.references(item) if wanted else ():
                if held not in seen and wanted and self.type_of(held).name in wanted:
                    seen.add(held)
                    waiting.append(held)

    def closes_over(self, index: int, wanted: int) -> bool:
        """Tell whether a function behind an attribute has ``wanted`` in its closure, as ``super()`` has its class."""
        for function in self._functions_behind(index):
            for held in self.references(function):
                if self.type_of(held).name == _TUPLE and any(
                    self.type_of(cell).name == _CELL and wanted in self.references(cell)
                    for cell in self.references(held)
                ):
                    return True
        return False

    def _functions_behind(self, index: int) -> Iterator[int]:
        waiting, seen = [index], {index}
        while waiting and len(seen) < MAX_STEPS:
            item = waiting.pop()
            kind = self.type_of(item).name
            if kind == _FUNCTION:
                yield item
            wanted = _FOLLOWED.get(kind, frozenset()) - {_CODE}
            for held in self.references(item) if wanted else ():
                if held not in seen and self.type_of(held).name in wanted:
                    seen.add(held)
                    waiting.append(held)

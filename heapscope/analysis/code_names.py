"""Which names code uses, where code was written, and which code uses a name, over all code of a snapshot.

Never knows how a name is used: ``co_names`` does not tell a read from a write. No I/O.

The first two tuples among the references of a code object are its ``co_consts`` and its ``co_names``; those behind them name
its variables, with those of closures among them. Only interned names have a text, which those in code are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

from heapscope.graph.references import References, referents
from heapscope.snapshot.model import Snapshot, U32Array
from heapscope.units import clean_text

_CODE, _TUPLE = "builtins.code", "builtins.tuple"
MAX_NESTED = 1 << 12


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where code was written; the empty place where that is not known."""

    name: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        """Name the function and its place, cleaned for showing."""
        place = f"{clean_text(self.file, 200)}:{self.line}" if self.file else ""
        return " ".join(part for part in (clean_text(self.name, 100), place) if part)


class CodeNames:
    """The names in the code objects of one snapshot. Building is O(objects + names in code), some bytes per code object."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Look nothing up yet."""
        self._snapshot = snapshot
        self._names_known: dict[int, frozenset[str]] = {}

    @property
    def is_known(self) -> bool:
        """Whether the collector recorded names at all; without them nothing found means nothing."""
        return bool(self._snapshot.naming.names)

    @cached_property
    def codes(self) -> U32Array:
        """All code objects, ascending."""
        return np.flatnonzero(self._of_type(_CODE)[self._snapshot.type_index]).astype(np.uint32)

    @cached_property
    def _code_set(self) -> frozenset[int]:
        return frozenset(self.codes.tolist())

    def _of_type(self, name: str) -> npt.NDArray[np.bool_]:
        return np.array([info.name == name for info in self._snapshot.types], dtype=np.bool_)

    @cached_property
    def _referents(self) -> References:
        return referents(self._snapshot)

    @cached_property
    def _tuples(self) -> tuple[npt.NDArray[np.int64], U32Array, npt.NDArray[np.int64]]:
        """The tuples of all code objects: position of the code object, the tuple, how many tuples came before it."""
        offsets = self._snapshot.reference_offsets
        counts = (offsets[self.codes.astype(np.int64) + 1] - offsets[self.codes]).astype(np.int64)
        targets = self._referents.of_all(self.codes)
        owner = np.repeat(np.arange(self.codes.size), counts)
        is_tuple = self._of_type(_TUPLE)[self._snapshot.type_index[targets]]
        owner, targets = owner[is_tuple], targets[is_tuple]
        first = np.searchsorted(owner, np.arange(self.codes.size))
        return owner, targets, np.arange(owner.size) - first[owner]

    def _texts_in(self, *, first: int, last: int) -> tuple[npt.NDArray[np.int64], U32Array]:
        """Pair positions of code objects with what is in their tuples number ``first`` ... ``last``."""
        owner, tuples, number = self._tuples
        wanted = (number >= first) & (number <= last)
        owner, tuples = owner[wanted], tuples[wanted]
        offsets = self._snapshot.reference_offsets
        counts = (offsets[tuples.astype(np.int64) + 1] - offsets[tuples]).astype(np.int64)
        return np.repeat(owner, counts), self._referents.of_all(tuples)

    @cached_property
    def _names(self) -> tuple[npt.NDArray[np.int64], U32Array]:
        return self._texts_in(first=1, last=1)

    @cached_property
    def _constants(self) -> tuple[npt.NDArray[np.int64], U32Array]:
        return self._texts_in(first=0, last=0)

    @cached_property
    def _variables(self) -> tuple[npt.NDArray[np.int64], U32Array]:
        return self._texts_in(first=2, last=5)

    def names_of(self, code: int) -> frozenset[str]:
        """Give the names that a code object itself looks up: globals, attributes, imports."""
        known = self._names_known.get(code)
        if known is None:
            known = self._names_known[code] = frozenset(self._texts(self._names, code))
        return known

    def constants_of(self, code: int) -> frozenset[str]:
        """Give the texts among the constants of a code object that look like names."""
        return frozenset(self._texts(self._constants, code))

    def variables_of(self, code: int) -> frozenset[str]:
        """Give the names of a code object's local variables, with those of closures."""
        return frozenset(self._texts(self._variables, code))

    def _texts(self, pairs: tuple[npt.NDArray[np.int64], U32Array], code: int) -> Iterator[str]:
        for held in self._held(pairs, code):
            text = self._snapshot.naming.names.get(held)
            if text is not None:
                yield text

    def _held(self, pairs: tuple[npt.NDArray[np.int64], U32Array], code: int) -> list[int]:
        at = int(np.searchsorted(self.codes, code))
        if at >= self.codes.size or int(self.codes[at]) != code:
            return []
        start, end = np.searchsorted(pairs[0], (at, at + 1))
        held: list[int] = pairs[1][int(start) : int(end)].tolist()
        return held

    def with_nested(self, codes: Iterable[int]) -> list[int]:
        """Add the code of functions, lambdas and comprehensions inside of code. Bounded."""
        found = dict.fromkeys(codes)
        waiting = list(found)
        while waiting and len(found) < MAX_NESTED:
            for held in self._held(self._constants, waiting.pop()):
                if held in self._code_set and held not in found:
                    found[held] = None
                    waiting.append(held)
        return list(found)

    def using(self, *names: str, constants: bool = False) -> U32Array:
        """List the code objects that use any of the names, ascending; with ``constants`` as texts too. O(names in code)."""
        texts = np.array([index for name in set(names) for index in self._objects.get(name, ())], dtype=np.uint32)
        found = [
            pairs[0][np.isin(pairs[1], texts)] for pairs in (self._names, *([self._constants] if constants else []))
        ]
        return self.codes[np.unique(np.concatenate(found))]

    @cached_property
    def _objects(self) -> dict[str, list[int]]:
        """The strings with each text: one, but for sub-interpreters."""
        found: dict[str, list[int]] = {}
        for index, text in self._snapshot.naming.names.items():
            found.setdefault(text, []).append(index)
        return found

    def place_of(self, code: int) -> Place:
        """Say where a code object was written."""
        table = self._snapshot.codes
        at = int(np.searchsorted(table.objects, code))
        if at >= table.objects.size or int(table.objects[at]) != code:
            return Place()
        return Place(table.names[at], table.files[int(table.file[at])], int(table.first_line[at]))

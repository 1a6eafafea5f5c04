"""Who holds wasteful objects: groups of objects by the way that leads to them, and that way in words.

Never searches: ways are those of analysis/paths.py. Names of references are looked up for some examples only, and kept
where the examples agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from heapscope.analysis.paths import Paths
from heapscope.analysis.waste.last_steps import LastSteps
from heapscope.analysis.waste.model import HolderStep, Owner
from heapscope.analysis.waste.parts import HeapParts, runs
from heapscope.graph.library import NONE
from heapscope.snapshot.model import U8Array, U32Array, U64Array
from heapscope.units import clean_text, short_type_name

EXAMPLES = 8  # ways that are named, to see which names they share
MAX_STEPS = 40  # of a way; the first ones of a longer one are left out
MAX_SHOWN_STEPS = 10
MAX_CLIMB = 256  # steps to a root that are climbed; what lies deeper is a link of a chain
LARGE_SHARE = 0.05  # of the objects on one way: a key or attribute that leads to fewer is not a row of its own


class Owners:
    """Answers about the holders in one snapshot. Takes O(objects asked about) per question, after the ways are found."""

    def __init__(self, parts: HeapParts, paths: Paths) -> None:
        self._parts = parts
        self._paths = paths
        self._last_steps = LastSteps(parts, paths.ways.parent)
        self._names: dict[tuple[int, int, int | None], str] = {}

    def split(self, objects: U32Array, weights: U64Array, least: int) -> list[U32Array]:
        """Group objects by the way to them: by types, then by the global or local it starts from, then by the last name.

        Gives positions in ``objects``. Groups that weigh less than ``least`` are left out; a start or a name that leads to
        few of those on one way is no group of its own.
        """
        groups: list[U32Array] = []
        everything = np.arange(objects.size, dtype=np.uint32)
        shape = self._paths.shapes.of[objects]
        for alike in self._divide(everything, shape, weights, least, share=0.0):
            start = self._starts(objects[alike])
            for held in self._divide(alike, start, weights, least):
                labels = self._last_steps.labels(objects[held])[0]
                groups += self._divide(held, labels, weights, least)
        return groups

    @staticmethod
    def _divide(
        members: U32Array, keys: npt.NDArray[np.generic], weights: U64Array, least: int, share: float = LARGE_SHARE
    ) -> list[U32Array]:
        """Part members by their keys; small parts stay together, if they weigh enough."""
        order = np.argsort(keys, kind="stable")
        total = float(weights[members].sum())
        parts: list[U32Array] = []
        rest: list[U32Array] = []
        for start, end in runs(keys[order]):
            some = members[np.sort(order[start:end])]
            weight = int(weights[some].sum())
            (parts if weight >= max(least, share * total) else rest).append(some)
        left = np.sort(np.concatenate(rest)) if rest else members[:0]
        # Without a share the small ones have nothing in common.
        return [*parts, left] if share and left.size and int(weights[left].sum()) >= least else parts

    def _starts(self, objects: U32Array) -> U32Array:
        """Give for each object the global or local variable that the way to it starts from; NONE where there is none."""
        parent, named = self._paths.ways.parent, self._is_named_start
        at, result = objects.copy(), np.full(objects.size, NONE, dtype=np.uint32)
        climbing = np.flatnonzero(self._paths.ways.marks[objects] != 0)
        for _ in range(MAX_CLIMB):
            before = parent[at[climbing]]
            climbing, before = climbing[before != NONE], before[before != NONE]
            is_start = named[before] != 0
            result[climbing[is_start]] = at[climbing[is_start]]
            climbing, before = climbing[~is_start], before[~is_start]
            at[climbing] = before
            if not climbing.size:
                break
        return result

    @cached_property
    def _is_named_start(self) -> U8Array:
        """Mark namespaces of root modules, those modules, and frames."""
        roots = self._paths.roots
        marks = np.zeros(self._parts.snapshot.object_count, dtype=np.uint8)
        for objects in (roots.modules, roots.namespaces, *(thread.frames for thread in roots.threads)):
            marks[objects] = 1
        return marks

    def of(self, objects: U32Array) -> Owner | None:
        """Find the way that the largest part of some objects shares; None where no root leads to any of them."""
        alike = objects[self._paths.ways.marks[objects] != 0]
        if not alike.size:
            return None
        for keys_of in (self._starts, lambda some: self._paths.shapes.of[some]):
            keys = keys_of(alike)
            distinct, counts = np.unique(keys, return_counts=True)
            alike = alike[keys == distinct[int(np.argmax(counts))]]
        ways = [self._paths.ways.to(int(one)) for one in alike[_spread(alike.size)]]
        # The links of a chain share a shape, so lengths may differ.
        lengths = [len(way) for way in ways]
        usual = max(lengths, key=lengths.count)
        alike_ways = [way for way in ways if len(way) == usual]
        info = self._paths.roots.info(alike_ways[0][0])
        assert info is not None, "ways start at roots only"
        return Owner(info, tuple(self._steps(alike_ways)), alike.size / objects.size)

    def _steps(self, ways: Sequence[list[int]]) -> Iterable[HolderStep]:
        """The first step is the root itself; the dict of an instance, a class or a module goes without saying."""
        first = ways[0]
        yield HolderStep("", self._type_name(first[0]))
        for at in range(max(1, len(first) - MAX_STEPS), len(first)):
            leads_on = at + 1 < len(first)
            if leads_on and self._parts.edge_names.is_namespace(first[at - 1], first[at]):
                continue
            yield HolderStep(_common(self._name(way, at) for way in ways), self._type_name(first[at]))

    def _name(self, way: Sequence[int], at: int) -> str:
        before = way[at - 2] if at > 1 else None
        key = (way[at - 1], way[at], before)
        if key not in self._names:
            self._names[key] = self._parts.edge_names.name(way[at - 1], way[at], before)
        return self._names[key]

    def _type_name(self, index: int) -> str:
        snapshot = self._parts.snapshot
        return snapshot.types[int(snapshot.type_index[index])].name


def owner_text(owner: Owner | None) -> str:
    """Write who holds objects on one line: ``module app.cache > ._results dict > [] Result``; foreign text made safe."""
    if owner is None:
        return "nothing: garbage that awaits collection"
    root = owner.root
    thread = f" ({root.thread})" if root.thread else ""
    label = root.label if root.label.startswith(f"{root.kind} ") else f"{root.kind} {root.label}".strip()
    # A root with a label stands for its own first step.
    steps = owner.steps[1 if root.label else 0 :]
    words = [f"{step.name} {short_type_name(step.type_name)}".strip() for step in steps]
    if len(words) > MAX_SHOWN_STEPS:
        words = [*words[: MAX_SHOWN_STEPS // 2], "…", *words[-MAX_SHOWN_STEPS // 2 :]]
    return " > ".join(clean_text(word) for word in (label + thread, *words))


def _spread(count: int) -> list[int]:
    """Choose examples from all over a list."""
    return sorted({count * at // EXAMPLES for at in range(EXAMPLES)})


def _common(names: Iterable[str]) -> str:
    """Keep a name that all examples share; of different keys or positions only that they are some."""
    different = set(names)
    if len(different) == 1:
        return different.pop()
    return "[]" if all(name.startswith("[") for name in different) else ""

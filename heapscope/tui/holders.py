"""Owns what the screens ask about who holds what, and the answers: levels of the dominator tree, and ways from roots.

Never computes in the thread of the screens: the index is filled, and questions are answered, by worker threads.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heapscope.analysis.dominators import DominatorTree, TreeRow
    from heapscope.analysis.edge_names import EdgeNames
    from heapscope.analysis.paths import Paths
    from heapscope.analysis.places import Places
    from heapscope.analysis.roots import RootInfo
    from heapscope.graph.library import Oversight
    from heapscope.graph.references import References
    from heapscope.service.queries import HeapQueries
    from heapscope.snapshot.model import U32Array


class HolderIndex:
    """The dominator tree of one snapshot, and the indexes that paths need, built at first use. Safe to share.

    17 bytes per object and 4 per reference once both indexes are there, beside the tree.
    """

    def __init__(self, tree: DominatorTree) -> None:
        self.tree = tree
        self._lock = threading.Lock()
        self._paths: Paths | None = None
        self._referrers: References | None = None

    @cached_property
    def places(self) -> Places:
        """Where the code behind an object was written."""
        from heapscope.analysis.places import Places  # noqa: PLC0415 - numpy, 100 ms

        return Places(self.tree.snapshot, self.tree.roots)

    @cached_property
    def queries(self) -> HeapQueries:
        """What can be asked about single objects; of a worker thread only."""
        from heapscope.service.queries import HeapQueries  # noqa: PLC0415 - numpy, 100 ms

        heap = HeapQueries(self.tree.snapshot)
        heap.roots, heap.tree = self.tree.roots, self.tree
        return heap

    @cached_property
    def names(self) -> EdgeNames:
        """What references are called."""
        from heapscope.analysis.edge_names import EdgeNames  # noqa: PLC0415 - numpy, 100 ms

        return EdgeNames(self.tree.snapshot)

    def paths(self, oversight: Oversight) -> Paths:
        """Give shortest ways to everything, without exclusions; raises Cancelled. O(n + m) the first time."""
        from heapscope.analysis.paths import find_paths  # noqa: PLC0415 - numpy, 100 ms

        with self._lock:
            if self._paths is None:
                self._paths = find_paths(self.tree.snapshot, self.tree.roots, oversight=oversight)
            return self._paths

    def referrers(self, oversight: Oversight) -> References:
        """Give the holders of every object; raises Cancelled. O(n + m) the first time."""
        from heapscope.graph.references import referrers  # noqa: PLC0415 - numpy, 100 ms

        with self._lock:
            if self._referrers is None:
                self._referrers = referrers(self.tree.snapshot, oversight)
            return self._referrers


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """Rows of a level that are not described yet, largest retained size first, in bytes.

    Either ``groups`` of nodes that are a row each, or ``singles``: nodes that are a row each.
    """

    groups: Sequence[U32Array]
    singles: U32Array | None
    object_count: int
    retained_bytes: int

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self.groups) if self.singles is None else int(self.singles.size)


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Children of one row of the tree: the largest, and what is left."""

    rows: tuple[TreeRow, ...]
    rest: Rest | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """Levels from the root down: in ``levels[k]`` the row ``opened[k]`` is the one whose children are ``levels[k + 1]``.

    The last of ``opened`` is where the descent ends. ``is_complete`` is False if it gave up on the way.
    """

    levels: tuple[Level, ...]
    opened: tuple[int, ...]
    is_complete: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class PathQuestion:
    """Which objects a question is about: all instances of a type name, or ``objects``. ``title`` names them on the screen.

    ``excluded`` are references, as (holder, held), that no path may follow.
    """

    title: str
    type_name: str = ""
    objects: U32Array | None = None
    excluded: tuple[tuple[int, int], ...] = ()

    @classmethod
    def about(cls, object_index: int, title: str) -> PathQuestion:
        """Make a question about one object."""
        import numpy as np  # noqa: PLC0415 - 100 ms

        return cls(title, objects=np.array([object_index], dtype=np.uint32))


@dataclass(frozen=True, slots=True, eq=False)
class FoundPath:
    """A way from a root: ``objects`` are object indexes, the root first. ``count`` of those asked about have such a way.

    ``common`` is how many of the first steps they all have by type; ``is_shared[k]`` says whether step k is one object
    for all of them.
    """

    root: RootInfo
    objects: tuple[int, ...]
    is_shared: tuple[bool, ...]
    common: int
    count: int
    share: float
    names: tuple[str, ...] = ()
    """What the reference that leads to each step is called; "" where not known."""
    is_namespace: tuple[bool, ...] = ()
    """Whether a step is the dict in which the step before keeps its attributes: a summary leaves it out."""
    places: tuple[str, ...] = ()
    """Where the code behind each step was written: of modules, classes, functions, frames; "" for others."""


@dataclass(frozen=True, slots=True, eq=False)
class PathAnswer:
    """Ways, the most frequent or the shortest first. ``is_merged`` says that they are of many objects.

    ``unreached`` of ``count`` objects have no way; ``other_count`` have ways that are not among those shown.
    """

    paths: tuple[FoundPath, ...]
    count: int
    unreached: int
    other_count: int
    is_merged: bool

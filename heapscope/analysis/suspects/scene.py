"""One heap as the detectors of suspects see it: roots, dominators, ways, names, each computed when it is first needed.

Never decides who is a suspect. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cached_property

import numpy as np
import numpy.typing as npt

from heapscope.analysis.code_names import CodeNames
from heapscope.analysis.dominators import DominatorTree
from heapscope.analysis.edge_names import EdgeNames
from heapscope.analysis.namespaces import Namespaces
from heapscope.analysis.paths import Paths
from heapscope.analysis.places import Places
from heapscope.graph.dominators import accumulate, find_topmost
from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.snapshot.model import Snapshot, TypeInfo, U32Array, U64Array
from heapscope.wire.protocol import Flag

BoolArray = npt.NDArray[np.bool_]
MAX_DEPTH = 1 << 16
YOUNG_AND_MIDDLE = 2  # generations 0 and 1 hold what was made since the collector looked last


class Scene:
    """What detectors look at. ``source`` is the word by which commands find this heap again: a pid or a file."""

    def __init__(
        self, tree: DominatorTree, paths: Callable[[], Paths], source: str = "SOURCE", oversight: Oversight = UNWATCHED
    ) -> None:
        self.tree = tree
        self.source = source
        self.oversight = oversight
        self._find_paths = paths

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot itself."""
        return self.tree.snapshot

    @cached_property
    def paths(self) -> Paths:
        """Shortest ways to everything."""
        return self._find_paths()

    @cached_property
    def edge_names(self) -> EdgeNames:
        """What references are called."""
        return EdgeNames(self.snapshot)

    @cached_property
    def codes(self) -> CodeNames:
        """Which code uses which name, and where it was written."""
        return CodeNames(self.snapshot)

    @cached_property
    def places(self) -> Places:
        """Where the code behind objects was written."""
        return Places(self.snapshot, self.tree.roots, self.codes)

    @cached_property
    def namespaces(self) -> Namespaces:
        """What classes hold in their namespaces."""
        return Namespaces(self.snapshot)

    def share(self, size: int) -> float:
        """Give a size as a part of the heap, 0...1."""
        return size / max(1, self.snapshot.heap_bytes)

    def info(self, index: int) -> TypeInfo:
        """Give the type of an object."""
        return self.snapshot.types[int(self.snapshot.type_index[index])]

    def type_name(self, index: int) -> str:
        """Give the name of an object's type."""
        return self.info(index).name

    def references(self, index: int) -> U32Array:
        """View what an object refers to."""
        offsets = self.snapshot.reference_offsets
        return self.snapshot.reference_targets[int(offsets[index]) : int(offsets[index + 1])]

    def first_of(self, index: int, *type_names: str) -> int | None:
        """Find the first object of some types that an object refers to."""
        wanted = set(type_names)
        return next((held for held in self.references(index)[:4096].tolist() if self.type_name(held) in wanted), None)

    def retained(self, node: int) -> int:
        """Give what would be freed with a node, in bytes."""
        return int(self.tree.retained[node])

    def length(self, index: int) -> int | None:
        """Give the number of items, None where there are none by nature."""
        length = int(self.snapshot.length[index])
        return None if length < 0 else length

    def largest_below(self, index: int, count: int) -> list[int]:
        """Go down the tree from an object, always to the largest child: ``count`` objects at most."""
        found: list[int] = []
        while len(found) < count:
            below = self.tree.children_of(found[-1] if found else index)
            if not below.size:
                break
            found.append(int(below[0]))
        return found

    def is_object(self, node: int) -> bool:
        """Tell an object from a thread and from the virtual root."""
        return node < self.snapshot.object_count

    def of_types(self, is_wanted: Iterable[bool]) -> U32Array:
        """List the objects of some types, ascending; one answer per type."""
        wanted = np.fromiter(is_wanted, dtype=np.bool_, count=len(self.snapshot.types))
        if not wanted.any():
            return np.empty(0, dtype=np.uint32)
        return np.flatnonzero(wanted[self.snapshot.type_index]).astype(np.uint32)

    def named(self, *names: str) -> U32Array:
        """List the objects of exactly these type names, ascending."""
        return self.of_types(info.name in names for info in self.snapshot.types)

    def derived_from(self, names: Collection[str]) -> U32Array:
        """List the objects of these types and of all their subclasses, ascending."""
        bases = {info.address for info in self.snapshot.types if info.name in names}
        return self.of_types(bool(bases.intersection((info.address, *info.mro))) for info in self.snapshot.types)

    def generation_counts(self, objects: U32Array) -> tuple[int, int]:
        """Count, of some objects, those in the younger generations, and all that the collector tracks."""
        flags = self.snapshot.flags[objects]
        tracked = (flags & np.uint32(Flag.TRACKED)) != 0
        generation = (flags & np.uint32(Flag.GENERATION_MASK)) >> np.uint32(Flag.GENERATION_SHIFT)
        young = tracked & (generation < YOUNG_AND_MIDDLE) & ((flags & np.uint32(Flag.FROZEN)) == 0)
        return int(np.count_nonzero(young)), int(np.count_nonzero(tracked))

    @cached_property
    def young_count(self) -> int:
        """Count all objects in the younger generations."""
        return self.generation_counts(np.arange(self.snapshot.object_count, dtype=np.uint32))[0]

    def topmost(self, objects: U32Array) -> U32Array:
        """Drop garbage, and the objects below others of the same set: what is left retains disjoint parts. O(n)."""
        kinds = np.ones(self.tree.root + 1, dtype=np.uint32)
        kinds[objects] = 0
        found = find_topmost(self.tree.children, self.tree.root, kinds, 1, self.tree.retained, self.oversight)
        top: U32Array = objects[(found.marks[objects] != 0) & (self.tree.roots.reached[objects] != 0)]
        return top

    def common_holder(self, objects: U32Array, weights: U64Array, share: float = 0.6) -> int:
        """Find the deepest node that dominates ``share`` of some objects by weight; the virtual root if none does. O(n)."""
        values = np.zeros(self.tree.root + 1, dtype=np.uint64)
        values[objects] = weights
        sums = accumulate(self.tree.dominators.immediate, self.tree.dominators.order, values, self.oversight)
        node, least = self.tree.root, share * float(values.sum())
        for _ in range(MAX_DEPTH):
            below = self.tree.children.of(node)
            if not below.size:
                break
            best = int(below[int(np.argmax(sums[below]))])
            if float(sums[best]) < least or values[best]:
                break
            node = best
        return node

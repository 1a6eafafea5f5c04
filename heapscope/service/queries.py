"""What can be asked about one snapshot: roots, dominators, retained sizes, ways, each computed when it is first needed.

Never does I/O and never shows anything: front ends and the Python API ask here, so that they give the same figures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from heapscope.analysis.dominators import DominatorTree, build_dominator_tree
from heapscope.analysis.edge_names import EdgeNames
from heapscope.analysis.histogram import add_retained, build_histogram
from heapscope.analysis.paths import Exclusions, Paths, find_paths
from heapscope.analysis.retained import EXACT_TYPES, retained_by_type
from heapscope.analysis.roots import Roots, find_roots
from heapscope.analysis.type_names import TypeNames, name_types, sum_by
from heapscope.analysis.waste.find import find_waste
from heapscope.analysis.waste.model import WasteReport
from heapscope.errors import UsageError
from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.graph.recursive import recursive_size_of
from heapscope.graph.references import References, referents, referrers
from heapscope.service.type_table import TypeFigures
from heapscope.snapshot.model import Snapshot, U32Array
from heapscope.units import clean_text

EXACT_STEPS = 150_000_000  # objects and references looked at for exact retained sizes: some seconds


@dataclasses.dataclass(frozen=True, slots=True)
class TypeCount:
    """Objects of one type name, and the sum of their shallow sizes in bytes."""

    type_name: str
    count: int
    shallow_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class Garbage:
    """What no root reaches, and awaits collection: objects, requested bytes, and its types, most bytes first."""

    count: int
    shallow_bytes: int
    types: tuple[TypeCount, ...]


class HeapQueries:
    """Answers about one snapshot. Whatever is computed is kept; not safe to share between threads.

    ``oversight`` watches every long computation; each reports 0...1 for itself. All of them raise Cancelled.
    """

    def __init__(self, snapshot: Snapshot, oversight: Oversight = UNWATCHED) -> None:
        self.snapshot = snapshot
        self.oversight = oversight

    @cached_property
    def roots(self) -> Roots:
        """All roots. O(objects + references)."""
        return find_roots(self.snapshot, self.oversight)

    @cached_property
    def tree(self) -> DominatorTree:
        """Dominators and retained sizes. O((n + m) log n) at worst, linear in practice."""
        return build_dominator_tree(self.snapshot, self.roots, self.oversight)

    @cached_property
    def paths(self) -> Paths:
        """Shortest ways to everything. O(n + m)."""
        return find_paths(self.snapshot, self.roots, oversight=self.oversight)

    def paths_without(self, exclusions: Exclusions) -> Paths:
        """Find the shortest ways that avoid something; not kept. O(n + m)."""
        is_any = exclusions.objects or exclusions.references
        return find_paths(self.snapshot, self.roots, exclusions, self.oversight) if is_any else self.paths

    @cached_property
    def referents(self) -> References:
        """What each object refers to; a view."""
        return referents(self.snapshot)

    @cached_property
    def referrers(self) -> References:
        """What refers to each object, each holder once. O(n + m), 8 bytes per object and 4 per reference."""
        return referrers(self.snapshot, self.oversight)

    @cached_property
    def edge_names(self) -> EdgeNames:
        """What references are called, where the capture knew it. O(shapes) once, then O(references of the holder)."""
        return EdgeNames(self.snapshot)

    @cached_property
    def type_names(self) -> TypeNames:
        """The types by name."""
        return name_types(self.snapshot)

    def index_of(self, address: int) -> int:
        """Give the object index of an address. O(n), without an index.

        Raises:
            UsageError: no object of the snapshot starts there.
        """
        is_possible = 0 <= address < 1 << 64
        found = np.flatnonzero(self.snapshot.address == np.uint64(address if is_possible else 0))
        if not is_possible or not found.size:
            raise UsageError(f"no object starts at {address:#x} in this snapshot", hint=_ADDRESS_HINT)
        return int(found[0])

    def address_of(self, object_index: int) -> int:
        """Give the address of an object."""
        return int(self.snapshot.address[object_index])

    def type_name_of(self, object_index: int) -> str:
        """Give the type name of an object."""
        return self.snapshot.types[int(self.snapshot.type_index[object_index])].name

    def find_type(self, name: str) -> str:
        """Give the type name that a user's word means: itself, or that of the built-in type.

        Raises:
            UsageError: no type has it; the hint names some that end alike.
        """
        for candidate in (name, f"builtins.{name}"):
            if self.type_names.number_of(candidate) is not None:
                return candidate
        last = "." + name.rpartition(".")[2]
        similar = [one for one in self.type_names.names if len(last) > 1 and one.endswith(last)][:3]
        hint = " or ".join(clean_text(one, 100) for one in similar) or "heapscope types SOURCE"
        raise UsageError(f"no type is called {clean_text(name, 100)}", hint=hint)

    def recursive_size(self, object_indexes: Sequence[int] | U32Array) -> int:
        """Give the recursive size of some objects as one set, in bytes. O(what is reached)."""
        return recursive_size_of(self.snapshot, object_indexes, self.oversight)

    def is_reached(self, object_index: int) -> bool:
        """Tell whether a root leads to an object; else it is garbage."""
        return bool(self.roots.reached[object_index])

    def count_types(self, object_indexes: U32Array) -> tuple[TypeCount, ...]:
        """Count objects by type name, most bytes first, then most objects."""
        names = self.type_names.of_objects(object_indexes)
        total = len(self.type_names.names)
        counts = np.bincount(names, minlength=total)
        sizes = sum_by(names, self.snapshot.shallow[object_indexes], total)
        rows = [TypeCount(self.type_names.names[at], int(counts[at]), int(sizes[at])) for at in np.flatnonzero(counts)]
        return tuple(sorted(rows, key=lambda row: (-row.shallow_bytes, -row.count, row.type_name)))

    @cached_property
    def garbage(self) -> Garbage:
        """What awaits collection. O(n) once the roots are known."""
        lost = np.flatnonzero(self.roots.reached == 0).astype(np.uint32)
        return Garbage(self.roots.garbage_count, self.roots.garbage_bytes, self.count_types(lost))

    def waste(self, least_bytes: int | None = None) -> WasteReport:
        """Find remedies other than slots that save at least so many bytes each; see ``find_waste``."""
        return find_waste(self.snapshot, lambda _: self.paths, least_bytes=least_bytes, oversight=self.oversight)

    def types(self, *, recursive: bool = True, retained: bool = True) -> list[TypeFigures]:
        """Give the figures of every type name that has objects, largest shallow size first.

        Retained sizes are exact where that takes some seconds at most: always for types with one object and for the 63
        largest; the others may be lower bounds (``retained_is_minimum``).
        """
        histogram = build_histogram(self.snapshot, recursive=recursive, is_cancelled=self.oversight.is_cancelled)
        if retained:
            steps = max(1, 2 * self.referents.step_count)
            exact = EXACT_TYPES * max(1, EXACT_STEPS // steps)
            histogram = add_retained(histogram, retained_by_type(self.tree, exact=exact, oversight=self.oversight))
        return [
            TypeFigures(
                type_name=row.type_name,
                count=row.count,
                shallow_bytes=row.shallow_bytes,
                allocated_bytes=row.allocated_bytes,
                recursive_bytes=row.recursive_bytes,
                retained_bytes=row.retained_bytes,
                # A type whose objects are all garbage retains nothing, which needs no traversal.
                retained_is_minimum=bool(row.retained_bytes) and not row.is_retained_exact,
                share=row.share,
                type_count=row.type_count,
            )
            for row in histogram.rows
        ]


_ADDRESS_HINT = "addresses are those of heapscope dominators, paths and object on the same snapshot"

"""The Python API's view of a snapshot: a heap, its types, its objects, ways to them.

Never shows or cleans foreign text, and never changes a snapshot. No I/O but ``Heap.save``.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from functools import cached_property

from heapscope.analysis.memory import MemorySplit, split_memory
from heapscope.analysis.paths import MergedPaths
from heapscope.analysis.roots import RootInfo
from heapscope.errors import UsageError
from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.service.object_view import ObjectView
from heapscope.service.queries import Garbage, HeapQueries
from heapscope.service.type_table import TypeFigures
from heapscope.snapshot.file import save_snapshot
from heapscope.snapshot.model import Snapshot, SnapshotMeta, U32Array


@dataclasses.dataclass(frozen=True, slots=True)
class RootPath:
    """A way from a root: why the first object is a root, and the objects, the one asked about last."""

    root: RootInfo
    objects: tuple[HeapObject, ...]

    def __str__(self) -> str:
        """Name the root and the types; foreign text as it is."""
        return " > ".join([f"{self.root.kind} {self.root.label}".strip(), *(one.type_name for one in self.objects[1:])])


class HeapObject(ObjectView):
    """One object of a heap. Addresses are those in the target at the moment of the capture. Hashable, cheap to make.

    ``shallow_size``, ``allocated_size``, ``recursive_size`` and ``retained_size`` are in bytes; what they mean is in
    docs/glossary.md. The first retained size, root path and referrers of a heap cost a computation over all of it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Name the type and the address."""
        return f"<{self.type_name} at {self.address:#x} in a heap>"

    def referrers(self) -> list[HeapObject]:
        """List the objects that refer to it, each once. O(n + m) the first time, then O(referrers)."""
        return [HeapObject(self.heap, int(one)) for one in self.referrer_indexes]

    def referents(self) -> list[HeapObject]:
        """List the objects that it refers to, each once. O(referents)."""
        return [HeapObject(self.heap, int(one)) for one in self.referent_indexes]

    def root_path(self) -> RootPath | None:
        """Find a shortest way from a root; None for garbage. O(n + m) the first time, then O(length).

        Ways from modules and frames come first, then those from static types, immortal objects, and what C code holds.
        """
        found = self.heap.paths.to(self.index)
        return (
            None if found is None else RootPath(found.root, tuple(HeapObject(self.heap, one) for one in found.objects))
        )

    def root_paths(self, count: int = 5) -> list[RootPath]:
        """Find the ``count`` shortest ways from roots, shortest first; fewer where there are fewer.

        O(n + m) the first time, then as much as two million looks at an object. Raises Cancelled.
        """
        found = self.heap.paths.alternatives(self.index, self.heap.referrers, count, self.heap.oversight)
        return [RootPath(way.root, tuple(HeapObject(self.heap, one) for one in way.objects)) for way in found]

    @property
    def dominator(self) -> HeapObject | None:
        """The closest object that holds it alone; None where that is a root itself, a thread, or it is garbage."""
        chain = self.heap.tree.dominators.chain(self.index)[:1]
        return HeapObject(self.heap, chain[0]) if chain and chain[0] < self.heap.snapshot.object_count else None

    def dominated(self) -> list[HeapObject]:
        """List the objects that it is the closest sole holder of, largest retained size first."""
        return [HeapObject(self.heap, int(one)) for one in self.heap.tree.children_of(self.index)]


class Heap:
    """One captured heap. What is computed is kept as long as the heap; not safe to share between threads.

    ``snapshot`` has the numpy columns, one value per object index: ``address``, ``type_index``, ``shallow``, ``allocated``,
    ``refcount``, ``length``, ``flags``, ``fingerprint``; ``reference_offsets`` and ``reference_targets`` are the references
    in compressed form (``heapscope/snapshot/model.py``). They are read-only.

    Computations take ``oversight``: asked whether to give up, and told how far they are. They raise Cancelled.
    """

    def __init__(self, snapshot: Snapshot, oversight: Oversight = UNWATCHED) -> None:
        self.snapshot = snapshot
        self._queries = HeapQueries(snapshot, oversight)

    def __repr__(self) -> str:
        """Name the process and the number of objects."""
        return f"<Heap of pid {self.meta.pid}: {len(self)} objects, {self.snapshot.heap_bytes} bytes>"

    def __len__(self) -> int:
        """How many objects there are."""
        return self.snapshot.object_count

    @property
    def meta(self) -> SnapshotMeta:
        """Where, when and how it was captured."""
        return self.snapshot.meta

    @property
    def queries(self) -> HeapQueries:
        """Everything else: roots, the dominator tree, ways, by object index."""
        return self._queries

    def types(self, *, recursive: bool = False, retained: bool = False) -> list[TypeFigures]:
        """Give count and sizes (bytes) of every type name, largest shallow size first.

        O(n); with ``recursive`` O(n + m) per 256 types; with ``retained`` the dominators are computed once, and sizes are
        exact, but for the smaller types of large heaps (``retained_is_minimum``).
        """
        return self._queries.types(recursive=recursive, retained=retained)

    def object(self, address: int) -> HeapObject:
        """Give the object at an address. O(n), some milliseconds per million objects.

        Raises:
            UsageError: no object starts there.
        """
        return HeapObject(self._queries, self._queries.index_of(address))

    def object_at(self, object_index: int) -> HeapObject:
        """Give the object of an index. Raises UsageError out of bounds."""
        if not 0 <= object_index < len(self):
            raise UsageError(f"there is no object {object_index}: this heap has {len(self)}")
        return HeapObject(self._queries, object_index)

    def indexes_of(self, type_name: str) -> U32Array:
        """List the object indexes of all instances of exactly this type name, ascending. O(n).

        Raises:
            UsageError: no type has that name.
        """
        return self._queries.type_names.instances(self._queries.find_type(type_name))

    def objects(self, type_name: str) -> Iterator[HeapObject]:
        """Give the instances of a type name one by one. Raises UsageError as ``indexes_of``."""
        return (HeapObject(self._queries, int(one)) for one in self.indexes_of(type_name))

    def paths(self, type_name: str, *, limit: int = 5) -> MergedPaths:
        """Merge the shortest ways to all instances of a type name, most instances first.

        O(n + m) the first time, then O(instances), and O(n) for each way. Raises UsageError and Cancelled.
        """
        name = self._queries.find_type(type_name)
        return self._queries.paths.merged_of_type(name, limit=limit, oversight=self._queries.oversight)

    @cached_property
    def garbage(self) -> Garbage:
        """What no root reaches, and awaits collection."""
        return self._queries.garbage

    @cached_property
    def memory(self) -> MemorySplit | None:
        """Where the resident memory of the process was, part by part, and the verdict; None where the file does not say.

        O(n): the objects are added up once.
        """
        return split_memory(self.snapshot.memory, self.snapshot) if self.snapshot.memory is not None else None

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write a snapshot file, readable by its owner only; whole or not at all. Raises SnapshotFileError and Cancelled."""
        save_snapshot(self.snapshot, path, overwrite=overwrite, oversight=self._queries.oversight)

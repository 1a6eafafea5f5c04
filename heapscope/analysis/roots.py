"""The roots of a snapshot: why objects live, in tiers, and what lives for no reason at all.

Never lets a guess hide a fact. CPython has no list of roots; these are ours:

1. Named roots: modules, the frames of each thread, what the interpreter itself holds, static types.
2. Immortal objects: they are never freed, whoever holds them.
3. Native roots: objects with more counts than references that we see, so C code holds them, and that nothing of tiers 1
   and 2 leads to; of these, only those that no other one leads to.

Why native roots come last: counts that nobody explains are common (links of an lru_cache, names in caches of type
attributes, objects in use by a running C function), and almost all such objects have an owner that is seen. Were each a
root, the cache would no longer retain its own entries. What the audit found is kept (``RefcountAudit``) and can be shown.

A root module stands for itself and its namespace: who refers to the namespace (every function does) counts as referring
to the module. So a module dominates and retains its globals. For all other objects this changes nothing, because the
module is reached anyway.

What no root leads to is garbage that awaits collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from heapscope.analysis.refcounts import RefcountAudit, audit_refcounts
from heapscope.graph.dominators import RootGraph
from heapscope.graph.kernels import NONE, find_components, find_covered
from heapscope.graph.library import UNWATCHED, Oversight
from heapscope.graph.reach import reach
from heapscope.graph.references import References, referents
from heapscope.snapshot.model import NO_OBJECT, Root, Snapshot, U8Array, U32Array
from heapscope.wire.protocol import Flag, RootKind

IMMORTAL_KIND = "immortal"
STATIC_DATA = "static data"  # the walker's label for what it found by scanning
AT_ONCE = 1 << 20  # references between two looks at whether to give up
_EMPTY = np.empty(0, dtype=np.uint32)
_NAMED_FIRST = (RootKind.MODULE, RootKind.INTERPRETER, RootKind.NATIVE)
_LABEL_ORDER = (RootKind.MODULE, RootKind.FRAME, RootKind.THREAD, *_NAMED_FIRST[1:], RootKind.STATIC_TYPE)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ThreadRoots:
    """The frames of one thread, innermost first, as object indexes."""

    label: str
    frames: U32Array


@dataclasses.dataclass(frozen=True, slots=True)
class RootInfo:
    """Why one object is a root. ``kind`` is of RootKind.NAMES, or IMMORTAL_KIND; ``label`` and ``thread`` are foreign text.

    ``thread`` is the label of the thread that a frame belongs to, empty for all others.
    """

    kind: str
    label: str
    thread: str = ""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Roots:
    """All roots of one snapshot, as object indexes, each in the first tier that it belongs to.

    ``namespaces[k]`` is the dict of the root module ``modules[k]``. ``reached`` is 1 per object that lives. ``garbage_*``
    count the others, in objects and requested bytes. ``references`` are those of the snapshot, with references to a
    namespace led to its module: what dominators and retained sizes go by.
    """

    named: U32Array
    threads: tuple[ThreadRoots, ...]
    static_types: U32Array
    immortal: U32Array
    native: U32Array
    modules: U32Array
    namespaces: U32Array
    reached: U8Array
    garbage_count: int
    garbage_bytes: int
    audit: RefcountAudit
    references: References
    by_object: Mapping[int, Root]

    @property
    def thread_frames(self) -> U32Array:
        """The frames of all threads."""
        return np.concatenate([_EMPTY, *(thread.frames for thread in self.threads)])

    def seeds(self) -> U32Array:
        """Give every root."""
        return np.concatenate(self.tiers())

    def tiers(self) -> tuple[U32Array, ...]:
        """Give the roots in the order in which a way from them is worth showing."""
        return np.concatenate([self.named, self.thread_frames]), self.static_types, self.immortal, self.native

    def graph(self) -> RootGraph:
        """Give the roots for dominators: each for itself, but the frames of a thread as one group."""
        tops = np.concatenate([self.named, self.static_types, self.immortal, self.native])
        return RootGraph(np.unique(tops), tuple(thread.frames for thread in self.threads))

    def info(self, object_index: int) -> RootInfo | None:
        """Say why an object is a root; None if it is none."""
        root = self.by_object.get(object_index)
        if root is not None and not (_is_hint(root) and object_index not in self.native):
            return RootInfo(RootKind.NAMES[root.kind], root.label, self._thread_of(object_index))
        if object_index in self.immortal:
            return RootInfo(IMMORTAL_KIND, "")
        return RootInfo(RootKind.NAMES[RootKind.NATIVE], "") if object_index in self.native else None

    def _thread_of(self, object_index: int) -> str:
        return next((thread.label for thread in self.threads if object_index in thread.frames), "")


def find_roots(snapshot: Snapshot, oversight: Oversight = UNWATCHED) -> Roots:
    """Find all roots, and what they reach. O(n + m) time; 5 bytes per object and 4 per reference. Raises Cancelled."""
    modules, namespaces = _find_namespaces(snapshot)
    audit = audit_refcounts(snapshot, namespaces, oversight.part(0, 0.3))
    references = _lead_to_modules(snapshot, modules, namespaces, oversight)
    by_kind = {kind: _roots_of_kind(snapshot, kind, namespaces) for kind in range(len(RootKind.NAMES))}
    named = np.concatenate([by_kind[kind] for kind in _NAMED_FIRST])
    threads = _threads_of(snapshot, namespaces)
    frames = np.concatenate([_EMPTY, *(thread.frames for thread in threads)])
    taken = np.zeros(snapshot.object_count, dtype=np.bool_)
    taken[namespaces] = True
    tiers = []
    for tier in (named, frames, by_kind[RootKind.STATIC_TYPE], audit.immortal):
        tiers.append(_unique(tier[~taken[tier]]))
        taken[tiers[-1]] = True
    named, _, static_types, immortal = tiers
    first = reach(references, np.concatenate(tiers), oversight=oversight.part(0.3, 0.7)).marks
    native = _native_roots(references, first, audit, oversight.part(0.7, 0.9))
    seeds = np.concatenate([*tiers, native])
    found = reach(references, seeds, sizes=snapshot.shallow, oversight=oversight.part(0.9, 1))
    return Roots(
        named=named,
        threads=threads,
        static_types=static_types,
        immortal=immortal,
        native=native,
        modules=modules,
        namespaces=namespaces,
        reached=found.marks,
        garbage_count=snapshot.object_count - int(np.count_nonzero(found.marks)),
        garbage_bytes=snapshot.heap_bytes - found.total,
        audit=audit,
        references=references,
        by_object=_label_by_object(snapshot),
    )


def _roots_of_kind(snapshot: Snapshot, kind: int, namespaces: U32Array) -> U32Array:
    """A namespace that the interpreter holds by itself (sys, builtins) is its module's all the same."""
    found = _unique(
        np.fromiter(
            (
                root.object_index
                for root in snapshot.roots
                if root.kind == kind and root.object_index != NO_OBJECT and not _is_hint(root)
            ),
            dtype=np.uint32,
        )
    )
    return found[~np.isin(found, namespaces)]


def _is_hint(root: Root) -> bool:
    return root.kind == RootKind.INTERPRETER and root.label == STATIC_DATA


def _unique(indexes: U32Array) -> U32Array:
    """Drop what comes again, keeping the order: earlier roots win among equals."""
    _, first = np.unique(indexes, return_index=True)
    return indexes[np.sort(first)]


def _threads_of(snapshot: Snapshot, namespaces: U32Array) -> tuple[ThreadRoots, ...]:
    """A THREAD root comes before the FRAME roots of its thread; it is the innermost frame itself."""
    threads: list[tuple[str, list[int]]] = []
    for root in snapshot.roots:
        if root.object_index == NO_OBJECT or root.kind not in {RootKind.THREAD, RootKind.FRAME}:
            continue
        if root.kind == RootKind.THREAD or not threads:
            threads.append((root.label if root.kind == RootKind.THREAD else "", []))
        threads[-1][1].append(root.object_index)
    arrays = ((label, _unique(np.array(frames, dtype=np.uint32))) for label, frames in threads)
    return tuple(ThreadRoots(label, frames[~np.isin(frames, namespaces)]) for label, frames in arrays)


def _find_namespaces(snapshot: Snapshot) -> tuple[U32Array, U32Array]:
    """A module's namespace is the last exact dict that it refers to: before it comes what its C state holds."""
    can_be = np.array([info.name == "builtins.dict" for info in snapshot.types], dtype=np.bool_)
    references = referents(snapshot)
    found: dict[int, int] = {}
    modules = [root.object_index for root in snapshot.roots if root.kind == RootKind.MODULE]
    # Hostile heaps: a module that is a dict, or its own namespace, stays a module.
    rooted = np.array(modules, dtype=np.int64)
    for module in dict.fromkeys(modules):
        if module == NO_OBJECT:
            continue
        held = references.of(module)
        mortal = (snapshot.flags[held] & np.uint32(Flag.IMMORTAL)) == 0
        dicts = held[can_be[snapshot.type_index[held]] & mortal & ~np.isin(held, rooted)]
        if dicts.size:
            found.setdefault(int(dicts[-1]), module)
    return np.array(list(found.values()), dtype=np.uint32), np.array(list(found), dtype=np.uint32)


def _lead_to_modules(snapshot: Snapshot, modules: U32Array, namespaces: U32Array, oversight: Oversight) -> References:
    if not modules.size:
        return referents(snapshot)
    stands_for = np.arange(snapshot.object_count, dtype=np.uint32)
    stands_for[namespaces] = modules
    targets = np.empty(snapshot.reference_count, dtype=np.uint32)
    for start in range(0, targets.size, AT_ONCE):
        oversight.check()
        part = slice(start, start + AT_ONCE)
        targets[part] = stands_for[snapshot.reference_targets[part]]
    for module, namespace in zip(modules.tolist(), namespaces.tolist(), strict=True):
        start, end = (int(snapshot.reference_offsets[at]) for at in (module, module + 1))
        targets[start:end][snapshot.reference_targets[start:end] == namespace] = namespace
    return References(snapshot.reference_offsets, targets)


def _native_roots(references: References, reached: U8Array, audit: RefcountAudit, oversight: Oversight) -> U32Array:
    """Of the objects that C code holds and that are not reached: those that no other such object leads to."""
    held = audit.held
    held = held[reached[held] == 0]
    if not held.size:
        return _EMPTY
    components = find_components(references.offsets, references.targets, reached, oversight)
    wanted = np.zeros(components.count, dtype=np.uint8)
    wanted[components.component[held]] = 1
    covered = find_covered(components, wanted)
    assert int(components.component[held].max()) != NONE
    is_covered = covered[components.component[held]]
    native: U32Array = held[is_covered == 0]
    return native


def _label_by_object(snapshot: Snapshot) -> dict[int, Root]:
    ranks = {kind: rank for rank, kind in enumerate(_LABEL_ORDER)}
    by_object: dict[int, Root] = {}
    for root in sorted(snapshot.roots, key=lambda root: ranks.get(root.kind, len(ranks))):
        if root.object_index != NO_OBJECT:
            by_object.setdefault(root.object_index, root)
    return by_object

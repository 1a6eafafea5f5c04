"""What each named way from the roots leads to, of one snapshot: small enough to keep of every snapshot of a series.

Never keeps the snapshot, or a key that is data; an address only to look an example up, never to compare. No I/O.

A *holder* is all objects with the same named way from a root: ``module app > .SESSIONS > [int key]`` is one, however many
sessions there are. Every object counts for one holder, by the nearest way from a module of the application (else from a frame, ...), so what
holders *hold*, with all below them, adds up to all that lives. What they *retain* is what would be freed with them.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np

from heapscope.analysis.dominators import DominatorTree, build_dominator_tree
from heapscope.analysis.holder_names import NO_STEP, StepNames, name_steps
from heapscope.analysis.roots import Roots, ThreadRoots
from heapscope.analysis.type_names import sum_by
from heapscope.graph.dominators import accumulate, find_topmost
from heapscope.graph.holders import Holders, find_holders
from heapscope.graph.library import NONE, UNWATCHED, Oversight
from heapscope.graph.reach import find_ways
from heapscope.snapshot.model import I64Array, Snapshot, SnapshotMeta, U32Array, U64Array
from heapscope.wire.protocol import RootKind

MAIN_LEVELS, OTHER_LEVELS = 6, 3  # of frames that are told apart; with all others there must be less than 16 tiers
_MAIN_FRAMES = ("<module> ", "_run_module_as_main ")  # how the outermost frame of a main thread is called
MAX_KEPT = 1 << 15  # holders of one snapshot, those that hold most: 2 MB
_CONTAINERS = frozenset(
    {f"builtins.{name}" for name in ("dict", "list", "set", "tuple", "frozenset")} | {"collections.deque"}
)


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One step of the way to a holder: how it is called, what is there, and of the first one why it is a root.

    ``name`` is as ``holder_names`` writes it; that of a root is its label. All of it is foreign text.
    """

    name: str
    type_name: str
    root_kind: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class HolderTree:
    """The holders of one snapshot that hold most; what smaller ones hold is part of what the one above holds. Immutable.

    Columns are per holder, those above before those below: ``parent`` (-1 for roots), ``step``, number of objects
    ``count``, their items ``entries``, bytes ``held`` with all below, ``retained`` by its objects, and ``example``, the
    object index of the nearest, with its ``address`` in its own process. ``living_bytes`` is the sum of all, without garbage.
    """

    meta: SnapshotMeta
    object_count: int
    living_bytes: int
    garbage_count: int
    garbage_bytes: int
    parent: I64Array
    step: tuple[Step, ...]
    count: I64Array
    entries: I64Array
    held: I64Array
    retained: I64Array
    example: U32Array
    address: U64Array

    @property
    def size(self) -> int:
        """How many holders were kept."""
        return int(self.parent.size)

    @property
    def nbytes(self) -> int:
        """How much memory the columns take; names come on top, and are shared."""
        return sum(each.nbytes for each in (self.parent, self.count, self.entries, self.held, self.retained))

    def children(self, holder: int) -> list[int]:
        """List what is directly below a holder, or below nothing (-1)."""
        start, end = np.searchsorted(self._sorted, [holder, holder + 1])
        found: list[int] = self._by_parent[start:end].tolist()
        return found

    @cached_property
    def _by_parent(self) -> I64Array:
        return np.argsort(self.parent, kind="stable")

    @cached_property
    def _sorted(self) -> I64Array:
        return self.parent[self._by_parent]

    def path(self, holder: int) -> tuple[Step, ...]:
        """Give the way to a holder, from the root."""
        steps = []
        while holder >= 0:
            steps.append(self.step[holder])
            holder = int(self.parent[holder])
        return tuple(reversed(steps))


def find_holder_tree(
    snapshot: Snapshot, tree: DominatorTree | None = None, oversight: Oversight = UNWATCHED, *, keep: int = MAX_KEPT
) -> HolderTree:
    """Sum up a snapshot by holders. ``tree``, if there is one already, saves two thirds of the time.

    O(n + m) time in practice; 60 bytes per object while it works, beside the dominator tree. Raises Cancelled.
    """
    if tree is None:
        tree = build_dominator_tree(snapshot, oversight=oversight.part(0, 0.6))
    oversight = oversight.part(0.6, 1)
    roots, types = tree.roots, tree.type_names
    tiers = _tiers(roots)
    ways = find_ways(roots.references, tiers, apart=len(tiers) - 3, oversight=oversight.part(0, 0.3))
    names = name_steps(snapshot, roots, ways, types, oversight.part(0.3, 0.7))
    kinds = types.of_all()
    holders = find_holders(ways, names.of, kinds, names.first_name, oversight=oversight.part(0.7, 0.8))
    retained = _retained(tree, holders, oversight.part(0.8, 1))
    return _summary(tree, names, holders, retained, keep)


def _tiers(roots: Roots) -> tuple[U32Array, ...]:
    """Order the roots so that names stay the same from snapshot to snapshot, and are those that a person would give.

    Modules come before frames: a variable of a loop that runs for ever is no good name for what a module holds. Outer frames come
    before inner ones, and the main thread before others: which there are differs from moment to moment, and in variables they hold
    whatever they work on. What the module ``threading`` holds of an application, it holds for a thread.
    """
    threads = sorted(roots.threads, key=lambda thread: not _is_main(roots, thread))
    frames = [[one for one in thread.frames[::-1].tolist() if not _is_late(roots, one)] for thread in threads]
    is_first = bool(threads) and _is_main(roots, threads[0])
    main, others = (frames[:1], frames[1:]) if is_first else ([], frames)
    late = [one for one in [*roots.named.tolist(), *roots.thread_frames.tolist()] if _is_late(roots, one)]
    named = [one for one in roots.named.tolist() if not _is_late(roots, one)]
    tiers = [named, *_by_depth(main, MAIN_LEVELS), *_by_depth(others, OTHER_LEVELS), late]
    indexes = (np.array(tier, dtype=np.uint32) for tier in tiers)
    return (*indexes, roots.static_types, roots.immortal, roots.native)


def _by_depth(threads: list[list[int]], levels: int) -> list[list[int]]:
    """Take the frames of several threads level by level; the last level has all that is left."""
    found: list[list[int]] = [[] for _ in range(levels)]
    for frames in threads:
        for depth, frame in enumerate(frames):
            found[min(depth, levels - 1)].append(frame)
    return found


def _is_main(roots: Roots, thread: ThreadRoots) -> bool:
    root = roots.by_object.get(int(thread.frames[-1])) if thread.frames.size else None
    return root is not None and root.label.startswith(_MAIN_FRAMES)


def _is_late(roots: Roots, object_index: int) -> bool:
    root = roots.by_object[object_index]
    if root.kind == RootKind.FRAME:
        return "/threading.py:" in root.label
    return root.kind == RootKind.MODULE and root.label == "threading"


def _retained(tree: DominatorTree, holders: Holders, oversight: Oversight) -> U64Array:
    """Sum what the objects of each holder retain; those below another one of it are part of that."""
    oversight.check()
    kinds = np.full(tree.dominators.immediate.size, NONE, dtype=np.uint32)
    kinds[: holders.of.size] = holders.of
    found = find_topmost(tree.children, tree.root, kinds, holders.count, tree.retained, oversight)
    return found.sums


def _summary(tree: DominatorTree, names: StepNames, holders: Holders, retained: U64Array, keep: int) -> HolderTree:
    snapshot, count = tree.snapshot, holders.count
    reached = np.flatnonzero(holders.of != NONE)
    own = sum_by(holders.of[reached], snapshot.shallow[reached], count)
    held = accumulate(holders.parent, np.arange(count, dtype=np.uint32), own).astype(np.int64)
    members = reached[(names.of[reached] != NO_STEP)]
    counts = np.bincount(holders.of[members], minlength=count)
    is_container = np.array([_is_container(snapshot, at) for at in range(len(snapshot.types))], dtype=np.bool_)
    filled = members[is_container[snapshot.type_index[members]] & (snapshot.length[members] > 0)]
    entries = sum_by(holders.of[filled], snapshot.length[filled].astype(np.uint64), count)
    # No holder holds more than the one above it, which has a smaller number: what is kept is a tree itself.
    kept = np.sort(np.argsort(-held, kind="stable")[:keep])
    place = np.full(count + 1, -1, dtype=np.int64)
    place[kept] = np.arange(kept.size)
    above = holders.parent[kept]
    return HolderTree(
        meta=snapshot.meta,
        object_count=snapshot.object_count,
        living_bytes=tree.reachable_bytes,
        garbage_count=tree.roots.garbage_count,
        garbage_bytes=tree.roots.garbage_bytes,
        parent=place[np.where(above == NONE, count, above)],
        step=_steps(tree, names, holders, kept),
        count=counts[kept].astype(np.int64),
        entries=entries[kept].astype(np.int64),
        held=held[kept],
        retained=retained[kept].astype(np.int64),
        example=holders.first[kept],
        address=snapshot.address[holders.first[kept]],
    )


def _is_container(snapshot: Snapshot, number: int) -> bool:
    info = snapshot.types[number]
    mro = (snapshot.type_at(address) for address in info.mro)
    return info.name in _CONTAINERS or any(each is not None and each.name in _CONTAINERS for each in mro)


def _steps(tree: DominatorTree, names: StepNames, holders: Holders, kept: I64Array) -> tuple[Step, ...]:
    types = tree.type_names.names
    known: dict[tuple[int, int], Step] = {}
    steps = []
    for name, kind in zip(holders.name[kept].tolist(), holders.kind[kept].tolist(), strict=True):
        step = known.get((name, kind))
        if step is None:
            root_kind = names.roots.get(name, ("", ""))[0]
            step = known[name, kind] = Step(names.text(name), types[kind], root_kind)
        steps.append(step)
    return tuple(steps)

"""Ways through the dominator tree, merged by type: the stacks of a heap profile.

Never drops an object: own counts and bytes of all paths add up to the whole heap, garbage included. No I/O.

    module app.sessions > dict > REGISTRY (dict) > app.sessions.Session > str        1,204 objects, 83,076 bytes

The first frame says why something lives; below a module stand its globals with their names; everything else is a type. A type
below itself is one frame, so that a linked list is no stack of a million frames.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import numpy.typing as npt

from heapscope.analysis.dominators import DominatorTree
from heapscope.analysis.roots import IMMORTAL_KIND
from heapscope.graph.dominators import accumulate
from heapscope.graph.library import NONE, UNWATCHED, Oversight
from heapscope.snapshot.model import U8Array, U32Array, U64Array
from heapscope.units import clean_text, short_type_name

MAX_LEVELS = 256  # of the dominator tree; what lies deeper counts for the frame above it
MAX_PATHS = 200_000  # what a profile viewer still opens
MAX_LABEL = 200
LEAST_SHARE = 1e-5  # of the heap: a group that retains less is not divided further

GARBAGE, STATIC, IMMORTAL, NATIVE, SHARED = (
    "awaiting collection",
    "static types",
    IMMORTAL_KIND,
    "held by C code",
    "held from several sides",
)
_CATEGORIES = (GARBAGE, STATIC, IMMORTAL, NATIVE, SHARED)
_UNNAMED = frozenset({"builtins.function", "builtins.type", "builtins.module", "builtins.builtin_function_or_method"})


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class HolderPaths:
    """``labels[label[p]]`` is the last frame of path ``p``, ``parent[p]`` the path above it, NONE at the top.

    A parent comes before its children. ``counts`` and ``sizes`` are of the objects whose path ends there, in objects and
    requested bytes.
    """

    labels: tuple[str, ...]
    label: U32Array
    parent: U32Array
    counts: U64Array
    sizes: U64Array

    def frames(self, path: int) -> list[str]:
        """Give the frames of a path, the outermost first."""
        found = []
        while path != NONE:
            found.append(self.labels[int(self.label[path])])
            path = int(self.parent[path])
        return found[::-1]

    def totals(self) -> tuple[U64Array, U64Array]:
        """Give counts and sizes of each path with all below it."""
        counts, sizes = self.counts.copy(), self.sizes.copy()
        for path in range(self.parent.size - 1, -1, -1):
            above = int(self.parent[path])
            if above != NONE:
                counts[above] += counts[path]
                sizes[above] += sizes[path]
        return counts, sizes


def merge_paths(
    tree: DominatorTree,
    *,
    least_share: float = LEAST_SHARE,
    max_levels: int = MAX_LEVELS,
    max_paths: int = MAX_PATHS,
    oversight: Oversight = UNWATCHED,
) -> HolderPaths:
    """Merge the dominator tree by the types on the way from the roots.

    O(n log n) time, 8 bytes per object besides those of the widest level. Raises Cancelled.
    """
    merger = _Merger(tree, int(tree.snapshot.heap_bytes * least_share), max_levels, max_paths, oversight)
    merger.run()
    return merger.result()


class _Merger:
    """One pass over the tree, level by level; each level is a few operations over whole arrays."""

    def __init__(
        self, tree: DominatorTree, least_bytes: int, max_levels: int, max_paths: int, oversight: Oversight
    ) -> None:
        self._tree = tree
        self._least_bytes = least_bytes
        self._max_levels = max_levels
        self._max_paths = max_paths
        self._oversight = oversight
        self._snapshot = tree.snapshot
        count = tree.snapshot.object_count
        self._object_count = count
        ones: U8Array = np.ones(count, dtype=np.uint8)
        found = tree.dominators
        self._below = accumulate(found.immediate, found.order, ones, oversight)
        self._numbers: dict[str, int] = {}
        self._tops: dict[int, int] = {}
        self._known: dict[int, int] = {}
        names = [self._number(short_type_name(name)) for name in tree.type_names.names]
        self._type_labels = np.array(names, dtype=np.uint32)
        self._label = np.empty(0, dtype=np.uint32)
        self._parent = np.empty(0, dtype=np.uint32)
        self._counts = np.empty(0, dtype=np.uint64)
        self._sizes = np.empty(0, dtype=np.uint64)
        self._named = self._name_globals()

    def result(self) -> HolderPaths:
        """Give what was merged."""
        return HolderPaths(tuple(self._numbers), self._label, self._parent, self._counts, self._sizes)

    def run(self) -> None:
        """Go down from the roots."""
        self._add_garbage()
        nodes, paths = self._start()
        for level in range(self._max_levels + 1):
            if not nodes.size:
                return
            self._oversight.check()
            self._oversight.report(min(1.0, level / 32))
            nodes, paths = self._settle(nodes, paths, is_last=level == self._max_levels)
            paths = self._descend(nodes, paths)

    def _add_garbage(self) -> None:
        lost = np.flatnonzero(self._tree.roots.reached == 0).astype(np.uint32)
        if lost.size:
            top = self._top(GARBAGE)
            paths = self._descend(lost, np.full(lost.size, top, dtype=np.uint32))
            self._count(paths, np.ones(lost.size, dtype=np.uint64), self._snapshot.shallow[lost])

    def _start(self) -> tuple[U32Array, U32Array]:
        """The roots that have a name stand for themselves, the others below what kind of root they are."""
        tree, roots = self._tree, self._tree.roots
        tops = tree.children.of(tree.root)
        paths = np.full(tops.size, NONE, dtype=np.uint32)
        kinds = np.full(tops.size, _CATEGORIES.index(SHARED), dtype=np.uint8)
        for kind, members in ((STATIC, roots.static_types), (IMMORTAL, roots.immortal), (NATIVE, roots.native)):
            kinds[np.isin(tops, members)] = _CATEGORIES.index(kind)
        is_single = np.isin(tops, roots.named) | (tops >= self._object_count)
        for place in np.flatnonzero(is_single).tolist():
            info = tree.info(int(tops[place]))
            text = (
                "" if info is None else info.label if info.label.startswith(info.kind) else f"{info.kind} {info.label}"
            )
            paths[place] = self._top(text.strip() or "interpreter")
        for number, category in enumerate(_CATEGORIES):
            found = np.flatnonzero((kinds == number) & ~is_single)
            if found.size:
                paths[found] = self._top(category)
        plain = np.flatnonzero(~is_single)
        paths[plain] = self._descend(tops[plain], paths[plain])
        return tops, paths

    def _settle(self, nodes: U32Array, paths: U32Array, *, is_last: bool) -> tuple[U32Array, U32Array]:
        """Count nodes for their paths, and give the children of those whose path is worth dividing, with that path."""
        retained = self._tree.retained[nodes]
        weight = self._sums(paths, retained)
        is_full = is_last or self._label.size >= self._max_paths
        goes_on = np.zeros(nodes.size, dtype=np.bool_) if is_full else weight[paths] >= self._least_bytes
        ended = ~goes_on
        self._count(paths[ended], self._below[nodes[ended]], retained[ended])
        nodes, paths = nodes[goes_on], paths[goes_on]
        objects = nodes < self._object_count
        own = self._snapshot.shallow[nodes[objects]]
        self._count(paths[objects], np.ones(own.size, dtype=np.uint64), own)
        children = self._tree.children
        held = children.offsets[nodes.astype(np.int64) + 1] - children.offsets[nodes.astype(np.int64)]
        return children.of_all(nodes), np.repeat(paths, held.astype(np.int64))

    def _descend(self, nodes: U32Array, above: U32Array) -> U32Array:
        """Give the paths of nodes below the given ones; new ones are made."""
        if not nodes.size:
            return above
        labels = self._type_labels[self._tree.type_names.of_objects(nodes)]
        known, names = self._named
        if known.size:
            place = np.minimum(np.searchsorted(known, nodes), known.size - 1)
            labels = np.where(known[place] == nodes, names[place], labels)
        keys = above.astype(np.uint64) << np.uint64(32) | labels
        different, which = np.unique(keys, return_inverse=True)
        return self._paths_of(different)[which]

    def _paths_of(self, keys: U64Array) -> U32Array:
        """Give the paths of (path above, label); the same label again is the path above. A level may meet what another one made."""
        numbers = np.empty(keys.size, dtype=np.uint32)
        count = first = self._label.size
        for place, key in enumerate(keys.tolist()):
            above, label = key >> 32, key & NONE
            if int(self._label[above]) == label:
                numbers[place] = above
            else:
                numbers[place] = path = self._known.setdefault(key, count)
                count += path == count
        made = np.array(list(itertools.islice(self._known, first - len(self._tops), None)), dtype=np.uint64)
        self._add_paths((made >> np.uint64(32)).astype(np.uint32), (made & np.uint64(NONE)).astype(np.uint32))
        return numbers

    def _number(self, text: str) -> int:
        """Equal texts are one label, whatever they stand for."""
        return self._numbers.setdefault(clean_text(text, MAX_LABEL), len(self._numbers))

    def _top(self, text: str) -> int:
        label = self._number(text)
        if label not in self._tops:
            self._tops[label] = self._label.size
            self._add_paths(np.array([NONE], dtype=np.uint32), np.array([label], dtype=np.uint32))
        return self._tops[label]

    def _add_paths(self, parents: U32Array, labels: U32Array) -> None:
        nothing = np.zeros(parents.size, dtype=np.uint64)
        self._label = np.concatenate([self._label, labels])
        self._parent = np.concatenate([self._parent, parents])
        self._counts = np.concatenate([self._counts, nothing])
        self._sizes = np.concatenate([self._sizes, nothing])

    def _sums(self, paths: U32Array, values: U64Array) -> U64Array:
        sums = np.zeros(self._label.size, dtype=np.uint64)
        np.add.at(sums, paths, values)
        return sums

    def _count(self, paths: U32Array, counts: U64Array, sizes: U64Array) -> None:
        np.add.at(self._counts, paths, counts)
        np.add.at(self._sizes, paths, sizes)

    def _name_globals(self) -> tuple[U32Array, npt.NDArray[np.uint32]]:
        """Labels of what the namespaces of root modules hold alone, by object, ascending."""
        names, immediate = self._snapshot.naming.names, self._tree.dominators.immediate
        found: dict[int, int] = {}
        for space in self._tree.roots.namespaces.tolist():
            start, end = (int(self._snapshot.reference_offsets[at]) for at in (space, space + 1))
            held = self._snapshot.reference_targets[start:end]
            length = int(self._snapshot.length[space])
            if length <= 0 or held.size < 2 * length:
                continue
            is_own = immediate[held[length : 2 * length]] == np.uint32(space)
            for place in np.flatnonzero(is_own).tolist():
                name, target = names.get(int(held[place])), int(held[length + place])
                type_name = self._snapshot.types[int(self._snapshot.type_index[target])].name
                if name and type_name not in _UNNAMED:
                    found[target] = self._number(f"{name} ({short_type_name(type_name)})")
        objects = np.array(sorted(found), dtype=np.uint32)
        return objects, np.array([found[at] for at in objects.tolist()], dtype=np.uint32)

"""Owns cutting the dominator tree into levels that fit a screen: the largest rows described, the rest counted.

Never walks the whole tree: a level costs its own children. Called from worker threads only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from heapscope.analysis.dominators import DominatorTree, TreeRow
from heapscope.snapshot.model import U32Array
from heapscope.tui.holders import Descent, Level, Rest

CHUNK_ROWS = 100  # more is asked for by opening the last row; a root may have a million children
LARGE_SHARE = 0.1  # of all that lives: what is smaller is not opened at the start
START_DEPTH = 8
START_ROWS = 10  # no more than ten objects that do not hold each other can hold a tenth each
MAX_DEPTH = 200  # a chain may be as deep as there are objects


def open_row(tree: DominatorTree, nodes: U32Array, *, merge: bool, wanted: int | None = None) -> Level:
    """Give the children of a row. ``wanted`` is a node that must be among the rows described."""
    if not merge:
        return _describe_singles(tree, tree.children_of(nodes), wanted)
    rows = _without_large(tree, tree.rows(nodes))
    found = _place_of(wanted, (row.nodes for row in rows))
    shown = set(range(CHUNK_ROWS)) | ({found} if found is not None else set())
    left = [row.nodes for at, row in enumerate(rows) if at not in shown]
    return Level(tuple(row for at, row in enumerate(rows) if at in shown), _rest_of_groups(tree, left))


def _without_large(tree: DominatorTree, rows: Sequence[TreeRow]) -> Sequence[TreeRow]:
    """Have objects that hold a large share stand for themselves: merged with small ones they would not be seen."""
    large = LARGE_SHARE * tree.reachable_bytes
    apart: list[TreeRow] = []
    for row in rows:
        # The nodes of a row are sorted: the large ones come first.
        count = int((tree.retained[row.nodes[:START_ROWS]] >= large).sum()) if row.count > 1 else 0
        apart += [tree.row(int(node)) for node in row.nodes[:count]]
        if row.count > count:
            apart.append(tree.row(row.nodes[count:]) if count else row)
    return sorted(apart, key=lambda row: -row.retained_bytes)


def open_rest(tree: DominatorTree, rest: Rest) -> Level:
    """Describe more rows of a level."""
    if rest.singles is not None:
        return _describe_singles(tree, rest.singles, None)
    shown = tuple(tree.row(group) for group in rest.groups[:CHUNK_ROWS])
    return Level(shown, _rest_of_groups(tree, rest.groups[CHUNK_ROWS:]))


def _describe_singles(tree: DominatorTree, nodes: U32Array, wanted: int | None) -> Level:
    shown, left = nodes[:CHUNK_ROWS], nodes[CHUNK_ROWS:]
    if wanted is not None:
        shown, left = np.concatenate([shown, left[left == wanted]]), left[left != wanted]
    rest = Rest((), left, int(left.size), int(tree.retained[left].sum())) if left.size else None
    return Level(tuple(tree.row(int(node)) for node in shown), rest)


def _rest_of_groups(tree: DominatorTree, groups: Sequence[U32Array]) -> Rest | None:
    if not groups:
        return None
    nodes = np.concatenate(groups)
    return Rest(groups, None, int(nodes.size), int(tree.retained[nodes].sum()))


def _place_of(node: int | None, groups: Iterable[U32Array]) -> int | None:
    if node is None:
        return None
    return next((at for at, group in enumerate(groups) if bool((group == node).any())), None)


def descend_to_largest(tree: DominatorTree, *, merge: bool) -> Descent:
    """Open the root, then the largest child again and again, as long as it is one object that holds a large share."""
    levels = [open_row(tree, _one(tree.root), merge=merge)]
    opened: list[int] = []
    while levels[-1].rows and len(levels) < START_DEPTH:
        top = levels[-1].rows[0]
        if top.count > 1 or not top.child_count or top.retained_bytes < LARGE_SHARE * tree.reachable_bytes:
            break
        opened.append(0)
        levels.append(open_row(tree, top.nodes, merge=merge))
    return Descent(tuple(levels), tuple(opened))


def descend_to(tree: DominatorTree, node: int, *, merge: bool) -> Descent:
    """Open all that is above a node; the last row opened is the node, or the row that it is merged into.

    A node that no root reaches has nothing above it: no levels. Gives up MAX_DEPTH levels below the root.
    """
    chain = [*reversed(tree.dominators.chain(node)), node]
    if chain[0] != tree.root:
        return Descent((), ())
    levels: list[Level] = []
    opened: list[int] = []
    nodes = _one(tree.root)
    for wanted in chain[1 : MAX_DEPTH + 1]:
        levels.append(open_row(tree, nodes, merge=merge, wanted=wanted))
        at = _place_of(wanted, (row.nodes for row in levels[-1].rows))
        assert at is not None, "a dominated node is a child of its dominator"
        opened.append(at)
        nodes = levels[-1].rows[at].nodes
    return Descent(tuple(levels), tuple(opened), is_complete=len(chain) <= MAX_DEPTH + 1)


def _one(node: int) -> U32Array:
    return np.array([node], dtype=np.uint32)

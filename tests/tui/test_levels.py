"""Levels of the dominator tree: nothing is lost between what is described and what is left."""

from __future__ import annotations

import numpy as np
import pytest

from heapscope.analysis.dominators import DominatorTree, build_dominator_tree
from heapscope.tui.holders import Level
from heapscope.tui.levels import CHUNK_ROWS, MAX_DEPTH, descend_to, descend_to_largest, open_rest, open_row
from tests.support.heap import Heap
from tests.tui.support.heaps import make_snapshot


def service_tree() -> DominatorTree:
    """Build the tree of the made-up service."""
    return build_dominator_tree(make_snapshot())


def nodes_of(level: Level) -> list[int]:
    """List the nodes that the rows of a level stand for."""
    return [int(node) for row in level.rows for node in row.nodes]


@pytest.mark.parametrize("merge", [True, False])
def test_a_level_and_its_rests_are_all_children_largest_first(merge: bool) -> None:
    """Opened to the end, every child is there once, and the rests say how much they hold."""
    tree = service_tree()
    level = open_row(tree, np.array([tree.root], dtype=np.uint32), merge=merge)
    found, sizes = nodes_of(level), [row.retained_bytes for row in level.rows]
    while level.rest is not None:
        rest, level = level.rest, open_rest(tree, level.rest)
        assert len(level.rows) == min(CHUNK_ROWS, rest.row_count)
        left = level.rest
        assert rest.object_count == len(nodes_of(level)) + (left.object_count if left else 0)
        assert rest.retained_bytes == sum(row.retained_bytes for row in level.rows) + (
            left.retained_bytes if left else 0
        )
        found += nodes_of(level)
        sizes += [row.retained_bytes for row in level.rows]
    assert sorted(found) == sorted(tree.children_of(tree.root).tolist())
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == tree.reachable_bytes


@pytest.mark.parametrize("merge", [True, False])
def test_a_descent_reaches_any_object_through_what_dominates_it(merge: bool) -> None:
    """Also those that are far down in a level: they are described out of turn, and not in the rest as well."""
    tree = service_tree()
    alive = np.flatnonzero(tree.roots.reached)
    for node in np.random.default_rng(1).choice(alive, 40).tolist():
        descent = descend_to(tree, node, merge=merge)
        chain = [*reversed(tree.dominators.chain(node)), node]
        assert descent.is_complete
        assert len(descent.levels) == len(descent.opened) == len(chain) - 1
        for level, at, wanted in zip(descent.levels, descent.opened, chain[1:], strict=True):
            assert wanted in level.rows[at].nodes
            rest = level.rest
            if rest is not None and not merge:
                assert rest.singles is not None
                assert wanted not in rest.singles
                assert rest.row_count == rest.object_count


def test_garbage_has_no_place_in_the_tree() -> None:
    """There is nothing to open."""
    tree = service_tree()
    garbage = int(np.flatnonzero(tree.roots.reached == 0)[0])
    assert descend_to(tree, garbage, merge=True).levels == ()


def test_a_chain_is_opened_so_far_and_no_further() -> None:
    """Module ──► Link ──► Link ──► ... a thousand times."""
    heap = Heap()
    before = heap.object("builtins.module")
    heap.root(before, label="m")
    for _ in range(1_000):
        link = heap.object("m.Link")
        before.refers_to(link)
        before = link
    tree = build_dominator_tree(heap.snapshot())
    descent = descend_to(tree, 1_000, merge=True)
    assert not descent.is_complete
    assert len(descent.levels) == MAX_DEPTH
    assert len(descend_to_largest(tree, merge=True).levels) < 20


def test_a_large_object_is_not_hidden_among_small_ones_of_its_type() -> None:
    """Module ──► dict(1000) and nine dicts of 1: merged, but for the large one."""
    heap = Heap()
    module = heap.object("builtins.module")
    heap.root(module, label="m")
    for size in (1, 1_000, *[1] * 8):
        module.refers_to(heap.object("m.Box", size=size))
    tree = build_dominator_tree(heap.snapshot())
    level = open_row(tree, np.array([0], dtype=np.uint32), merge=True)
    assert [(row.count, row.retained_bytes) for row in level.rows] == [(1, 1_000), (9, 9)]
    assert nodes_of(level)[0] == 2


def test_the_first_descent_ends_where_the_memory_lies() -> None:
    """Registry ──► 4,128 sessions, none of them large: the registry is the last row that is opened."""
    tree = service_tree()
    descent = descend_to_largest(tree, merge=True)
    assert [level.rows[0].type_name for level in descent.levels] == [
        "builtins.module",
        "builtins.dict",
        "collections.OrderedDict",
        "app.sessions.Session",
    ]
    assert descent.opened == (0, 0, 0)

"""A treemap loses nothing: cells add up to what holds them, fill their area, and do not overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.analysis.dominators import DominatorTree, build_dominator_tree
from heapscope.pictures.treemap import CellKind, Rect, level_of, squarify
from heapscope.wire.protocol import RootKind
from tests.support.examples import examples
from tests.support.heap import Heap
from tests.support.roots import random_heaps, snapshot_with_counts
from tests.support.shop import Shop


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.floats(1, 1e9), min_size=1, max_size=40), st.floats(1, 2000), st.floats(1, 2000), st.floats(0.5, 4))
def test_rectangles_fill_the_area_in_proportion(
    sizes: list[float], width: float, height: float, stretch: float
) -> None:
    """Each inside, none over another, areas as the sizes."""
    sizes.sort(reverse=True)
    cells = squarify(sizes, Rect(3, 5, width, height), stretch=stretch)
    scale = width * height / sum(sizes)
    slack = 1e-6 * (width + height)
    for size, cell in zip(sizes, cells, strict=True):
        assert cell.width * cell.height == pytest.approx(size * scale, rel=1e-6)
        assert cell.x >= 3 - slack
        assert cell.y >= 5 - slack
        assert cell.x + cell.width <= 3 + width + slack
        assert cell.y + cell.height <= 5 + height + slack
    assert sum(cell.width * cell.height for cell in cells) == pytest.approx(width * height, rel=1e-6)


def test_without_an_area_there_is_nothing_to_see() -> None:
    """As before a screen has its size."""
    assert squarify([3, 2], Rect(1, 2, 0, 5)) == (Rect(1, 2, 0, 0),) * 2
    assert squarify([], Rect(0, 0, 5, 5)) == ()


def test_rectangles_are_as_the_authors_of_the_layout_draw_them() -> None:
    """The example of the paper: 6, 6, 4, 3, 2, 2, 1 in an area of 6 x 4."""
    cells = squarify([6, 6, 4, 3, 2, 2, 1], Rect(0, 0, 6, 4))
    assert [(round(cell.width, 2), round(cell.height, 2)) for cell in cells[:4]] == [
        (3, 2),
        (3, 2),
        (1.71, 2.33),
        (1.29, 2.33),
    ]


@settings(max_examples=examples(25), deadline=None)
@given(random_heaps(), st.integers(1, 5))
def test_cells_add_up_to_what_holds_them(heap: Heap, limit: int) -> None:
    """At every node of any tree."""
    tree = build_dominator_tree(snapshot_with_counts(heap))
    for node in (tree.root, *range(tree.snapshot.object_count)):
        cells = level_of(tree, node, limit=limit)
        assert sum(cell.retained_bytes for cell in cells) == int(tree.retained[node])
        assert sum(cell.kind is CellKind.ROWS for cell in cells) <= limit
        assert all(cell.retained_bytes > 0 for cell in cells)
        assert sum(cell.share for cell in cells) == pytest.approx(1) if cells else True
        assert [cell.retained_bytes for cell in cells] == sorted((c.retained_bytes for c in cells), reverse=True)
        while cells and any(cell.skip for cell in cells):
            rest = next(cell for cell in cells if cell.skip)
            assert rest.nodes is not None
            cells = level_of(tree, rest.nodes, skip=rest.skip, limit=limit)
            assert sum(cell.retained_bytes for cell in cells) == rest.retained_bytes


@pytest.fixture(scope="module")
def tree() -> DominatorTree:
    """Give the tree of the shop."""
    return build_dominator_tree(Shop().snapshot())


def test_cells_have_the_words_that_find_them(tree: DominatorTree) -> None:
    """Modules and threads by name, several of a type by their count, what a node takes itself."""
    shop = Shop()
    top = level_of(tree, tree.root)
    assert [cell.label for cell in top[:2]] == ["module app", "thread 7"]
    registry = level_of(tree, shop.index(shop.registry))
    assert {cell.label for cell in registry} == {"itself", "2 × app.Session", "str"}
    sessions = next(cell for cell in registry if cell.count == 2)
    assert sessions.nodes is not None
    assert {cell.label for cell in level_of(tree, sessions.nodes)} == {"itself", "list"}
    assert level_of(tree, shop.index(shop.lost[0])) == ()


def test_small_children_are_one_cell() -> None:
    """What could not be read is counted."""
    heap = Heap()
    module = heap.object("builtins.module", size=10)
    heap.root(module, RootKind.MODULE, "app")
    module.refers_to(heap.object("app.Large", size=100_000), *(heap.object(f"app.T{at}", size=16) for at in range(90)))
    tree = build_dominator_tree(snapshot_with_counts(heap))
    cells = level_of(tree, 0)
    assert [(cell.kind, cell.label) for cell in cells] == [
        (CellKind.ROWS, "app.Large"),
        (CellKind.OTHER, "90 smaller"),
        (CellKind.ITSELF, "itself"),
    ]
    assert {cell.label for cell in level_of(tree, 0, skip=cells[1].skip)} > {"app.T0", "app.T30"}
    assert np.array_equal(cells[0].nodes, [1])

"""Boxes of a laid out graph do not overlap, and arrows go downwards, whatever the graph."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from heapscope.pictures.layers import place_boxes
from tests.support.examples import examples

GRAPHS = st.integers(1, 12).flatmap(
    lambda count: st.tuples(
        st.lists(st.floats(10, 300), min_size=count, max_size=count),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=24),
    )
)


@settings(max_examples=examples(40), deadline=None)
@given(GRAPHS)
def test_boxes_do_not_overlap_and_arrows_cross_layers(graph: tuple[list[float], list[tuple[int, int]]]) -> None:
    """With loops, cycles and parallel arrows; the same every time."""
    widths = {f"n{at}": width for at, width in enumerate(graph[0])}
    arrows = [(f"n{source}", f"n{target}") for source, target in graph[1]]
    layout = place_boxes(widths, arrows)
    assert layout == place_boxes(widths, arrows)
    boxes = sorted(layout.places.values(), key=lambda place: (place.layer, place.x))
    for left, right in itertools.pairwise(boxes):
        assert left.layer != right.layer or left.x + left.width / 2 <= right.x - right.width / 2 + 1e-6
    assert all(place.x - place.width / 2 >= -1e-6 for place in boxes)
    assert all(place.x + place.width / 2 <= layout.width + 1e-6 for place in boxes)
    for (source, target), bends in zip(arrows, layout.bends, strict=True):
        ends = [(layout.places[key].layer, layout.places[key].x) for key in (source, target)]
        assert [bends[0], bends[-1]] == ends
        steps = {far[0] - near[0] for near, far in itertools.pairwise(bends)}
        assert steps in ({0}, {1}, {-1})
        assert source == target or steps != {0}


def test_without_cycles_every_arrow_goes_down() -> None:
    """A box stands below all that lead to it."""
    arrows = [("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")]
    layout = place_boxes(dict.fromkeys("abcd", 50.0), arrows)
    assert [layout.places[key].layer for key in "abcd"] == [0, 1, 2, 0]
    assert [len(bends) for bends in layout.bends] == [2, 2, 3, 3]

"""References in compressed form can be turned around without losing any."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heapscope.graph.references import References


@given(st.lists(st.lists(st.integers(0, 7), max_size=6), min_size=8, max_size=8))
def test_reversed_holds_every_reference_the_other_way(lists: list[list[int]]) -> None:
    """Duplicates and loops included, sources ascending."""
    offsets = np.cumsum([0, *(len(targets) for targets in lists)], dtype=np.uint64)
    targets = np.array([target for targets in lists for target in targets], dtype=np.uint32)
    turned = References(offsets, targets).reversed()
    expected = [[source for source in range(8) for target in lists[source] if target == index] for index in range(8)]
    assert [turned.of(index).tolist() for index in range(8)] == expected
    assert turned.counts().sum() == targets.size

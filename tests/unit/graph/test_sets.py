"""Sets of object indexes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heapscope.graph.sets import distinct


@given(st.lists(st.integers(0, 2**32 - 1), max_size=40))
def test_distinct_values_come_once_and_in_order(values: list[int]) -> None:
    """None at all gives none; the type stays."""
    found = distinct(np.array(values, dtype=np.uint32))
    assert found.tolist() == sorted(set(values))
    assert found.dtype == np.uint32

"""Transforms of blocks: exact for all values, and equal to their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapscope.snapshot.layout import Transform
from heapscope.snapshot.transforms import NEAR_LIMIT, backward, forward, referring_objects

U64 = (1 << 64) - 1
U32 = (1 << 32) - 1
words = st.lists(st.integers(0, U64) | st.integers(0, 300), min_size=1, max_size=60)
numbers = st.lists(st.integers(0, U32) | st.integers(0, 20_000), min_size=1, max_size=60)


def there_and_back(transform: Transform, values: np.ndarray, against: np.ndarray | None = None) -> list[int]:
    """Transform and undo it."""
    coded = forward(transform, values, against)
    assert coded is not None
    assert coded[0].dtype == values.dtype
    back: list[int] = backward(transform, coded[0].copy(), coded[1], against).tolist()
    return back


@pytest.mark.parametrize("transform", [Transform.PLAIN, Transform.DELTA, Transform.STEPS, Transform.PLUS_ONE])
@given(values=words)
def test_words_survive(transform: Transform, values: list[int]) -> None:
    """Whatever they are, wrapping included."""
    assert there_and_back(transform, np.array(values, dtype="<u8")) == values


@given(values=words, others=st.integers(0, U64))
def test_a_difference_to_another_column_survives(values: list[int], others: int) -> None:
    """Also where it is negative."""
    against = np.array([others ^ value >> 1 for value in values], dtype="<u8")
    assert there_and_back(Transform.ABOVE, np.array(values, dtype="<u8"), against) == values


@given(pairs=st.lists(st.tuples(st.integers(0, U32 - NEAR_LIMIT), st.integers(-10_000, 10_000)), min_size=1))
def test_object_numbers_survive_near_and_far(pairs: list[tuple[int, int]]) -> None:
    """Close to the referring object, far from it, and on both edges of what is near."""
    targets = [target for target, _ in pairs]
    owners = np.array([min(max(target + step, 0), U32) for target, step in pairs], dtype="<u4")
    assert there_and_back(Transform.NEAR, np.array(targets, dtype="<u4"), owners) == targets


@pytest.mark.parametrize("step", [0, 1, -1, 4095, 4096, -4096, -4097, 1 << 20])
def test_near_references_become_small_numbers(step: int) -> None:
    """Under the limit as a zigzag difference, else above it as they are."""
    owner = 1 << 21
    coded = forward(Transform.NEAR, np.array([owner + step], dtype="<u4"), np.array([owner], dtype="<u4"))
    assert coded is not None
    zigzag = 2 * step if step >= 0 else -2 * step - 1
    assert coded[0].tolist() == [zigzag if zigzag < NEAR_LIMIT else owner + step + NEAR_LIMIT]


def test_object_numbers_that_would_not_fit_are_left_to_plain() -> None:
    """The last eight thousand of four thousand million."""
    owners = np.array([5], dtype="<u4")
    assert forward(Transform.NEAR, np.array([U32 - NEAR_LIMIT + 1], dtype="<u4"), owners) is None
    assert forward(Transform.NEAR, np.array([U32 - NEAR_LIMIT], dtype="<u4"), owners) is not None


@given(values=st.lists(st.integers(0, 12), min_size=1, max_size=40), cut=st.integers(1, 39))
def test_numbers_in_order_of_appearance_survive_in_blocks(values: list[int], cut: int) -> None:
    """Each block knows how many appeared before it; a new one is a one."""
    seen = {0: 0}
    ordered = [seen.setdefault(value, len(seen)) for value in values]
    before = 0
    for part in (ordered[:cut], ordered[cut:]):
        if part:
            block = np.array(part, dtype="<u8")
            coded = forward(Transform.FIRST_SEEN, block, np.array([before], dtype="<u8"))
            assert coded is not None
            fresh = [number > max([before, *part[:at]]) for at, number in enumerate(part)]
            assert [code == 1 for code in coded[0].tolist()] == fresh
            assert backward(Transform.FIRST_SEEN, coded[0].copy(), coded[1], None).tolist() == part
            before = max(before, *part)


@given(counts=st.lists(st.integers(0, 5), min_size=1, max_size=40), data=st.data())
def test_references_know_their_objects(counts: list[int], data: st.DataObject) -> None:
    """For every stretch of references; objects without any are skipped."""
    owners = [owner for owner, count in enumerate(counts) for _ in range(count)]
    offsets = np.concatenate(([0], np.cumsum(counts))).astype("<u8")
    if owners:
        start = data.draw(st.integers(0, len(owners) - 1))
        stop = data.draw(st.integers(start + 1, len(owners)))
        assert referring_objects(offsets, start, stop).tolist() == owners[start:stop]


@given(coded=numbers, base=st.integers(0, U64), transform=st.sampled_from(list(Transform)))
def test_any_coded_values_can_be_undone(coded: list[int], base: int, transform: Transform) -> None:
    """A hostile file gives wrong values, and nothing worse."""
    for dtype in ("<u4", "<u8"):
        against = np.zeros(len(coded), dtype=dtype)
        values = backward(transform, np.array(coded, dtype=dtype), base, against)
        assert (values.dtype, values.size) == (np.dtype(dtype), len(coded))

"""Numbers for fingerprints: in order of appearance, exact whatever the values."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapscope.errors import Cancelled
from heapscope.oversight import Oversight
from heapscope.snapshot.fingerprints import number_contents


def numbered(values: list[int]) -> list[int]:
    """Number them slowly."""
    seen = {0: 0}
    return [seen.setdefault(value, len(seen)) for value in values]


# Few different ones, ones that differ in their lowest bits only, and any.
values = st.sampled_from([0, 1, 2, 1 << 63, (1 << 63) + 1]) | st.integers(0, 40) | st.integers(0, (1 << 64) - 1)


@given(st.lists(values, max_size=200))
def test_numbers_are_those_of_the_slow_way(contents: list[int]) -> None:
    """Zero stays zero."""
    assert number_contents(np.array(contents, dtype="<u8")).tolist() == numbered(contents)


def test_values_that_agree_in_their_upper_bits_are_kept_apart() -> None:
    """The sort compares the upper bits of mixed values only: here they all collide, and come interleaved."""
    unmix = pow(0x9E3779B97F4A7C15, -1, 1 << 64)
    contents = [((7 << 61) + at % 3) * unmix % (1 << 64) for at in range(1000)]
    assert number_contents(np.array(contents, dtype="<u8")).tolist() == numbered(contents)


def test_many_values_on_threads() -> None:
    """Repeated and single ones over all buckets, the buckets in any order."""
    random = np.random.default_rng(3)
    contents = random.integers(0, 60_000, 200_000).astype("<u8") * np.uint64(0xC2B2_AE3D_27D4_EB4F)
    backwards = number_contents(contents, lambda function, numbers: map(function, reversed(list(numbers))))
    assert backwards.tolist() == numbered(contents.tolist())


def test_numbering_gives_up_at_every_question() -> None:
    """However far it has come: the next question ends it, and there are questions up to its end."""
    fingerprint = np.arange(1 << 18, dtype=np.uint64)
    asked = 0

    def count() -> bool:
        nonlocal asked
        asked += 1
        return False

    def reached(last: int) -> bool:
        return count() or asked >= last

    number_contents(fingerprint, oversight=Oversight(count))
    whole = asked
    for last in (1, whole // 2, whole):
        asked = 0
        with pytest.raises(Cancelled):
            number_contents(fingerprint, oversight=Oversight(partial(reached, last)))

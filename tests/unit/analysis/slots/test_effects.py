"""What slots do to time, per version, and the warning against half a conversion."""

from __future__ import annotations

import dataclasses

import pytest

from heapscope.analysis.slots.costs import ClassCosts
from heapscope.analysis.slots.effects import partial_note, speed_note
from heapscope.analysis.slots.model import Cost

COSTS = ClassCosts("app.Item", 10, Cost(960, 960), {}, Cost(0, 0), None, None)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ((3, 8), "Python 3.8: making an instance is 26 to 40 % faster with slots; reading about 20 % faster"),
        ((3, 12), "Python 3.12: making an instance is 9 to 14 % faster with slots; reading as fast as now"),
        ((3, 14), "Python 3.14: making an instance is 2 to 13 % faster with slots; reading as fast as now"),
        ((3, 99), "Python 3.99: time with slots was not measured; --verify measures it"),
    ],
)
def test_time_is_said_per_version(version: tuple[int, int], words: str) -> None:
    """With the version, since it differs so much."""
    assert speed_note(version) == words


def test_on_313_it_depends_on_the_patch_release() -> None:
    """The first ones were slower."""
    assert "15 to 38 % slower in 3.13.0" in speed_note((3, 13))


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (None, ""),
        (Cost(640, 640), ""),
        (Cost(960, 960), "saves nothing"),
        (Cost(4160, 4160), "costs 320 bytes more per instance"),
    ],
)
def test_half_a_conversion_is_warned_of(leaf: Cost | None, words: str) -> None:
    """Where it saves nothing, and where it costs."""
    note = partial_note(dataclasses.replace(COSTS, leaf_only=leaf))
    assert words in note
    assert bool(words) == bool(note)

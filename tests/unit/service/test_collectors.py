"""Which collectors are tried for which target."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heapscope.errors import UnsupportedTarget
from heapscope.service.capture import CaptureOptions, capture
from heapscope.service.collectors import NATIVE, PYTHON, rungs_of
from tests.support.fakes import TARGET, FakeClone, FakeSurroundings, empty_stream

FREE_THREADED = replace(TARGET, free_threaded=True)


def test_the_compiled_walker_comes_first_where_it_knows_the_objects() -> None:
    """And the one in Python stands behind it."""
    assert rungs_of("auto") == (NATIVE, PYTHON, PYTHON)
    assert set(rungs_of("python")) == set(rungs_of("auto", is_free_threaded=True)) == {PYTHON}


def test_a_free_threaded_target_gets_one_clone_and_the_walker_in_python() -> None:
    """No clone is made for a walker that would refuse it."""
    world = FakeSurroundings([FakeClone(empty_stream())], target=FREE_THREADED)
    snapshot = capture(TARGET.pid, surroundings=world)
    assert snapshot.meta.collector == "python-clone"
    assert world.runs_python == [True]


def test_the_compiled_walker_is_refused_to_a_free_threaded_target_before_any_clone() -> None:
    """With the collector that works as the hint."""
    world = FakeSurroundings([], target=FREE_THREADED)
    with pytest.raises(UnsupportedTarget) as caught:
        capture(TARGET.pid, CaptureOptions(collector="native"), surroundings=world)
    assert "--collector python" in caught.value.hint
    assert world.vias == []

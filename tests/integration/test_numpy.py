"""numpy hides what its arrays hold from the collector; a capture shows it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heapscope.service.capture import capture
from tests.support.counting import count_of
from tests.support.invariants import unharmed
from tests.support.pythons import probe
from tests.support.targets import Situation, running

pytestmark = pytest.mark.integration

HELD_COUNT = 777
BASE_BYTES = 8_000_000


def test_objects_in_arrays_and_bases_of_views_are_recorded() -> None:
    """The target runs in this virtual environment, which has numpy."""
    python = probe(Path(sys.executable))
    assert python is not None
    with (
        running(replace(python, path=Path(sys.executable)), Situation("numpy", "numpy_arrays.py")) as target,
        unharmed(target),
    ):
        snapshot = capture(target.pid)
    assert count_of(snapshot, "numpy_arrays.HeldByArray") + count_of(snapshot, "__main__.HeldByArray") == HELD_COUNT
    arrays = [index for index, kind in enumerate(snapshot.types) if kind.name == "numpy.ndarray"]
    sizes = snapshot.shallow[np.isin(snapshot.type_index, arrays)]
    assert sizes.max() >= BASE_BYTES
    assert np.count_nonzero(sizes >= BASE_BYTES) == 1

"""What heapscope counts is what objgraph counts, which asks the collector from inside the target."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heapscope.service.capture import capture
from heapscope.snapshot.model import Snapshot
from heapscope.wire.protocol import Flag
from tests.support.invariants import unharmed
from tests.support.pythons import probe
from tests.support.targets import Situation, running

pytestmark = [pytest.mark.integration, pytest.mark.apart]

RESTLESS = {
    "builtins.cell",
    "builtins.dict",
    "builtins.frame",
    "builtins.function",
    "builtins.generator",
    "builtins.list",
    "builtins.tuple",
    "weakref.ReferenceType",
}
"""Answering makes some of these after the census, and leaves some as garbage in cycles."""


def tracked_by_name(snapshot: Snapshot) -> Counter[str]:
    """Count the objects that the collector knows, by type name."""
    tracked = (snapshot.flags & Flag.TRACKED) != 0
    counts = np.bincount(snapshot.type_index[tracked], minlength=len(snapshot.types))
    found: Counter[str] = Counter()
    for kind, count in zip(snapshot.types, counts.tolist(), strict=True):
        found[kind.name] += count
    return found


def test_the_census_equals_that_of_objgraph() -> None:
    """Every type that the collector tracks, classes of the program and of the library, each to the object."""
    python = probe(Path(sys.executable))
    assert python is not None
    with (
        running(replace(python, path=Path(sys.executable)), Situation("objgraph", "objgraph_census.py")) as target,
        unharmed(target),
    ):
        theirs = target.ask()["extra"]["census"]
        snapshot = capture(target.pid)
    ours = tracked_by_name(snapshot)
    compared = {name: count for name, count in theirs.items() if name not in RESTLESS}
    assert {name: ours[name] for name in compared} == compared
    assert compared["__main__.Node"] == 500
    assert compared["__main__.Leaf"] == 200
    assert len(compared) > 50

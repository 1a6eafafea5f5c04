"""The helper that checks the safety contract sees each kind of harm, and sees none where there is none."""

from __future__ import annotations

import time

import pytest

from tests.support.invariants import record, settled_differences, unharmed
from tests.support.pythons import Python
from tests.support.situations import situation_params
from tests.support.targets import Situation, running, situation_named

pytestmark = pytest.mark.integration

PATIENCE_S = 60.0
HARMS = {
    "fd": "descriptors",
    "module": "modules",
    "path": "path",
    "dict": "materialised_dicts",
    "thread": "threads",
    "signal": "thread_signal_masks",
    "gc": "gc",
    "freeze": "gc",
    "zombie": "zombies",
    "orphan": "processes made from the target",
    "memory": "rss",
    "executable": "new mappings",
    "warnings": "warnings",
    "answer": "answer",
    "nice": "priorities",
}


@pytest.mark.parametrize("kind", sorted(HARMS))
def test_each_kind_of_harm_is_seen(kind: str, one_python: Python) -> None:
    """A target that does to itself what a capture must not do is reported, by the right name."""
    with running(one_python, situation_named("event wait")) as target:
        before = record(target)
        target.harm(kind)
        end = time.monotonic() + PATIENCE_S  # a child may take a while to become a zombie
        while not _names(found := settled_differences(before, target, settle_s=0.0), kind) and time.monotonic() < end:
            pass
    if kind == "dict" and one_python.minor < (3, 11):
        pytest.skip("every instance has a dict object before 3.11")
    assert _names(found, kind), found


def _names(found: list[str], kind: str) -> bool:
    return any(line.startswith(HARMS[kind]) for line in found)


@pytest.mark.parametrize("situation", situation_params())
def test_a_target_left_alone_is_unharmed(situation: Situation, one_python: Python) -> None:
    """Watching alone changes nothing, in every situation."""
    with running(one_python, situation) as target, unharmed(target):
        assert target.ask("facts")["markers"] == target.marker_count > 0

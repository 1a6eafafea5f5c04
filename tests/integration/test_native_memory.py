"""The compiled walker's memory does not grow with the shape of the heap, and hardly with its size; nothing is left out."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from heapscope.service.capture import CaptureOptions, CaptureProgress, capture
from heapscope.snapshot.model import Snapshot
from tests.support.counting import count_of
from tests.support.invariants import unharmed
from tests.support.pythons import Python
from tests.support.targets import Situation, Target, children_of, running

pytestmark = pytest.mark.integration

TIMEOUT_S = 280.0
DIRTY_SHARE = 0.02
DIRTY_BASE = 16 << 20
CASES = [("chain", 300_000), ("untracked", 300_000), ("nested", 300_000), ("lists", 300_000), ("numbers", 500_000)]
LARGE_CASES = [("chain", 10_000_000), ("untracked", 3_000_000), ("nested", 3_000_000), ("numbers", 2_000_000)]
OBJECTS_EACH = {"chain": 1, "untracked": 2, "nested": 2, "lists": 1, "numbers": 1}
SHARED_SMALL_INTS = 300


def private_dirty_bytes(pid: int) -> int:
    """Return what a process has written to alone; 0 once it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Private_Dirty:"):
                return int(line.split()[1]) * 1024
    return 0


class DirtyMemory:
    """Samples the clone's own memory at each report, and in between."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.most = 0
        self.samples = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def sample(self, _: CaptureProgress | None = None) -> None:
        """Look once."""
        for child in children_of(self.target.pid):
            found = private_dirty_bytes(child)
            self.most = max(self.most, found)
            self.samples += found > 0

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.sample()


def captured(python: Python, kind: str, count: int) -> tuple[Snapshot, DirtyMemory]:
    """Capture a structure of ``count`` parts with the compiled walker."""
    situation = Situation(kind, "native_large.py", (kind, str(count)), rss_slack_bytes=1 << 20)
    with running(python, situation) as target, unharmed(target), DirtyMemory(target) as dirty:
        chosen = CaptureOptions(collector="native", timeout_s=TIMEOUT_S)
        return capture(target.pid, chosen, dirty.sample), dirty


def assert_complete_and_bounded(python: Python, kind: str, count: int) -> None:
    """Every part is there, once, with its reference to the next; the clone wrote little."""
    snapshot, dirty = captured(python, kind, count)
    least = count * OBJECTS_EACH[kind] - SHARED_SMALL_INTS
    assert least <= snapshot.object_count <= least + 60_000
    assert len(np.unique(snapshot.address)) == snapshot.object_count
    if kind == "chain":
        assert count_of(snapshot, "__main__.Link") == count
    assert longest_path(snapshot, kind) >= (count if kind in {"chain", "nested", "lists"} else 0)
    assert dirty.samples > 0
    assert dirty.most <= DIRTY_SHARE * snapshot.meta.rss_before_bytes + DIRTY_BASE


def longest_path(snapshot: Snapshot, kind: str) -> int:
    """Follow a chain from its newest part to its oldest: how many parts there are."""
    name = {"chain": "__main__.Link", "nested": "builtins.tuple", "lists": "builtins.list"}.get(kind)
    numbers = [number for number, each in enumerate(snapshot.types) if each.name == name]
    if not numbers:
        return 0
    offsets, targets, types = snapshot.reference_offsets, snapshot.reference_targets, snapshot.type_index
    follows = np.full(snapshot.object_count, -1, dtype=np.int64)
    sources = np.repeat(np.arange(snapshot.object_count), np.diff(offsets).astype(np.int64))
    is_link = (types[sources] == numbers[0]) & (types[targets] == numbers[0])
    follows[sources[is_link]] = targets[is_link]
    first = np.setdiff1d(sources[is_link], targets[is_link])
    longest = 0
    for start in first.tolist():
        length, at = 1, int(follows[start])
        while at >= 0:
            length, at = length + 1, int(follows[at])
        longest = max(longest, length)
    return longest


@pytest.mark.parametrize(("kind", "count"), CASES)
def test_deep_and_wide_structures_are_complete_and_cheap(one_python: Python, kind: str, count: int) -> None:
    """No recursion, no list of all objects."""
    assert_complete_and_bounded(one_python, kind, count)


@pytest.mark.slow
@pytest.mark.matrix
@pytest.mark.parametrize(("kind", "count"), LARGE_CASES)
def test_large_structures_are_complete_and_cheap(any_python: Python, kind: str, count: int) -> None:
    """The same, large, under every interpreter."""
    if any_python.free_threaded:
        pytest.skip("has no native rung")
    assert_complete_and_bounded(any_python, kind, count)

"""Capture after capture: neither the target nor heapscope grows, and nothing piles up in either."""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from heapscope.service.capture import CaptureOptions, capture
from heapscope.snapshot.model import Snapshot
from tests.support.counting import count_of
from tests.support.invariants import unharmed
from tests.support.pythons import Python
from tests.support.targets import MARKER_TYPE, Target, children_of, running, situation_named

pytestmark = pytest.mark.integration

CHURNING = "GC churn"  # a minute of processor time
SITUATIONS = ("long sleep", CHURNING, "asyncio server")
SHORT, LONG = 9, 200
WARM_UP = 3  # imports, the heap's first arenas
HELPERS_END_S = 20.0
_LIBC = ctypes.CDLL(None)
HOST_SLACK = 2 << 20  # one snapshot of these targets has more: keeping a few is seen


@dataclass(frozen=True, slots=True)
class HostVitals:
    """What of this process must not pile up."""

    descriptors: frozenset[str]
    threads: int
    children: tuple[int, ...]


def host_vitals(known: list[int]) -> HostVitals:
    """Read them; helpers of earlier captures, all children that are not known, get time to end."""
    gc.collect()  # what other tests left open goes now, not between two readings
    end = time.monotonic() + HELPERS_END_S
    while (children := children_of(os.getpid())) and set(children) - set(known) and time.monotonic() < end:
        capture_helpers_are_collected()
        time.sleep(0.02)
    return HostVitals(frozenset(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), tuple(children))


def capture_helpers_are_collected() -> None:
    """Reap ended helpers as the next capture would."""
    from heapscope.inject.client import _Reaper

    for helper in _Reaper._helpers:
        helper.poll()


def anonymous_bytes() -> int:
    """Return what this process has in memory of its own, without what malloc keeps for later: other tests left room there."""
    _LIBC.malloc_trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not say RssAnon")


def growth(sizes: list[int]) -> int:
    """Return by how much the last third lies above the first third, by their medians: one odd reading decides nothing."""
    third = len(sizes) // 3
    return int(statistics.median(sizes[-third:]) - statistics.median(sizes[:third]))


def soak(target: Target, captures: int, kept: list[Snapshot] | None = None) -> list[int]:
    """Capture again and again, checking each; return the host's memory after each, in bytes."""
    sizes = []
    for _ in range(captures):
        snapshot = capture(target.pid, CaptureOptions(timeout_s=120, collector="native"))
        assert count_of(snapshot, MARKER_TYPE) == target.marker_count
        if kept is not None:
            kept.append(snapshot)
        del snapshot
        sizes.append(anonymous_bytes())
    return sizes


def check_soak(python: Python, name: str, captures: int) -> None:
    """Warm up, then soak: the target is unharmed, nothing of the host has piled up."""
    faulthandler.cancel_dump_traceback_later()  # the test runner's watchdog is a thread that ends when a test is slow
    with running(python, situation_named(name)) as target:
        known = children_of(os.getpid())
        soak(target, WARM_UP)
        before = host_vitals(known)
        with unharmed(target):
            sizes = soak(target, captures)
        after = host_vitals(known)
        assert after.descriptors - before.descriptors == set()
        assert after.threads <= before.threads  # one of another test may come to its end
        assert set(after.children) - set(before.children) == set()
        assert growth(sizes) <= HOST_SLACK, sizes


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.matrix if name == CHURNING else ()) for name in SITUATIONS]
)
def test_nine_captures_leave_nothing_behind(name: str, one_python: Python) -> None:
    """In a target that sleeps, one that serves; one that makes and collects garbage."""
    check_soak(one_python, name, SHORT)


@pytest.mark.matrix
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SITUATIONS)
def test_two_hundred_captures_leave_nothing_behind(name: str, any_python: Python) -> None:
    """The same on every interpreter found, long enough for 10 KB a capture to show."""
    check_soak(any_python, name, LONG)


@pytest.mark.slow
def test_the_soak_sees_snapshots_that_are_kept(one_python: Python) -> None:
    """The measure is fine enough: a host that forgets to let go of its snapshots is over the mark."""
    kept: list[Snapshot] = []
    with running(one_python, situation_named("long sleep")) as target:
        soak(target, WARM_UP)
        assert growth(soak(target, 9, kept)) > HOST_SLACK
    assert len(kept) == 9

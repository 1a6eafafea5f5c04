"""pyrasite, that is gdb: its word is not taken. What counts is whether the clone came to be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from heapscope.errors import CaptureInconsistent, HeapscopeError, TargetGone
from heapscope.service.capture import CaptureOptions, capture
from heapscope.snapshot.model import Snapshot
from tests.support.counting import count_of
from tests.support.pythons import Python
from tests.support.targets import MARKER_TYPE, children_of, running, situation_named

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed"),
]


def files_of_ours() -> set[Path]:
    """Return what a script injector may have left in the shared memory folder."""
    return set(Path("/dev/shm").glob("heapscope-*"))


def test_pyrasite_makes_a_clone_or_says_that_it_did_not(one_python: Python) -> None:
    """Gdb cannot call functions on every build, kernel and processor, and pyrasite reports success then; heapscope does not.

    What gdb does to the target on the way is not heapscope's to promise: the target may even end.
    """
    before = files_of_ours()
    with running(one_python, situation_named("long sleep")) as target:
        snapshot: Snapshot | None = None
        failure: HeapscopeError | None = None
        try:
            snapshot = capture(target.pid, CaptureOptions(via="pyrasite", timeout_s=60))
        except (CaptureInconsistent, TargetGone) as error:
            failure = error
        if snapshot is not None:
            assert count_of(snapshot, MARKER_TYPE) == target.marker_count
            assert snapshot.meta.injector == "pyrasite"
        elif isinstance(failure, TargetGone):
            assert not target.is_running()
        else:
            assert failure is not None
            assert "--via ptrace" in failure.hint
        assert children_of(target.pid) == []
    assert files_of_ours() == before

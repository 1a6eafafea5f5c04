"""A kernel that does not overcommit: a clone that it would not grant is refused with figures, a small one is captured.

For some seconds the setting is the whole machine's, so HEAPSCOPE_TEST_OVERCOMMIT=1 must allow it. Whoever else is at work there
keeps ROOM_FOR_OTHERS to be promised.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from heapscope.errors import ExitCode
from tests.support.command_line import run_heapscope
from tests.support.invariants import unharmed
from tests.support.pythons import Python
from tests.support.targets import Situation, running, situation_named

pytestmark = [pytest.mark.integration, pytest.mark.root, pytest.mark.slow]

SWITCH = "HEAPSCOPE_TEST_OVERCOMMIT"
VM = Path("/proc/sys/vm")
ROOM_FOR_OTHERS = 4 << 30
PROMISED = 6 << 30
CAREFUL = "2"


def committed_bytes() -> int:
    """Return what the kernel has promised to all processes."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Committed_AS:")) * 1024


@contextlib.contextmanager
def no_overcommit() -> Iterator[None]:
    """Have the kernel promise ROOM_FOR_OTHERS more than it has promised now, and nothing beyond; then all is as before."""
    if os.environ.get(SWITCH) != "1":
        pytest.skip(f"would set vm.overcommit_memory for the whole machine: {SWITCH}=1 allows it")
    before = {name: (VM / name).read_text() for name in ("overcommit_memory", "overcommit_ratio", "overcommit_kbytes")}
    undo = "overcommit_kbytes" if before["overcommit_kbytes"].strip() != "0" else "overcommit_ratio"
    try:
        (VM / "overcommit_kbytes").write_text(str((committed_bytes() + ROOM_FOR_OTHERS) // 1024))
        (VM / "overcommit_memory").write_text(CAREFUL)
    except OSError as error:
        pytest.skip(f"vm.overcommit_memory cannot be set here: {error.strerror}")
    try:
        yield
    finally:
        (VM / "overcommit_memory").write_text(before["overcommit_memory"])
        (VM / undo).write_text(before[undo])  # either of the two sets the other to 0


def promised() -> Situation:
    """Return a target whose clone would be promised more than there is."""
    return Situation("promised", "restricted.py", ("promised", str(PROMISED)))


def test_a_clone_that_would_not_be_granted_is_refused_before(one_python: Python, tmp_path: Path) -> None:
    """What it would be charged, what the kernel has left, and the way round."""
    with running(one_python, promised()) as target, unharmed(target), no_overcommit():
        done = run_heapscope("snapshot", str(target.pid), "-o", str(tmp_path / "out"))
        doctor = run_heapscope("doctor", str(target.pid))
    assert (done.returncode, doctor.returncode) == (ExitCode.BUDGET, ExitCode.BUDGET), done.stderr
    assert "is charged 6." in done.stderr
    assert "all the memory that it may write, but vm.overcommit_memory=2 leaves 3." in done.stderr
    assert "sudo sysctl vm.overcommit_memory=0" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_clone_that_the_kernel_does_not_grant_is_explained(one_python: Python, tmp_path: Path) -> None:
    """With the judgement passed over: its ENOMEM, at once, and nothing is left in the target."""
    with running(one_python, promised()) as target, unharmed(target), no_overcommit():
        done = run_heapscope("snapshot", str(target.pid), "-o", str(tmp_path / "out"), "--ignore-head-room")
    assert done.returncode == ExitCode.BUDGET, done.stderr
    assert "the kernel does not grant the memory (ENOMEM" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_small_target_is_captured_where_the_kernel_does_not_overcommit(one_python: Python, tmp_path: Path) -> None:
    """The walker's own tables are promised as well: they are small."""
    with running(one_python, situation_named("event wait")) as target, unharmed(target), no_overcommit():
        done = run_heapscope("snapshot", str(target.pid), "--format", "json", "-o", str(tmp_path / "out"))
    assert done.returncode == ExitCode.OK, done.stderr
    assert json.loads(done.stdout)["collector"] == "native-clone"

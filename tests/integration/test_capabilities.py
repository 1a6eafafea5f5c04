"""Another user's process: three capabilities are enough, and with fewer nothing is touched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import run_heapscope
from tests.support.invariants import settled_differences, settled_record
from tests.support.pythons import Python
from tests.support.targets import Target, running, situation_named

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (util-linux)"),
]
NOBODY = "1999"


@pytest.fixture(scope="module")
def foreign(one_python: Python) -> Iterator[Target]:
    """A target of root, looked at by somebody else."""
    with running(one_python, situation_named("event wait")) as target:
        yield target


def as_nobody(capabilities: str) -> list[str]:
    """Return the words that run a command as another user, with these capabilities and no others."""
    words = [f"--{kind}=-all,{capabilities}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", *words]


def test_three_capabilities_are_enough_and_the_compiled_walker_is_used(foreign: Target, tmp_path: Path) -> None:
    """/proc/PID/mem may not be written to: the walker's pages are filled through ptrace."""
    tmp_path.chmod(0o777)
    before = settled_record(foreign)
    wrapper = as_nobody("+sys_ptrace,+dac_read_search,+kill")
    path = str(tmp_path / "x.heapscope")
    done = run_heapscope("snapshot", str(foreign.pid), "-o", path, "--format", "json", wrapper=wrapper)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["collector"] == "native-clone"
    assert settled_differences(before, foreign) == []


def test_without_the_right_to_end_the_clone_none_is_made(foreign: Target, tmp_path: Path) -> None:
    """It would be left behind until its alarm."""
    tmp_path.chmod(0o777)
    before = settled_record(foreign)
    wrapper = as_nobody("+sys_ptrace,+dac_read_search")
    done = run_heapscope("snapshot", str(foreign.pid), "-o", str(tmp_path / "x"), wrapper=wrapper)
    assert done.returncode == 6
    assert "another user's: that takes CAP_KILL too" in done.stderr
    assert settled_differences(before, foreign) == []

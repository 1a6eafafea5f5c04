"""What cannot work ends with a clear message and the documented exit code: no traceback, no partial file."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from heapscope.errors import ExitCode
from tests.support.command_line import RUN_TIMEOUT_S, heapscope_words, run_heapscope
from tests.support.invariants import unharmed
from tests.support.pythons import Python
from tests.support.targets import Target, children_of, running, situation_named

pytestmark = pytest.mark.integration

ATTEMPTS = 5  # to meet a walk, on a machine that may give this test its turn when the walk is over


def assert_refused(done: subprocess.CompletedProcess[str], code: ExitCode) -> None:
    """The command failed on purpose: the right code, a message, nothing on stdout."""
    assert done.returncode == code, done.stderr
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def dead_pid() -> int:
    """Return the pid of a process that has just ended."""
    process = subprocess.Popen([shutil.which("true") or "/bin/true"])
    process.wait()
    return process.pid


def test_a_dead_pid_is_reported(tmp_path: Path) -> None:
    """The process is gone."""
    done = run_heapscope("snapshot", str(dead_pid()), "-o", str(tmp_path / "out"))
    assert_refused(done, ExitCode.TARGET_GONE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", ["0", "-5", "99999999999", "abc"])
def test_a_word_that_is_no_pid_is_reported(words: str, tmp_path: Path) -> None:
    """Numbers that cannot be, and no numbers."""
    done = run_heapscope("snapshot", "-o", str(tmp_path / "out"), "--", words)
    assert done.returncode in {ExitCode.USAGE, ExitCode.TARGET_GONE}
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_not_python_is_reported(tmp_path: Path) -> None:
    """A shell utility has no heap of Python objects."""
    process = subprocess.Popen([shutil.which("sleep") or "/bin/sleep", "600"])
    try:
        assert_refused(run_heapscope("snapshot", str(process.pid), "-o", str(tmp_path / "out")), ExitCode.UNSUPPORTED)
    finally:
        process.kill()
        process.wait()
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_path_is_reported_before_the_target_is_touched(one_python: Python, tmp_path: Path) -> None:
    """The folder does not exist."""
    with running(one_python, situation_named("event wait")) as target:
        done = run_heapscope("snapshot", str(target.pid), "-o", str(tmp_path / "missing" / "out"))
    assert_refused(done, ExitCode.SNAPSHOT_FILE)


@pytest.mark.root
def test_no_permission_is_reported(one_python: Python, tmp_path: Path) -> None:
    """A process with a capability that heapscope does not have: the kernel refuses, as for another user's process."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv (util-linux) is missing")
    without = (setpriv, "--bounding-set=-sys_ptrace", "--")
    with running(one_python, situation_named("event wait")) as target:
        done = run_heapscope("snapshot", str(target.pid), "-o", str(tmp_path / "out"), wrapper=without)
    assert_refused(done, ExitCode.PERMISSION)
    assert list(tmp_path.iterdir()) == []


_AS_NOBODY = """
import os, sys
sys.path[:] = sys.argv[2].split(os.pathsep)
import heapscope.cli.command_snapshot, heapscope.cli.log, heapscope.service.sources, heapscope.service.capture
import heapscope.snapshot.file, heapscope.target.discovery
import difflib, tempfile, traceback  # imported when needed: the other user may be unable to
from heapscope.cli.main import main
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
os.chdir(sys.argv[3])
sys.argv[1:] = ["snapshot", sys.argv[1], "-o", "out"]
sys.exit(main())
"""


@pytest.mark.root
def test_a_process_of_another_user_is_refused(one_python: Python) -> None:
    """As uid 65534, with everything imported before: that user need not be able to read this environment."""
    with tempfile.TemporaryDirectory() as folder, running(one_python, situation_named("event wait")) as target:
        Path(folder).chmod(0o777)
        words = [sys.executable, "-c", _AS_NOBODY, str(target.pid), os.pathsep.join(sys.path), folder]
        with unharmed(target):
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=RUN_TIMEOUT_S)
        assert_refused(done, ExitCode.PERMISSION)
        assert f"sudo heapscope attach {target.pid}" in done.stderr
        assert list(Path(folder).iterdir()) == []


def test_a_file_that_grows_too_big_leaves_nothing(one_python: Python, tmp_path: Path) -> None:
    """The limit is met in the middle of writing, as on a full disk: no part of the file stays, nor does an old one suffer."""
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        pytest.skip("prlimit (util-linux) is missing")
    old = tmp_path / "old"
    old.write_bytes(b"old")
    with running(one_python, situation_named("event wait")) as target:
        for path in (tmp_path / "new", old):
            words = ("snapshot", str(target.pid), "--overwrite", "-o", str(path))
            done = run_heapscope(*words, wrapper=(prlimit, "--fsize=16384", "--"))
            assert_refused(done, ExitCode.SNAPSHOT_FILE)
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


def wait_for_clone(target: Target, capturing: subprocess.Popen[str]) -> None:
    """Wait until the target has a child that has arranged itself as a clone, or the capture is over."""
    while capturing.poll() is None:
        for child in children_of(target.pid):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().startswith("heapscope:"):
                    return
        time.sleep(0.001)


@pytest.mark.parametrize("with_its_group", [False, True], ids=["the process", "its group"])
def test_a_target_killed_while_it_is_walked_is_reported_or_complete(
    with_its_group: bool, one_python: Python, tmp_path: Path
) -> None:
    """The clone has all it needs: alone, it may finish. Killed as well, the error names the cause and there is no file."""
    for attempt in range(ATTEMPTS):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        done = killed_while_walked(one_python, folder / "out", os.killpg if with_its_group else os.kill)
        if done.returncode != ExitCode.OK:
            break
        # The walk was over before the signal came; killed alone, that is as good.
        assert run_heapscope("types", str(folder / "out")).returncode == ExitCode.OK
        if not with_its_group:
            return
    assert_refused(done, ExitCode.TARGET_GONE)
    assert list(folder.iterdir()) == []


def killed_while_walked(
    python: Python, path: Path, kill: Callable[[int, int], None]
) -> subprocess.CompletedProcess[str]:
    """Capture a target, and kill it as soon as its clone is there."""
    with running(python, situation_named("ticking", "100000")) as target:
        process = subprocess.Popen(
            heapscope_words("--quiet", "snapshot", str(target.pid), "-o", str(path)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for_clone(target, process)
        kill(target.pid, signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=RUN_TIMEOUT_S)
    return subprocess.CompletedProcess([], process.returncode, stdout, stderr)


def test_a_corrupted_file_is_reported(one_python: Python, tmp_path: Path) -> None:
    """Some bytes of a real snapshot file are flipped, one at a time; cut short, it is refused as well."""
    whole = tmp_path / "whole.heapscope"
    with running(one_python, situation_named("event wait")) as target:
        assert run_heapscope("snapshot", str(target.pid), "-o", str(whole)).returncode == ExitCode.OK
    data = whole.read_bytes()
    damaged = tmp_path / "damaged.heapscope"
    for place in (0, len(data) // 3, len(data) - 1):
        damaged.write_bytes(data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :])
        assert_refused(run_heapscope("types", str(damaged)), ExitCode.SNAPSHOT_FILE)
    damaged.write_bytes(data[: len(data) // 2])
    assert_refused(run_heapscope("types", str(damaged)), ExitCode.SNAPSHOT_FILE)

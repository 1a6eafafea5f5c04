"""``ps`` and ``doctor`` against real processes in awkward states."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import run_heapscope
from tests.support.pythons import Python

pytestmark = pytest.mark.integration

_WAIT_S = 120.0
_READY = "import sys, time; print('ready', flush=True); time.sleep(600)"


@contextlib.contextmanager
def started(words: list[str], *, ready: bool = False, **options: Any) -> Iterator[int]:
    """Start a program, yield its pid, and end it."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, **options) as process:
        try:
            if ready:
                assert process.stdout is not None
                assert process.stdout.readline() == b"ready\n"
            yield process.pid
        finally:
            process.kill()


def wait_for_state(pid: int, states: str) -> None:
    """Wait until the kernel shows one of the states."""
    deadline = time.monotonic() + _WAIT_S
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in states:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def doctor(pid: int) -> tuple[int, list[str], dict[str, Any]]:
    """Run the doctor; return exit code, codes of the obstacles, and the whole report."""
    done = run_heapscope("doctor", str(pid), "--format", "json")
    report = json.loads(done.stdout)
    assert "Traceback" not in done.stderr
    assert report["exit_code"] == done.returncode
    return done.returncode, [obstacle["code"] for obstacle in report["obstacles"]], report


def test_every_interpreter_is_listed_with_its_version_and_attachable(any_python: Python) -> None:
    """Both commands agree, and the version is the whole one."""
    with started([str(any_python.path), "-c", _READY], ready=True) as pid:
        asked = [str(any_python.path), "-c", "import platform; print(platform.python_version())"]
        version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        rows = json.loads(run_heapscope("ps", "--format", "json").stdout)
        row = next(row for row in rows if row["pid"] == pid)
        assert row["python_version"] == version
        assert row["rss_bytes"] >= row["uss_bytes"] > 0
        assert row["obstacle"] is None or (row["free_threaded"] and any_python.minor < (3, 14))
        assert doctor(pid)[2]["attachable"] is row["attachable"]


def test_a_program_that_is_no_python_is_named_so() -> None:
    """Exit code 5, and it is not listed."""
    with started(["sleep", "600"]) as pid:
        assert doctor(pid)[:2] == (5, ["not-python"])
        assert pid not in [row["pid"] for row in json.loads(run_heapscope("ps", "--format", "json").stdout)]


def test_a_zombie_is_gone() -> None:
    """Exit code 4."""
    with started([sys.executable, "-c", "pass"]) as pid:
        wait_for_state(pid, "Z")
        assert doctor(pid)[:2] == (4, ["zombie"])


def test_a_stopped_process_wants_to_be_continued() -> None:
    """The remedy works."""
    with started([sys.executable, "-c", _READY], ready=True) as pid:
        os.kill(pid, signal.SIGSTOP)
        wait_for_state(pid, "T")
        code, names, report = doctor(pid)
        assert (code, names) == (6, ["stopped"])
        assert report["obstacles"][0]["hint"] == f"kill -CONT {pid}"
        os.kill(pid, signal.SIGCONT)
        assert doctor(pid)[:2] == (0, [])


def test_a_traced_process_names_its_tracer() -> None:
    """The tracer is this test."""
    libc = ctypes.CDLL(None, use_errno=True)
    seize, detach, interrupt = 0x4206, 17, 0x4207
    with started([sys.executable, "-c", _READY], ready=True) as pid:
        assert libc.ptrace(seize, pid, None, None) == 0
        try:
            code, names, report = doctor(pid)
            assert (code, names) == (6, ["traced"])
            assert str(os.getpid()) in report["obstacles"][0]["message"]
        finally:
            libc.ptrace(interrupt, pid, None, None)
            os.waitpid(pid, 0x40000000)
            libc.ptrace(detach, pid, None, None)


def test_a_missing_process_is_said_in_one_line() -> None:
    """Every command, exit code 4."""
    with started([sys.executable, "-c", "pass"]) as pid:
        pass
    for words in (("doctor", str(pid)), ("snapshot", str(pid)), ("types", str(pid)), ("attach", str(pid))):
        done = run_heapscope(*words)
        assert done.returncode == 4
        assert "Traceback" not in done.stderr


_AS_NOBODY = """
import os, sys
sys.path[:] = sys.argv[2].split(os.pathsep)
import heapscope.target.discovery as discovery
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print([(each.code, int(each.exit_code), each.hint) for each in discovery.find_obstacles(int(sys.argv[1]))])
"""


@pytest.mark.root
def test_another_user_is_refused_with_the_command_that_helps(one_python: Python) -> None:
    """As uid 65534: exit code 6, and sudo in the hint."""
    with started([str(one_python.path), "-c", _READY], ready=True) as pid:
        words = [sys.executable, "-c", _AS_NOBODY, str(pid), os.pathsep.join(sys.path)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.stdout.strip() == str([("other-user", 6, f"sudo heapscope attach {pid}")]), done.stderr


def test_a_closed_pipe_is_silent() -> None:
    """The exit code is 141, and nothing is said."""
    words = [sys.executable, "-m", "heapscope", "ps", "--all", "--format", "json"]
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(words, stdout=write_end, stderr=subprocess.PIPE, check=False, cwd=Path(__file__).parents[2])
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")

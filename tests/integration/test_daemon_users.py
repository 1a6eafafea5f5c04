"""Two users and one daemon of root: each attaches to its own service through it, and has nothing of the other's, at the API or in files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from heapscope.errors import ExitCode
from heapscope.service.daemon_client import SOCKET_VARIABLE
from tests.support.command_line import run_heapscope
from tests.support.daemon import RunningDaemon, daemon_running
from tests.support.pythons import Python

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (util-linux)"),
]
MEMBERS, ANN, BOB = 61000, 61001, 61002
SERVICE = "import sys, time; keep = [object() for _ in range(500)]; print('ready', flush=True); time.sleep(3600)"


def as_user(uid: int, *capabilities: str) -> list[str]:
    """Return the words that run a command as a user; for an interpreter in a folder of root's, with dac_read_search."""
    allowed = ",".join(("-all", *capabilities))
    words = [f"--{kind}={allowed}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--groups", str(MEMBERS), *words]


@contextlib.contextmanager
def service_of(uid: int, name: str, python: Python) -> Iterator[int]:
    """Run a service of a user; yield its number."""
    words = [*as_user(uid, "+dac_read_search"), str(python.path), "-c", SERVICE, name]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process.pid
        finally:
            process.kill()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter, so that only the daemon's own permissions keep somebody out."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o711)
        yield Path(name)


def ask(uid: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run heapscope as a user without rights over processes."""
    return run_heapscope(*words, wrapper=as_user(uid, "+dac_read_search"))


def readable_by(uid: int, folder: Path) -> list[str]:
    """Return what below a folder a user may read or list, without any capability."""
    paths = [folder, *folder.rglob("*")]
    tries = 'for path; do { [ -d "$path" ] && ls "$path" || cat "$path"; } >/dev/null 2>&1 && echo "$path"; done; true'
    words = [*as_user(uid), "sh", "-c", tries, "sh", *map(str, paths)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def text_of(name: str) -> str:
    """Describe a target of one service."""
    return f'[[target]]\nname = "{name}"\nmatch = {{ cmdline = "users-test-{name}" }}\ninterval = "0"\nreport = false\n'


def test_a_user_attaches_to_an_own_service_and_is_refused_anothers(
    one_python: Python, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attach, snapshot and get; then the same of somebody else, and the files behind it."""
    access = f'[daemon.access]\ngroup = "{MEMBERS}"\n'
    monkeypatch.setenv(SOCKET_VARIABLE, str(folder / "sock"))
    with (
        service_of(ANN, "users-test-ann", one_python) as own,
        service_of(BOB, "users-test-bob", one_python) as foreign,
        daemon_running(folder, text_of("ann") + text_of("bob"), extra=access) as daemon,
    ):
        daemon.wait_for("instance_found", 2)
        shown = ask(ANN, "attach", "@ann", "--headless")
        assert shown.returncode == 0, shown.stderr
        assert str(own) in shown.stdout
        kept = json.loads(ask(BOB, "ctl", "snapshot", "bob", "--format", "json").stdout)
        assert (kept["pid"], kept["uid"]) == (foreign, BOB)
        refused_at_the_api(kept["id"], foreign)
        refused_at_the_files(daemon, folder)
        assert daemon.stop() == 0


def refused_at_the_api(foreign_id: str, foreign_pid: int) -> None:
    """Nothing of another user's process: no capture, no record, no file; and it is not told of."""
    refused = ask(ANN, "attach", "@bob", "--headless")
    assert refused.returncode == ExitCode.DAEMON, refused.stderr
    assert "belongs to another user" in refused.stderr
    assert ask(ANN, "ctl", "snapshot", str(foreign_pid)).returncode == ExitCode.TARGET_GONE
    assert ask(ANN, "ctl", "get", foreign_id, "-o", "/dev/null", "-f").returncode == ExitCode.USAGE
    (own,) = json.loads(ask(ANN, "ctl", "list", "--format", "json").stdout)
    assert (own["target"], own["uid"]) == ("ann", ANN)


def refused_at_the_files(daemon: RunningDaemon, folder: Path) -> None:
    """Not even a member of the group reads what the daemon keeps; what is open can be read, so the question is a fair one."""
    (folder / "open").mkdir(mode=0o755)
    (folder / "open" / "file").write_text("anybody's")
    assert len(readable_by(ANN, folder / "open")) == 2
    assert list(daemon.state.rglob("*.heapscope"))
    assert readable_by(ANN, daemon.state) == []

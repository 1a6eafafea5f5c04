"""Settings of the whole test run: what it needs is checked before the first test, with the command that helps.

Never decides what a test asserts.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.pythons import Python, found_pythons, usual_pythons

settings.register_profile("any machine", deadline=None)  # no result depends on how fast the machine is
settings.load_profile("any machine")
_NEEDS_PTRACE = {"integration", "matrix", "thirdparty", "container"}
_LANE = "targets"


def _ptrace_obstacle() -> str:
    """Name what keeps this user from tracing its own processes, with the remedy; empty if nothing does."""
    yama = Path("/proc/sys/kernel/yama/ptrace_scope")
    scope = int(yama.read_text()) if yama.exists() else 0
    if scope >= 3:
        return (
            "kernel.yama.ptrace_scope is 3: no process may be traced until the machine is restarted with another value"
        )
    if scope and os.geteuid() != 0:
        return (
            f"kernel.yama.ptrace_scope is {scope}: run 'sudo sysctl kernel.yama.ptrace_scope=0', or the tests as root"
        )
    return _try_ptrace()


def _try_ptrace() -> str:
    """Seize a child of our own, as the kernel may refuse what no setting tells (seccomp in containers)."""
    libc = ctypes.CDLL(None, use_errno=True)
    seize, detach = 0x4206, 17
    child = os.posix_spawn(shutil.which("sleep") or "/bin/sleep", ["sleep", "60"], dict(os.environ))
    try:
        if libc.ptrace(seize, child, None, None) != 0:
            why = os.strerror(ctypes.get_errno())
            return f"ptrace: {why}: start the container with --cap-add=SYS_PTRACE --security-opt seccomp=unconfined"
        libc.ptrace(detach, child, None, None)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    return ""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give what attaches to processes to one worker, one after another: no target is measured beside another one.

    What is marked ``apart`` goes wherever there is time, like the rest.
    """
    names = {marker.name for marker in item.iter_markers()}
    if names & _NEEDS_PTRACE and "apart" not in names and item.config.pluginmanager.hasplugin("xdist"):
        item.add_marker(pytest.mark.xdist_group(_LANE))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Stop before the first test if the tests chosen cannot work on this machine; a worker leaves that to its controller."""
    chosen = {marker.name for item in session.items for marker in item.iter_markers()}
    is_worker = hasattr(session.config, "workerinput")
    if chosen & _NEEDS_PTRACE and not is_worker and not session.config.option.collectonly:
        _stop_without_ptrace()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(ids: list[str]) -> None:
    """The same where workers run the tests: here, as a worker that gives up looks like one that has crashed."""
    if any(name.endswith(f"@{_LANE}") for name in ids):
        _stop_without_ptrace()


def _stop_without_ptrace() -> None:
    obstacle = _ptrace_obstacle()
    if obstacle:
        pytest.exit(f"integration tests cannot attach to processes here: {obstacle}", returncode=3)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, with the reason, what needs root."""
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs root")


def pytest_report_header() -> list[str]:
    """Say which interpreters are tested against, and which are missing."""
    pythons = found_pythons()
    labels = ", ".join(python.label for python in pythons)
    minors = {python.minor for python in pythons}
    missing = [f"3.{minor}" for minor in range(8, 16) if (3, minor) not in minors]
    lines = [f"target interpreters: {labels or 'none found'}"]
    if missing:
        lines.append(
            f"not found, not tested: {', '.join(missing)} (scripts/pythons --get makes 3.13 and newer available)"
        )
    return lines


@pytest.fixture(params=usual_pythons(), ids=lambda python: python.label)
def any_python(request: pytest.FixtureRequest) -> Python:
    """Each interpreter found that has a GIL, in turn."""
    python = request.param
    assert isinstance(python, Python)
    return python


@pytest.fixture(scope="session")
def one_python() -> Python:
    """One interpreter for tests that are not about versions: the newest below 3.14, the most usual case."""
    pythons = usual_pythons()
    usual = [python for python in pythons if python.minor < (3, 14)] or pythons
    if not usual:
        pytest.skip("no CPython 3.8 or newer found")
    return usual[-1]

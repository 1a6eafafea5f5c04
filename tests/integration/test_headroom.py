"""Memory and process limits around a real target: refused or ended with figures and a remedy, the target as before."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heapscope.errors import BudgetExceeded, CaptureInconsistent, ExitCode
from heapscope.inject import make_clone
from heapscope.service import watch as watch_module
from heapscope.service.capture import CaptureOptions, capture
from heapscope.service.payload import bootstrap_source
from heapscope.service.watch import watching
from heapscope.target.activity import read_unshared
from heapscope.target.discovery import describe_target, headroom_of
from heapscope.target.experience import recall
from heapscope.target.headroom import COLLECTORS, SPLITS_HUGE_PAGES
from tests.support.command_line import run_heapscope
from tests.support.invariants import unharmed
from tests.support.pythons import Python
from tests.support.targets import Situation, Target, running, situation_named

pytestmark = pytest.mark.integration

MB = 1 << 20
USER = 54321
CGROUP = Path("/sys/fs/cgroup")


def restricted(*arguments: str) -> Situation:
    """Return a target that may not be cloned."""
    return Situation("restricted", "restricted.py", arguments, needs_root=arguments[0] == "nproc")


def writing(*arguments: str) -> Situation:
    """Return a target that writes without end."""
    return Situation("writing", "writing.py", arguments, rss_slack_bytes=8 * MB)


@contextlib.contextmanager
def group_of_its_own(target: Target, controller: str, limits: dict[str, int]) -> Iterator[Path]:
    """Put a target into a new group (version 1) below its present one, with limits over what the group has then."""
    words = [line.split(":") for line in Path(f"/proc/{target.pid}/cgroup").read_text().splitlines()]
    paths = [path for _, controllers, path in words if controller in controllers.split(",")]
    if not paths:
        pytest.skip(f"no version 1 hierarchy of the controller {controller}")
    home = Path(f"{CGROUP}/{controller}{paths[0].rstrip('/')}")
    group = home / f"heapscope-test-{target.pid}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"control groups cannot be made here: {error.strerror}")
    try:
        (group / "cgroup.procs").write_text(str(target.pid))
        for name, limit in limits.items():
            (group / name).write_text(str(limit))
        yield group
    finally:
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (home / "cgroup.procs").write_text(pid)
        _remove(group)


def _remove(group: Path) -> None:
    """Remove a group; the kernel may still be giving up an ended member."""
    for _ in range(200):
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.05)
    group.rmdir()


def killed_in(group: Path) -> int:
    """Return how many processes of the group the kernel has killed for want of memory."""
    lines = (group / "memory.oom_control").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


@pytest.mark.root
def test_a_group_that_is_nearly_full_refuses_with_figures(one_python: Python, tmp_path: Path) -> None:
    """No clone is made; the group, the sizes and the way round are named; the doctor says the same."""
    with (
        running(one_python, situation_named("event wait")) as target,
        group_of_its_own(target, "memory", {"memory.limit_in_bytes": 10 * MB}) as group,
        unharmed(target),
    ):
        done = run_heapscope("snapshot", str(target.pid), "-o", str(tmp_path / "out"))
        assert done.returncode == ExitCode.BUDGET, done.stderr
        assert f"/{group.name} leaves " in done.stderr
        assert "walker " in done.stderr
        assert f"heapscope attach {target.pid} --ignore-head-room" in done.stderr
        assert run_heapscope("doctor", str(target.pid)).returncode == ExitCode.BUDGET
        assert killed_in(group) == 0
    assert list(tmp_path.iterdir()) == []


@contextlib.contextmanager
def clone_left_alone(target: Target, **options: int | bool | None) -> Iterator[None]:
    """Make a clone that waits for its payload, and watch it until something ends it."""
    info = describe_target(target.pid)
    with (
        make_clone(info, bootstrap=bootstrap_source()) as clone,
        watching(info, clone.clone_pid, collector=COLLECTORS[0], **options),  # type: ignore[arg-type]
    ):
        yield
        os.set_blocking(clone.result_fd, True)
        assert os.read(clone.result_fd, 1) == b""
        raise CaptureInconsistent("the stream broke off")  # as the channel has it


@pytest.mark.root
def test_a_group_that_fills_up_while_the_clone_lives_ends_the_clone_first(one_python: Python) -> None:
    """The target writes, its copies fill the group: the clone goes before the kernel's killer comes, and its pages with it."""
    with (
        running(one_python, writing("128", "slow")) as target,
        group_of_its_own(target, "memory", {"memory.limit_in_bytes": 100 * MB}) as group,
        unharmed(target),
    ):
        with (
            pytest.raises(BudgetExceeded, match=f"{group.name} had only .* is kept for the target") as caught,
            clone_left_alone(target, ignore_head_room=True),
        ):
            pass
        assert "memory.limit_in_bytes" in caught.value.hint
        assert killed_in(group) == 0
        before = target.ask("facts")["extra"]["rounds"]
        while target.ask("facts")["extra"]["rounds"] == before:
            time.sleep(0.05)
        assert killed_in(group) == 0


def test_a_budget_that_the_writes_of_the_target_pass_ends_the_clone(one_python: Python) -> None:
    """The figures are those of the clone; heapscope is more likely to be killed than the target from then on."""
    with running(one_python, writing("64")) as target, unharmed(target):
        with (
            pytest.raises(BudgetExceeded, match=r"had un-shared .*, and 20\.0M is its budget \(--memory-budget\)"),
            clone_left_alone(target, memory_budget=20 * MB),
        ):
            pass
        assert int(Path("/proc/self/oom_score_adj").read_text()) == watch_module.OUR_OOM_SCORE_ADJ


def test_a_budget_given_on_the_command_line_is_kept(one_python: Python, tmp_path: Path) -> None:
    """Less than the page tables of the clone: the first look ends it."""
    with running(one_python, situation_named("deep dict")) as target, unharmed(target):
        done = run_heapscope("snapshot", str(target.pid), "-o", str(tmp_path / "out"), "--memory-budget", "8K")
    assert done.returncode == ExitCode.BUDGET, done.stderr
    assert "8.00K is its budget" in done.stderr
    assert "allow more: --memory-budget" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_a_capture_cost_is_the_next_estimate(one_python: Python) -> None:
    """Seen by the watch, known to the judge."""
    with running(one_python, situation_named("event wait")) as target, unharmed(target):
        info = describe_target(target.pid)
        collector = capture(target.pid, CaptureOptions(timeout_s=60)).meta.collector
        observed = recall(info.pid, info.start_ticks, collector)
        assert observed is not None
        assert 0 < observed.unshared_bytes < 64 * MB
        assert headroom_of(target.pid, collector).needed == int(observed.unshared_bytes * 1.5)


def test_huge_pages_are_not_copied_whole(one_python: Python) -> None:
    """The reason why the estimate needs no factor for them: a byte in each of them costs a small page each."""
    if tuple(int(part) for part in os.uname().release.split(".")[:2]) < SPLITS_HUGE_PAGES:
        pytest.skip("this kernel copies whole huge pages, which the estimate knows")
    with running(one_python, writing("64", "huge")) as target, unharmed(target):
        rollup = Path(f"/proc/{target.pid}/smaps_rollup").read_text()
        huge = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("AnonHugePages"))
        if huge < 32 << 10:
            pytest.skip("this machine gave no huge pages")
        info = describe_target(target.pid)
        with make_clone(info, bootstrap=bootstrap_source()) as clone:
            before, start = read_unshared(clone.clone_pid), target.ask("facts")["extra"]["rounds"]
            while target.ask("facts")["extra"]["rounds"] < start + 2:
                time.sleep(0.01)
            after = read_unshared(clone.clone_pid)
        assert before is not None
        assert after is not None
        assert 32 * 4096 <= after - before < 8 * MB


@pytest.mark.parametrize(("number", "name"), [(errno.EPERM, "EPERM"), (errno.ENOSYS, "ENOSYS")])
def test_a_clone_that_a_filter_denies_is_named_as_that(
    one_python: Python, tmp_path: Path, number: int, name: str
) -> None:
    """A permission, not a budget; told at once, and nothing is left in the target."""
    with running(one_python, restricted("seccomp", str(number))) as target, unharmed(target):
        done = run_heapscope("snapshot", str(target.pid), "-o", str(tmp_path / "out"))
    assert done.returncode == ExitCode.PERMISSION, done.stderr
    assert f"a seccomp filter or security module forbids it ({name}" in done.stderr
    assert "SystemCallFilter" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
@pytest.mark.parametrize("via", ["auto", "ptrace"])
def test_a_filter_that_would_kill_the_target_is_not_tried(one_python: Python, tmp_path: Path, via: str) -> None:
    """It is read and judged before the target makes the call; the target lives."""
    with running(one_python, restricted("seccomp", "kill")) as target, unharmed(target):
        done = run_heapscope("snapshot", str(target.pid), "-o", str(tmp_path / "out"), "--via", via)
        assert target.is_running()
    assert done.returncode == ExitCode.PERMISSION, done.stderr
    assert "its seccomp filter would kill it for the system call clone" in done.stderr


@pytest.mark.root
def test_a_user_at_its_limit_of_processes_is_refused_before_the_clone(one_python: Python, tmp_path: Path) -> None:
    """One is left, which the target may need: no clone is tried."""
    with running(one_python, restricted("nproc", str(USER), "1")) as target, unharmed(target):
        done = run_heapscope("snapshot", str(target.pid), "-o", str(tmp_path / "out"))
    assert done.returncode == ExitCode.BUDGET, done.stderr
    assert f"RLIMIT_NPROC of process {target.pid} (uid {USER}) leaves 1" in done.stderr
    assert f"sudo prlimit --pid {target.pid} --nproc=" in done.stderr


@pytest.mark.root
def test_a_clone_beyond_the_limit_of_processes_is_refused_by_the_kernel(one_python: Python, tmp_path: Path) -> None:
    """With the judgement passed over: the kernel's EAGAIN is explained."""
    with running(one_python, restricted("nproc", str(USER), "0")) as target, unharmed(target):
        done = run_heapscope("snapshot", str(target.pid), "-o", str(tmp_path / "out"), "--ignore-head-room")
    assert done.returncode == ExitCode.BUDGET, done.stderr
    assert "number of processes is reached (EAGAIN" in done.stderr
    assert f"heapscope doctor {target.pid}" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
@pytest.mark.parametrize("words", [(), ("--ignore-head-room",)])
def test_a_group_that_may_have_no_more_tasks_is_reported(
    one_python: Python, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """By the judge, or by the kernel."""
    with (
        running(one_python, situation_named("event wait")) as target,
        group_of_its_own(target, "pids", {"pids.max": len(os.listdir(f"/proc/{target.pid}/task"))}) as group,
        unharmed(target),
    ):
        done = run_heapscope("snapshot", str(target.pid), "-o", str(tmp_path / "out"), *words)
    assert done.returncode == ExitCode.BUDGET, done.stderr
    expected = "EAGAIN" if words else f"pids.max of control group /{group.name} leaves 0"
    assert expected in done.stderr

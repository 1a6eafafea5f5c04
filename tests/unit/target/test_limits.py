"""Every limit above a target is found, and the tightest one is named with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from heapscope.target.limits import Resource, cgroup_task_limits, commit_limit, memory_limits
from heapscope.target.tasks import soft_limit, task_limits
from tests.support.kernel_files import MB, make_places, meminfo, status

V2 = {"proc/7/cgroup": "0::/app.slice/api\n", "proc/meminfo": meminfo(MemTotal=8 << 20, MemAvailable=4 << 20)}


def test_the_host_and_each_group_above_count_in_version_2(tmp_path: Path) -> None:
    """A limit of the outer group holds for the inner one; memory.high throttles, so it counts as well."""
    files = {
        "cgroup/app.slice/api/memory.current": 100 * MB,
        "cgroup/app.slice/api/memory.max": "max\n",
        "cgroup/app.slice/api/memory.high": 130 * MB,
        "cgroup/app.slice/api/memory.stat": f"anon 5\ninactive_file {7 * MB}\n",
        "cgroup/app.slice/memory.current": 200 * MB,
        "cgroup/app.slice/memory.max": 220 * MB,
    }
    found = memory_limits(7, make_places(tmp_path, V2 | files))
    assert [(limit.name, limit.available) for limit in found] == [
        ("the memory of the host", 4 << 30),
        ("memory.high of control group /app.slice/api", 37 * MB),
        ("memory.max of control group /app.slice", 20 * MB),
    ]
    assert found[2].remedy == f"echo max | sudo tee {tmp_path}/cgroup/app.slice/memory.max"


def test_a_group_that_is_killed_as_a_whole_is_marked(tmp_path: Path) -> None:
    """The clone would not die alone there."""
    files = {
        "cgroup/app.slice/api/memory.current": 1,
        "cgroup/app.slice/api/memory.max": 2,
        "cgroup/app.slice/api/memory.oom.group": "1\n",
    }
    assert [limit.kills_all for limit in memory_limits(7, make_places(tmp_path, V2 | files))] == [False, True]


def test_version_1_counts_memory_and_memory_with_swap(tmp_path: Path) -> None:
    """No limit is a number near 2**63 there; a group whose killer is off hangs as a whole."""
    group = "cgroup/memory/docker/abc"
    files = {
        "proc/7/cgroup": "4:cpu:/elsewhere\n3:memory,hugetlb:/docker/abc\n0::/\n",
        f"{group}/memory.limit_in_bytes": 300 * MB,
        f"{group}/memory.usage_in_bytes": 280 * MB,
        f"{group}/memory.memsw.limit_in_bytes": 310 * MB,
        f"{group}/memory.memsw.usage_in_bytes": 305 * MB,
        f"{group}/memory.oom_control": "oom_kill_disable 1\nunder_oom 0\n",
        "cgroup/memory/docker/memory.limit_in_bytes": 9223372036854771712,
        "cgroup/memory/docker/memory.usage_in_bytes": 5,
    }
    found = memory_limits(7, make_places(tmp_path, files))
    assert [(limit.available, limit.kills_all) for limit in found] == [(20 * MB, True), (5 * MB, True)]


@pytest.mark.parametrize("text", ["", "0::/../other\n", "garbage\n0::\n", "0::/../../etc\n", "\0\xff::::\n"])
def test_groups_that_cannot_be_seen_limit_nothing_and_break_nothing(tmp_path: Path, text: str) -> None:
    """Paths above our own namespace would name the wrong files."""
    places = make_places(tmp_path, {"proc/7/cgroup": text})
    assert memory_limits(7, places) == []
    assert cgroup_task_limits(7, places) == []


def test_the_commit_limit_counts_only_where_the_kernel_is_strict(tmp_path: Path) -> None:
    """What the kernel keeps back for administrator and users is not available."""
    files: dict[str, str | int] = {
        "proc/meminfo": meminfo(CommitLimit=1000, Committed_AS=600),
        "proc/sys/vm/overcommit_memory": "0\n",
        "proc/sys/vm/admin_reserve_kbytes": 50,
        "proc/sys/vm/user_reserve_kbytes": 100,
    }
    assert commit_limit(make_places(tmp_path, files)) is None
    found = commit_limit(make_places(tmp_path, files | {"proc/sys/vm/overcommit_memory": "2\n"}))
    assert found is not None
    assert (found.resource, found.available, found.total) == (Resource.COMMIT, 250 << 10, 1000 << 10)


LIMITS = "Limit   Soft Limit  Hard Limit  Units\nMax processes             {}     100      processes\n"


def _user_files(soft: str, capabilities: str = "0", uid: int = 33) -> dict[str, str | int]:
    return {
        "proc/7/status": status(Uid=f"{uid}\t0\t0\t0", Threads=3, CapEff=capabilities),
        "proc/8/status": status(Uid="33\t33\t33\t33", Threads=2, CapEff="0"),
        "proc/9/status": status(Uid="34\t33\t33\t33", Threads=50, CapEff="0"),
        "proc/7/limits": LIMITS.format(soft),
    }


def test_the_tasks_of_the_real_user_count_against_its_limit(tmp_path: Path) -> None:
    """Threads of all its processes; the remedy names the target."""
    (found,) = task_limits(7, make_places(tmp_path, _user_files("6")))
    assert (found.available, found.total) == (1, 6)
    assert found.remedy.startswith("sudo prlimit --pid 7 --nproc=")


@pytest.mark.parametrize(
    "files",
    [
        _user_files("unlimited"),
        _user_files("6", uid=0),
        _user_files("6", f"{1 << 24:x}"),
        _user_files("6", f"{1 << 21:x}"),
    ],
)
def test_root_and_two_capabilities_are_exempt(tmp_path: Path, files: dict[str, str | int]) -> None:
    """As copy_process has it."""
    assert task_limits(7, make_places(tmp_path, files)) == []


def test_limits_text_is_read_by_its_name(tmp_path: Path) -> None:
    """Names have blanks; odd text is no limit."""
    text = LIMITS.format("12") + "Max processes2  5\n"
    assert (soft_limit(text, "Max processes"), soft_limit("", "Max processes")) == (12, None)
    assert soft_limit("Max processes ", "Max processes") is None


def test_groups_and_the_host_limit_tasks_too(tmp_path: Path) -> None:
    """Both versions of control groups; the host by threads and by numbers."""
    files: dict[str, str | int] = {
        "proc/7/cgroup": "2:pids:/a\n0::/b\n",
        "proc/loadavg": "0.1 0.2 0.3 2/90 4711\n",
        "proc/sys/kernel/threads-max": 100,
        "proc/sys/kernel/pid_max": 95,
        "cgroup/pids/a/pids.max": 12,
        "cgroup/pids/a/pids.current": 4,
        "cgroup/b/pids.max": "max",
        "cgroup/b/pids.current": 4,
    }
    found = task_limits(7, make_places(tmp_path, files))
    assert [limit.available for limit in found] == [8, 10, 5]
    assert found[0].name == "pids.max of control group /a"

"""Every obstacle is named with its exit code and a command that removes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heapscope.errors import BudgetExceeded, ExitCode, PermissionRefused, TargetGone, UnsupportedTarget
from heapscope.target.access import Access, parse_kernel
from heapscope.target.headroom import Headroom
from heapscope.target.limits import Limit, Resource
from heapscope.target.obstacles import HEAD_ROOM_CODES, Evidence, error_of, judge
from heapscope.target.runtime import Runtime
from tests.support.fakes import evidence

REFUSED = Access.REFUSED
CASES = [
    ("zombie", 4, evidence(process={"state": "Z"}, runtime=None, access=Access.UNKNOWN)),
    ("kernel-thread", 5, evidence(process={"is_kernel_thread": True}, runtime=None, access=Access.UNKNOWN)),
    ("self", 2, evidence(own_pid=4711)),
    ("not-python", 5, evidence(runtime=None, python_like=False)),
    ("no-symbols", 5, evidence(runtime=None)),
    ("32-bit", 5, evidence(runtime=None, is_32_bit=True)),
    ("not-cpython", 5, evidence(runtime=Runtime("pypy", "/usr/bin/pypy3", None, None))),
    ("too-old", 5, evidence(runtime={"version": "3.7.16", "version_info": (3, 7)})),
    ("free-threaded", 5, evidence(runtime={"free_threaded": True})),
    ("machine", 5, evidence(runtime={"machine": 183})),
    ("machine", 5, evidence(host={"machine": "aarch64"})),
    ("kernel-too-old", 5, evidence(host={"kernel": (3, 10)})),
    ("other-user", 6, evidence(access=REFUSED, runtime=None, host={"effective_uid": 1001})),
    ("capability", 6, evidence(access=REFUSED, host={"effective_uid": 0})),
    (
        "user-namespace",
        6,
        evidence(access=REFUSED, host={"effective_uid": 0, "can_trace_any": True, "in_user_namespace": True}),
    ),
    ("user-namespace", 6, evidence(access=REFUSED, user_namespace_differs=True)),
    ("security-module", 6, evidence(access=REFUSED, host={"can_trace_any": True, "security_module": "docker-default"})),
    ("not-dumpable", 6, evidence(access=REFUSED, owner_uid=0)),
    ("yama-1", 6, evidence(access=REFUSED, host={"yama_scope": 1})),
    ("yama-2", 6, evidence(access=REFUSED, host={"yama_scope": 2})),
    ("yama-3", 6, evidence(access=REFUSED, host={"yama_scope": 3})),
    ("seccomp", 6, evidence(access=Access.BLOCKED)),
    ("refused", 6, evidence(access=REFUSED)),
    ("traced", 6, evidence(process={"tracer_pid": 77, "state": "t"}, tracer_name="gdb")),
    ("stopped", 6, evidence(process={"state": "T"})),
    ("memory", 8, evidence(headroom=Headroom(200 << 20, 100 << 20, "the memory of the host"))),
    ("memory", 8, evidence(headroom=Headroom(9, 8, "x", limit=Limit(Resource.COMMIT, "x", 8, 9)))),
    ("tasks", 8, evidence(tasks=Headroom(4, 1, "pids.max", limit=Limit(Resource.TASKS, "pids.max", 1, 9, "echo max")))),
]


@pytest.mark.parametrize(("code", "exit_code", "found"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)])
def test_an_obstacle_comes_first_with_its_code_and_a_remedy(code: str, exit_code: int, found: Evidence) -> None:
    """The first obstacle blocks, says why, says what to do, and sets the exit code."""
    first = judge(found)[0]
    assert (first.code, first.exit_code, first.blocking) == (code, exit_code, True)
    assert first.message
    assert first.hint


def test_a_healthy_target_has_no_obstacle() -> None:
    """Nothing is made up."""
    assert judge(evidence()) == []


def test_a_free_threaded_build_that_can_be_stopped_is_no_obstacle() -> None:
    """From 3.14 on."""
    assert judge(evidence(runtime={"free_threaded": True, "can_stop_threads": True})) == []


def test_the_tracer_is_named() -> None:
    """Pid and name, and the command that ends it."""
    first = judge(evidence(process={"tracer_pid": 77}, tracer_name="strace\x1b[31m"))[0]
    assert "77 (strace\\x1b[31m)" in first.message
    assert first.hint.startswith("kill 77")


@pytest.mark.parametrize(
    "words", [("python", "-X", "disable_remote_debug"), ("python", "-Xdisable-remote-debug", "a.py")]
)
def test_a_switched_off_remote_debugger_is_only_a_note(words: tuple[str, ...]) -> None:
    """Tracing still works; older versions have no such switch."""
    new = judge(evidence(command=words, runtime={"version": "3.14.0", "version_info": (3, 14)}))
    assert [(note.code, note.blocking) for note in new] == [("remote-debug-disabled", False)]
    assert judge(evidence(command=words)) == []


def test_the_environment_switches_the_remote_debugger_off_too() -> None:
    """PYTHON_DISABLE_REMOTE_DEBUG is named."""
    found = evidence(environment_disables_remote_debug=True, runtime={"version": "3.14.0", "version_info": (3, 14)})
    assert "PYTHON_DISABLE_REMOTE_DEBUG" in judge(found)[0].message


def test_obstacles_become_the_error_of_their_exit_code() -> None:
    """One class per exit code."""
    classes = {4: TargetGone, 5: UnsupportedTarget, 6: PermissionRefused, 8: BudgetExceeded}
    for _, exit_code, found in CASES:
        error = error_of(judge(found)[0])
        assert error.exit_code == ExitCode(exit_code)
        assert isinstance(error, classes.get(exit_code, Exception))


def test_a_shortage_says_the_parts_and_the_way_round() -> None:
    """Figures of each larger part; a group that dies as a whole gets no advice to ignore it."""
    parts = {"walker": 150 << 20, "page tables": 5 << 20, "swapped memory": 3}
    limit = Limit(
        Resource.MEMORY, "memory.max of control group /a\x1b", 0, 1, remedy="echo max | sudo tee F", kills_all=True
    )
    room = Headroom(155 << 20, 100 << 20, limit.name, parts)
    plain = judge(evidence(headroom=room))[0]
    assert "155M more memory (walker 150M, page tables 5.00M)" in plain.message
    assert "/a\\x1b leaves 100M" in plain.message
    assert "--ignore-head-room" in plain.hint
    deadly = judge(evidence(headroom=replace(room, limit=limit)))[0]
    assert deadly.hint.startswith("echo max | sudo tee F")
    assert "--ignore-head-room" not in deadly.hint


def test_only_estimates_can_be_ignored() -> None:
    """The option passes over exactly what is judged from head-room."""
    short = {code for code, exit_code, _ in CASES if exit_code == ExitCode.BUDGET}
    assert short == HEAD_ROOM_CODES


def test_odd_kernel_releases_do_not_crash() -> None:
    """Vendors write what they like."""
    assert parse_kernel("6.18.44-fc-v769") == (6, 18)
    assert parse_kernel("unknown") == (0, 0)


def test_another_users_process_takes_more_than_tracing() -> None:
    """Its clone's state is read and its clone ended: both are that user's. An own process takes neither."""
    host = {"can_trace_any": True, "lacks": ("CAP_KILL",), "effective_uid": 995}
    found = judge(evidence(host=host))
    assert [obstacle.code for obstacle in found] == ["capability"]
    assert "CAP_KILL" in found[0].message
    assert judge(evidence(host={**host, "lacks": ()})) == []
    assert judge(evidence(host={**host, "effective_uid": 1000})) == []

"""Which processes belong to a target, and which slots they have: through restarts, reused pids and prefork families."""

from __future__ import annotations

import pytest

from heapscope.daemon.config import MatchConfig, TargetConfig
from heapscope.daemon.matching import choose, families_of, matches
from heapscope.daemon.model import Instance, Process
from heapscope.daemon.processes import CLONE_NAME, Seen, cgroup_of, parse_stat, unit_of

API = MatchConfig(cmdline="api")


def process(pid: int, *, parent: int = 1, ticks: int | None = None, **facts: object) -> Process:
    """Make a process of the api."""
    values = {"command": "python api.py", "name": "python", "unit": "api.service", "uid": 1000, **facts}
    return Process(pid, ticks if ticks is not None else pid * 10, 0.0, parent, **values)  # type: ignore[arg-type]


def seen(*sizes: int, first: int = 1) -> list[Seen]:
    """Make processes of these sizes, with pids from ``first``."""
    return [Seen(process(first + at), size) for at, size in enumerate(sizes)]


def target(instances: str) -> TargetConfig:
    """Make a target."""
    return TargetConfig(name="api", match=API, instances=instances)


def slots(instances: tuple[Instance, ...]) -> dict[int, int]:
    """Return slot -> pid."""
    return {instance.slot: instance.process.pid for instance in instances}


@pytest.mark.parametrize(
    ("match", "wanted"),
    [
        (MatchConfig(unit="api.service"), True),
        (MatchConfig(unit="api*.service"), True),
        (MatchConfig(unit="web.service"), False),
        (MatchConfig(cmdline="gunicorn.*worker", unit="api.service"), False),
        (MatchConfig(cmdline=r"api\.py$", user="1000"), True),
        (MatchConfig(user="0"), False),
        (MatchConfig(user="nobody-of-that-name"), False),
        (MatchConfig(name="pyth*"), True),
        (MatchConfig(container="9f3c2a7b1d04"), True),
        (MatchConfig(container="9f3c2a"), True),
        (MatchConfig(container="9f"), False),
        (MatchConfig(container="docker:*"), True),
        (MatchConfig(container="podman:*"), False),
        (MatchConfig(cgroup="/system.slice/*"), True),
    ],
)
def test_all_that_is_given_must_match(match: MatchConfig, wanted: bool) -> None:
    """Patterns for names, a regular expression for the command line, the start of a container's id."""
    one = process(5, container="docker:9f3c2a7b1d04", cgroup="/system.slice/api.service")
    assert matches(match, one) is wanted


def test_a_process_outside_every_container_matches_no_container() -> None:
    """An empty name is not the start of anything."""
    assert not matches(MatchConfig(container="*"), process(5))


def test_workers_belong_to_the_family_of_their_master() -> None:
    """Two masters, their workers, and a worker's child."""
    found = families_of(
        [process(10), process(11, parent=10), process(12, parent=11), process(20), process(21, parent=20)]
    )
    assert found == {10: 10, 11: 10, 12: 10, 20: 20, 21: 20}


def test_the_largest_are_watched_and_keep_their_slots() -> None:
    """A newcomer that is hardly larger does not take the place of one that is watched."""
    first = choose(target("largest:2"), seen(100, 300, 200), ())
    assert slots(first.instances) == {0: 2, 1: 3}
    again = choose(target("largest:2"), seen(210, 300, 200), first.instances)
    assert slots(again.instances) == {0: 2, 1: 3}
    third = choose(target("largest:2"), seen(400, 300, 200), again.instances)
    assert slots(third.instances) == {0: 2, 1: 1}


def test_a_successor_takes_the_slot_over_and_a_reused_pid_is_a_successor() -> None:
    """The same pid with another start time is another process."""
    first = choose(target("all"), seen(1, 1), ())
    assert slots(first.instances) == {0: 1, 1: 2}
    reused = [Seen(process(1, ticks=999), 1), Seen(process(2), 1)]
    again = choose(target("all"), reused, first.instances)
    assert slots(again.instances) == {0: 1, 1: 2}
    assert again.instances[0].process.start_ticks == 999


def test_a_sample_is_the_same_each_time() -> None:
    """Three of ten, whatever their order and size."""
    some = seen(*range(10))
    chosen = {instance.process.pid for instance in choose(target("sample:3"), some, ()).instances}
    assert len(chosen) == 3
    assert {instance.process.pid for instance in choose(target("sample:3"), some[::-1], ()).instances} == chosen


def test_slots_stay_small_while_workers_come_and_go() -> None:
    """A thousand workers one after another, four at a time: four slots."""
    instances: tuple[Instance, ...] = ()
    used = set()
    for start in range(1, 1000):
        instances = choose(target("all"), seen(1, 1, 1, 1, first=start), instances).instances
        used |= set(slots(instances))
    assert used == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("text", "unit", "group"),
    [
        ("0::/system.slice/api.service\n", "api.service", "/system.slice/api.service"),
        ("0::/system.slice/api.service/worker\n", "api.service", "/system.slice/api.service/worker"),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/mine.service\n",
            "mine.service",
            "/user.slice/user-1000.slice/user@1000.service/app.slice/mine.service",
        ),
        ("5:memory:/m\n1:name=systemd:/system.slice/api.service\n0::/u\n", "api.service", "/m"),
        ("0::/docker/9f3c\n", "", "/docker/9f3c"),
        ("", "", ""),
    ],
)
def test_units_and_groups_are_read_from_the_cgroup_file(text: str, unit: str, group: str) -> None:
    """The innermost unit; the group in which memory is counted."""
    assert (unit_of(text), cgroup_of(text)) == (unit, group)


def test_a_clone_is_told_apart_by_its_exit_signal() -> None:
    """Field 38 of stat; a name with blanks and brackets does not confuse that."""
    fields = " ".join(["S", "1", *["0"] * 17, "777", "0", "25", *["0"] * 13, "17", "0"])
    stat = parse_stat(f"42 (a) b (c)) {fields}")
    assert stat is not None
    assert (stat.name, stat.state, stat.parent_pid, stat.start_ticks, stat.exit_signal) == ("a) b (c)", "S", 1, 777, 17)
    assert parse_stat("") is None
    assert parse_stat("42 (short) S 1") is None


def test_a_clone_whose_target_has_ended_is_known_by_its_name() -> None:
    """Init's children all end with a signal. The name is written twice: the daemon loads no injector."""
    from heapscope.inject.clone import CLONE_NAME_PREFIX

    assert CLONE_NAME_PREFIX.decode() == CLONE_NAME

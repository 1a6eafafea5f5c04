"""What is due, what is held, and what a new run takes over from the old one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from heapscope.daemon.config import MatchConfig, RuleConfig, TargetConfig
from heapscope.daemon.model import Kind, Outcome, Process, Reading, Record, Trigger
from heapscope.daemon.notify import Notifier, passed_sockets, without_systemd
from heapscope.daemon.pauses import HourLimit, PauseBudget
from heapscope.daemon.processes import Seen
from heapscope.daemon.quantities import Ratio, Seconds
from heapscope.daemon.readings import Observer, read_memory_events, read_pressure, read_swap, tightest
from heapscope.daemon.watching import FIRST_S, TargetWatch
from heapscope.target.limits import Limit, Places, Resource

ONE = Seen(Process(7, 70, 0.0, command="api"), 1)


def watch_of(interval: float = 900, census: float = 0, rules: tuple[RuleConfig, ...] = ()) -> TargetWatch:
    """Make a target with one instance."""
    config = TargetConfig(
        name="api",
        match=MatchConfig(cmdline="api"),
        interval=Seconds(interval),
        census_interval=Seconds(census),
        jitter=Ratio(0.1),
        rule=rules,
    )
    target = TargetWatch(config, chance=random.Random(1))
    target.update([ONE], 0.0)
    return target


def record(age: float, **changes: object) -> Record:
    """Make a record of the instance, ``age`` seconds before 10,000 on the wall."""
    values = {"trigger": Trigger.SCHEDULE, "reason": "", "pid": 7, "start_ticks": 70, "pause_ns": 5_000_000, **changes}
    return Record("id", Kind.SNAPSHOT, "api", 0, 10_000 - age, **values)  # type: ignore[arg-type]


def outcome(error: str = "", pause_ns: int | None = 1_000_000) -> Outcome:
    """Make the end of a capture."""
    return Outcome("api", 0, 7, Trigger.SCHEDULE, None if error else record(0), error=error, pause_ns=pause_ns)


def test_a_new_process_is_captured_within_a_minute_then_every_interval_give_or_take_a_tenth() -> None:
    """No stampede, and no drift beyond the jitter."""
    target = watch_of()
    watch = target.slots[0]
    assert watch.next_snapshot is not None
    assert 0 < watch.next_snapshot <= FIRST_S
    steady = watch.next_snapshot
    assert watch.due(steady - 0.1) is None
    for _ in range(20):
        assert watch.due(steady) == (Kind.SNAPSHOT, Trigger.SCHEDULE)
        target.reschedule(watch, Kind.SNAPSHOT, steady)
        assert 810 <= watch.next_snapshot - steady <= 990
        steady = watch.next_snapshot


def test_a_snapshot_is_a_census_too() -> None:
    """The next census comes an interval after either."""
    target = watch_of(census=60)
    watch = target.slots[0]
    target.reschedule(watch, Kind.SNAPSHOT, 1000.0)
    assert watch.next_census is not None
    assert 1054 <= watch.next_census <= 1066
    assert watch.due(1100.0) == (Kind.CENSUS, Trigger.CENSUS)


def test_failures_hold_an_instance_longer_and_longer_and_success_ends_that() -> None:
    """1, 2, 4 ... minutes, at most an hour."""
    target = watch_of()
    watch = target.slots[0]
    waits = []
    for _ in range(8):
        watch.note(outcome("permission"), 0.0, target.config, max_pause=2.0)
        waits.append(watch.held_until)
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    watch.note(outcome(), 5000.0, target.config, max_pause=2.0)
    watch.note(outcome("permission"), 5000.0, target.config, max_pause=2.0)
    assert watch.held_until == 5060


def test_a_pause_that_was_too_long_holds_for_ten_intervals() -> None:
    """The first law."""
    target = watch_of()
    watch = target.slots[0]
    watch.note(outcome(pause_ns=2_100_000_000), 0.0, target.config, max_pause=2.0)
    assert watch.held_until == 9000
    assert watch.expected_pause_s == pytest.approx(2.1)


def test_a_new_run_goes_on_where_the_old_one_stopped() -> None:
    """The same process is not captured again too soon, and its rule is still quiet; a successor is captured soon."""
    rule = RuleConfig(name="big", when="rss > 1", cooldown=Seconds(1000))
    target = watch_of(rules=(rule,))
    watch = target.slots[0]
    target.resume(watch, [record(100), record(300, trigger=Trigger.RULE, reason="big")], 50.0, 10_000.0)
    assert watch.next_snapshot == 850
    assert not target.rules_of(0)[0].should_fire({"rss": 2.0}, 700.0)
    assert target.rules_of(0)[0].should_fire({"rss": 2.0}, 751.0)
    other = watch_of()
    other.resume(other.slots[0], [record(100, start_ticks=71)], 50.0, 10_000.0)
    assert other.slots[0].next_snapshot is not None
    assert other.slots[0].next_snapshot <= FIRST_S


def test_another_configuration_keeps_the_state_of_rules_that_stay() -> None:
    """A reload is no new cooldown."""
    rule = RuleConfig(name="big", when="rss > 1", cooldown=Seconds(1000))
    target = watch_of(rules=(rule,))
    target.rules_of(0)[0].fire(10.0, 10.0)
    new = RuleConfig(name="new", when="rss > 2")
    target.adopt(TargetConfig(name="api", match=MatchConfig(cmdline="api"), rule=(rule, new)), 20.0)
    states = target.rules_of(0)
    assert [state.config.name for state in states] == ["big", "new"]
    assert [state.should_fire({"rss": 9.0}, 30.0) for state in states] == [False, True]


def test_the_pause_budget_is_a_share_of_the_time() -> None:
    """1 %: after a start little is saved; an hour saves 36 seconds, and no more."""
    budget = PauseBudget(0.01, 0.0)
    assert budget.left(0.0) == pytest.approx(0.6)
    assert not budget.allows(1.0, 0.0)
    assert budget.wait_for(1.0, 0.0) == pytest.approx(40.0)
    assert budget.allows(1.0, 40.1)
    budget.spend(2.0, 40.1)
    assert budget.left(40.1) == pytest.approx(-1.0, abs=0.01)
    assert budget.left(100_000.0) == pytest.approx(36.0)
    spent, steady = 0.0, 100_000.0
    while steady < 200_000:
        steady += 1
        if budget.allows(0.5, steady):
            budget.spend(0.5, steady)
            spent += 0.5
    assert spent <= 36 + 0.01 * 100_000


def test_an_hour_takes_so_many_and_no_more() -> None:
    """A sliding hour."""
    limit = HourLimit()
    taken = 0
    for second in range(0, 7200, 10):
        if limit.allows(5, second):
            limit.note(second)
            taken += 1
    assert taken == 10


def test_slopes_need_their_time() -> None:
    """Growth over five minutes is not known after four."""
    observer = Observer(ONE.process)
    for second in range(0, 601, 5):
        observer._past.append((float(second), second << 20))
    assert observer.slope(5, 600 << 20, 600.0) == pytest.approx(60 << 20, rel=0.02)
    young = Observer(ONE.process)
    young._past.append((0.0, 0))
    assert young.slope(5, 1 << 30, 240.0) is None
    assert young.slope(5, 300 << 20, 300.0) == pytest.approx(60 << 20)


def test_the_fullest_limit_counts() -> None:
    """A group's use is that of all its processes; the host's is only this one's."""
    host = Limit(Resource.MEMORY, "the memory of the host", 1, 1000)
    group = Limit(Resource.MEMORY, "memory.max of control group /g", 100, 400)
    assert tightest(100, [host, group]) == (group, 0.75)
    assert tightest(100, [host]) == (host, 0.1)
    assert tightest(100, []) == (None, None)


def test_what_is_in_swap_is_read(tmp_path: Path) -> None:
    """In bytes; nothing where the kernel does not say, or the process is gone."""
    (tmp_path / "7").mkdir()
    status = tmp_path / "7" / "status"
    found = []
    for text in ("Name:\tx\nVmSwap:\t    12 kB\n", "Name:\tx\n", "VmSwap:\n"):
        status.write_text(text)
        found.append(read_swap(7, str(tmp_path)))
    assert [*found, read_swap(8, str(tmp_path))] == [12 << 10, 0, 0, 0]


def test_pressure_and_events_come_from_the_group_or_the_host(tmp_path: Path) -> None:
    """Version 2, version 1, and what climbs out of the tree is not read."""
    group = tmp_path / "cgroup" / "api"
    group.mkdir(parents=True)
    (tmp_path / "pressure").mkdir()
    (tmp_path / "pressure" / "memory").write_text("some avg10=1.00 avg60=2.00 avg300=3.00 total=9\n")
    places = Places(str(tmp_path), str(tmp_path / "cgroup"))
    assert read_pressure("/api", "psi_some_avg60", places) == 0.02
    (group / "memory.pressure").write_text(
        "some avg10=25.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=5.00 avg60=0 avg300=0 total=1\n"
    )
    assert read_pressure("/api", "psi_some_avg10", places) == 0.255
    assert read_pressure("/api", "psi_full_avg10", places) == 0.05
    assert read_pressure("/../api", "psi_some_avg10", places) == 0.01
    assert read_memory_events("/api", places) is None
    (group / "memory.events").write_text("low 0\nhigh 5\nmax 1\noom 2\noom_kill 1\n")
    assert read_memory_events("/api", places) == {"memory_high": 5, "memory_oom": 3}
    first = tmp_path / "cgroup" / "memory" / "old"
    first.mkdir(parents=True)
    (first / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n")
    (first / "memory.failcnt").write_text("11\n")
    assert read_memory_events("/old", places) == {"memory_high": 11, "memory_oom": 4}


def test_events_count_from_the_first_look(tmp_path: Path) -> None:
    """What happened before the daemon looked is no news."""
    (tmp_path / "g").mkdir()
    events = tmp_path / "g" / "memory.events"
    observer = Observer(Process(7, 70, 0.0, cgroup="/g"), Places("/proc", str(tmp_path)))
    wanted = frozenset({"memory_oom"})
    found = []
    for count in (3, 3, 5, 4):
        events.write_text(f"high 0\noom {count}\n")
        found.append(observer.figures(Reading(0.0, 1), 0.0, wanted)["memory_oom"])
    assert found == [None, 0.0, 2.0, 0.0]


def test_states_reach_the_socket_of_systemd_also_an_abstract_one() -> None:
    """READY, and the watchdog's interval; nothing without a socket, or for another process."""
    import os
    import socket

    name = f"heapscope-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        notifier = Notifier({"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "6000000", "WATCHDOG_PID": str(os.getpid())})
        notifier.ready("watching\n2 targets")
        assert listener.recv(100) == b"READY=1\nSTATUS=watching 2 targets"
        notifier.alive()
        assert listener.recv(100) == b"WATCHDOG=1"
    assert notifier.watchdog_s == 6.0
    assert not notifier.send("READY=1")
    assert not Notifier({}).send("READY=1")
    assert Notifier({"WATCHDOG_USEC": "6000000", "WATCHDOG_PID": "1"}).watchdog_s is None


def test_sockets_are_taken_only_when_they_are_meant_for_this_process() -> None:
    """By name; children do not get the variables."""
    import os

    mine = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "control:metrics"}
    assert passed_sockets(mine) == {}
    assert passed_sockets({**mine, "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0"}) == {}
    assert without_systemd({**mine, "PATH": "/bin", "NOTIFY_SOCKET": "x"}) == {"PATH": "/bin"}

"""The daemon with real targets: on schedule, by rules, by signals; and when it, a worker or a target is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heapscope.daemon.model import Kind, Trigger
from heapscope.daemon.store import Store
from heapscope.snapshot.file import load_snapshot
from tests.support.counting import count_of
from tests.support.daemon import PATIENCE_S, Event, RunningDaemon, daemon_running, write_config
from tests.support.invariants import settled_differences, settled_record
from tests.support.pythons import Python
from tests.support.targets import (
    MARKER_TYPE,
    PROGRAMS,
    Situation,
    Target,
    children_of,
    processes_tagged,
    running,
    situation_named,
)

pytestmark = pytest.mark.integration

HEAVY = Situation("heavy wait", "heavy_wait.py", ("60000",))


def target_text(target: Target, name: str = "api", **keys: str) -> str:
    """Describe a target by its command line, which names its program here; nothing is scheduled unless asked for."""
    values = {"interval": '"0"', "report": "false", **keys}
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    return f'[[target]]\nname = "{name}"\nmatch = {{ cmdline = "{PROGRAMS / target.situation.program}" }}\n{lines}'


def rule_text(when: str, **keys: str) -> str:
    """Describe a rule."""
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[[target.rule]]\nname = "big"\nwhen = "{when}"\n{lines}'


@contextlib.contextmanager
def store_of(daemon: RunningDaemon) -> Iterator[Store]:
    """Look into the store of a daemon that has ended."""
    store = Store(str(daemon.state))
    store.open()
    yield store
    store.close()


@pytest.fixture(scope="module")
def waiting(one_python: Python) -> Iterator[Target]:
    """One small target for all tests that do not kill it."""
    with running(one_python, situation_named("event wait")) as target:
        yield target


def wait_for_clone(target: Target) -> None:
    """Wait until a clone of the target is there."""
    deadline = time.monotonic() + PATIENCE_S
    while not children_of(target.pid):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def assert_no_clone_stays(target: Target) -> None:
    """Whatever was made from the target ends."""
    deadline = time.monotonic() + PATIENCE_S
    while left := set(processes_tagged(target.tag)) - {target.pid}:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def kill_workers_until_one_is_missed(daemon: RunningDaemon, target: Target) -> Event:
    """Kill the daemon's workers while a clone lives, until one had not finished yet; return what the daemon says."""
    deadline = time.monotonic() + PATIENCE_S
    while not (failed := daemon.events("capture_failed")):
        assert time.monotonic() < deadline
        wait_for_clone(target)
        for worker in daemon.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        time.sleep(0.5)
    return failed[0]


def ask_until_captured(daemon: RunningDaemon) -> None:
    """Send SIGUSR1; a capture that runs just then is shared, so perhaps several times."""
    deadline = time.monotonic() + PATIENCE_S
    while not [event for event in daemon.events("snapshot_stored") if event["trigger"] == "signal"]:
        assert time.monotonic() < deadline
        os.kill(daemon.pid, signal.SIGUSR1)
        time.sleep(1)


def test_a_service_is_captured_on_schedule_by_a_rule_and_on_request(waiting: Target, tmp_path: Path) -> None:
    """The records say why, the files hold the target's objects, the command got its facts, and the target is as before."""
    seen = tmp_path / "seen"
    command = f'["sh", "-c", "env | grep ^HEAPSCOPE_ | sort > {seen}"]'
    rule = rule_text("rss > 1MiB", actions='["snapshot", "report", "command"]', command=command)
    before = settled_record(waiting)
    with daemon_running(tmp_path, target_text(waiting, interval='"5s"', census_interval='"5s"') + rule) as daemon:
        daemon.wait_for("command")
        daemon.wait_for("snapshot_stored", which=lambda event: event["trigger"] == "schedule")
        ask_until_captured(daemon)
        assert daemon.stop() == 0
    assert settled_differences(before, waiting) == []
    with store_of(daemon) as store:
        by_trigger = {record.trigger: record for record in store.records(kind=Kind.SNAPSHOT)}
        assert {Trigger.RULE, Trigger.SCHEDULE, Trigger.SIGNAL} <= set(by_trigger)
        record = by_trigger[Trigger.RULE]
        assert (record.reason, record.pid, record.target) == ("big", waiting.pid, "api")
        assert record.pause_ns > 0
        snapshot = load_snapshot(store.path_of(record))
        assert count_of(snapshot, MARKER_TYPE) == waiting.marker_count
        details = store.details(record)  # the report was made before the daemon ended
        assert MARKER_TYPE in {row.name for row in details.types}
        assert sum(row.count for row in details.types) == record.objects
        assert sum(row.retained_bytes for row in details.holders) <= record.heap_bytes
        assert store.history("api", 0, MARKER_TYPE)[0].count == waiting.marker_count
    facts = dict(line.split("=", 1) for line in seen.read_text().splitlines())
    assert facts["HEAPSCOPE_RULE"] == "big"
    assert facts["HEAPSCOPE_FILE"].endswith(f"{facts['HEAPSCOPE_ID']}.heapscope")


def test_a_bad_configuration_changes_nothing_and_a_good_one_is_taken_over(waiting: Target, tmp_path: Path) -> None:
    """SIGHUP reads the file again; what is wrong is logged, with its place."""
    text = target_text(waiting)
    with daemon_running(tmp_path, text) as daemon:
        write_config(daemon.config, daemon.state, text.replace("interval", "intervall"))
        os.kill(daemon.pid, signal.SIGHUP)
        refused = daemon.wait_for("reload_refused")[0]
        assert "did you mean 'interval'" in refused["message"]
        write_config(daemon.config, daemon.state, text + rule_text("rss > 1MiB"))
        os.kill(daemon.pid, signal.SIGHUP)
        daemon.wait_for("reloaded")
        daemon.wait_for("snapshot_stored", which=lambda event: event["reason"] == "big")
        assert daemon.stop() == 0


@pytest.mark.matrix
def test_kills_lose_nothing_that_was_stored(one_python: Python, tmp_path: Path) -> None:
    """A worker killed while its clone walks, the daemon killed then, started again, the target killed: each time the rest goes on."""
    rule = rule_text("rss > 1MiB", cooldown='"1s"', max_per_day="1000")
    with running(one_python, HEAVY) as target:
        text = target_text(target, max_per_hour="1000") + rule
        before = settled_record(target)
        with daemon_running(tmp_path, text) as daemon:
            first = daemon.wait_for("snapshot_stored")[0]
            failed = kill_workers_until_one_is_missed(daemon, target)
            assert "killed by SIGKILL" in failed["message"] or "broke off" in failed["message"]
            daemon.wait_for("snapshot_stored", len(daemon.events("snapshot_stored")) + 1)
            wait_for_clone(target)
            workers = daemon.workers()
            daemon.kill()
            stored = {event["id"] for event in daemon.events("snapshot_stored")}
        assert_no_clone_stays(target)
        deadline = time.monotonic() + PATIENCE_S
        while [pid for pid in workers if Path(f"/proc/{pid}").exists()]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert settled_differences(before, target) == []
        with store_of(daemon) as store:
            assert first["id"] in stored <= {record.id for record in store.records()}
            assert os.listdir(store.files.incoming) == []
        with daemon_running(tmp_path, text) as daemon:
            wait_for_clone(target)
            target.process.kill()
            daemon.wait_for("instance_gone")
            with running(one_python, HEAVY) as successor:
                found = daemon.wait_for("instance_found", which=lambda event: event["pid"] == successor.pid)[0]
                assert found["slot"] == 0
                daemon.wait_for("snapshot_stored", which=lambda event: event["pid"] == successor.pid)
                assert daemon.stop() == 0


@pytest.mark.matrix
@pytest.mark.root
def test_a_full_disk_keeps_the_daemon_and_what_it_has(waiting: Target, tmp_path: Path) -> None:
    """The file system is full: the capture fails and says so; there is room again: the next one is kept."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    try:
        text = target_text(waiting, max_per_hour="1000") + rule_text("rss > 1MiB", cooldown='"2s"', max_per_day="1000")
        with daemon_running(tmp_path, text, state=disk / "state") as daemon:
            kept = daemon.wait_for("snapshot_stored")[0]["id"]
            with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(4096))
            failed = daemon.wait_for("capture_failed")[0]
            assert (failed["error"], "No space left" in failed["message"]) == ("snapshot_file", True), failed
            before = len(daemon.events("snapshot_stored"))
            (disk / "filler").unlink()
            daemon.wait_for("snapshot_stored", before + 1)
            assert daemon.stop() == 0
            store = Store(str(disk / "state"))
            store.open()
            assert kept in {record.id for record in store.records(kind=Kind.SNAPSHOT)}
            store.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_the_store_of_another_daemon_is_left_alone(waiting: Target, tmp_path: Path) -> None:
    """A second daemon ends at once, with the exit code for files."""
    with daemon_running(tmp_path, target_text(waiting)) as daemon:
        words = [*daemon.process.args] if isinstance(daemon.process.args, list) else []
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert done.returncode == 9
        assert "another daemon" in done.stderr
        assert daemon.stop() == 0

"""The control socket: what it answers, and to whom."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from heapscope.daemon.control.control_socket import control_socket
from heapscope.daemon.model import Outcome, Reloaded, Trigger
from heapscope.errors import (
    BudgetExceeded,
    Cancelled,
    DaemonUnavailable,
    SnapshotFileError,
    TargetGone,
    UsageError,
)
from heapscope.service.daemon_client import DaemonClient, record_path
from heapscope.service.daemon_source import find_watched
from heapscope.service.sources import open_source
from tests.support.fake_daemon import OTHER_UID, FakeDaemon, running_extension


def test_a_snapshot_is_made_listed_fetched_pinned_and_removed(
    daemon: FakeDaemon, client: DaemonClient, tmp_path: Path
) -> None:
    """The whole life of a record."""
    record = client.capture(target="api", slot=1)
    assert (record["target"], record["slot"], record["kind"], record["trigger"]) == ("api", 1, "snapshot", "api")
    assert [each["id"] for each in client.get("/v1/snapshots")] == [record["id"]]
    assert client.get("/v1/snapshots", target="other") == []
    shown = client.get(record_path(record["id"]))
    assert shown["details"]["types"][0] == {"name": "app.Session", "count": 3, "shallow_bytes": 291}
    with (tmp_path / "copy").open("w+b") as file:
        size = client.download(record["id"], file)
        file.flush()
        assert Path(file.name).read_bytes() == Path(daemon.store.path_of(daemon.store.get(record["id"]))).read_bytes()
    assert size == record["file_bytes"]
    assert client.post(record_path(record["id"], "/pin"), {"note": "before the crash"})["pinned"] is True
    assert daemon.store.get(record["id"]).note == "before the crash"
    assert client.delete(record_path(record["id"]))["id"] == record["id"]
    with pytest.raises(UsageError, match="no snapshot"):
        client.get(record_path(record["id"]))
    assert [event.kind for event in daemon.happened] == ["request"] * 4


def test_the_words_for_a_heap_go_through_the_daemon(daemon: FakeDaemon, client: DaemonClient) -> None:
    """@NAME is captured, the largest of its processes; snap:ID is fetched, by the beginning of its id as well."""
    snapshot = open_source("@api")
    record = daemon.store.records()[0]
    assert snapshot.object_count == record.objects
    assert record.slot == 0
    assert find_watched("@api", client).pid == 1000
    assert open_source(f"snap:{record.id}").object_count == record.objects
    assert open_source(f"snap:{record.id[:-2]}").object_count == record.objects
    for word, error in (
        ("@nothing", TargetGone),
        ("snap:nothing", UsageError),
        ("@", UsageError),
        ("@a b", UsageError),
    ):
        with pytest.raises(error):
            open_source(word)
    event = threading.Event()
    event.set()
    with pytest.raises(Cancelled):
        open_source(f"snap:{record.id}", cancel=event)


def test_a_daemon_that_is_not_there_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens, nobody is there, nobody may."""
    monkeypatch.setenv("HEAPSCOPE_SOCKET", str(tmp_path / "nothing"))
    with pytest.raises(DaemonUnavailable, match="no daemon listens") as caught:
        open_source("@api")
    assert caught.value.hint
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "dead"))
    dead.close()
    with pytest.raises(DaemonUnavailable, match="cannot be reached"):
        DaemonClient(str(tmp_path / "dead")).get("/v1/status")


def test_a_failed_capture_is_the_error_that_it_would_be_here(daemon: FakeDaemon, client: DaemonClient) -> None:
    """With its hint."""
    daemon.fails = Outcome("api", 0, 1, Trigger.API, error="budget", message="no head-room", hint="wait")
    with pytest.raises(BudgetExceeded, match="no head-room") as caught:
        client.capture(target="api")
    assert caught.value.hint == "wait"


@pytest.mark.usefixtures("as_ann")
def test_a_user_sees_and_captures_own_processes_only(daemon: FakeDaemon, client: DaemonClient) -> None:
    """Another user's are not even named; nothing of theirs can be had by id, captured, removed."""
    own, foreign = daemon.keep("api"), daemon.keep("other")
    assert [row["name"] for row in client.get("/v1/targets")] == ["api"]
    assert [row["id"] for row in client.get("/v1/snapshots")] == [own.id]
    assert client.capture(target="api")["target"] == "api"
    for path in (record_path(foreign.id), record_path(foreign.id, "/file")):
        with pytest.raises(UsageError, match="there is no snapshot"):
            client.get(path)
    with pytest.raises(UsageError):
        client.delete(record_path(foreign.id))
    with pytest.raises(UsageError):
        client.post(record_path(foreign.id, "/pin"))
    with pytest.raises(DaemonUnavailable, match="belongs to another user"):
        client.capture(target="other")
    with pytest.raises(DaemonUnavailable):
        client.post("/v1/reload")
    assert "store_bytes" not in client.get("/v1/status")
    assert client.delete(record_path(own.id))["id"] == own.id
    assert daemon.store.get(foreign.id) == foreign


@pytest.mark.usefixtures("as_ann")
def test_what_happened_to_others_is_not_told(daemon: FakeDaemon, client: DaemonClient) -> None:
    """Neither at once nor as it comes."""
    daemon.announce("capture", "yours", target="api", slot=0)
    daemon.announce("capture", "theirs", target="other", slot=0)
    daemon.announce("reload", "of the daemon")
    assert [event["message"] for event in client.get("/v1/events")] == ["yours"]
    assert next(client.lines("/v1/events", follow=1))["message"] == "yours"


def test_root_may_reload_and_sees_the_error(daemon: FakeDaemon, client: DaemonClient) -> None:
    """A bad configuration is an answer, not a failure."""
    daemon.uids["api"] = OTHER_UID
    assert client.post("/v1/reload") == {"error": "", "targets": ["api", "other"]}
    daemon.reloads = Reloaded(error="line 3: no such key")
    assert client.post("/v1/reload")["error"] == "line 3: no such key"


def test_a_connection_serves_several_requests(daemon: FakeDaemon) -> None:
    """Kept alive, as HTTP has it."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(daemon.config.daemon.socket)
        for _ in range(3):
            connection.sendall(b"GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n")
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert json.loads(response.read())["version"] == "1.0"


def test_the_socket_is_for_its_owner_and_the_group_and_goes_with_the_daemon(tmp_path: Path) -> None:
    """One that a dead daemon left is replaced; a living one's, and any other file, is not."""
    path = tmp_path / "control.sock"
    for left in ("nothing", "dead", "living", "file"):
        daemon = FakeDaemon(tmp_path)
        with contextlib.ExitStack() as stack:
            if left == "file":
                path.write_text("")
            if left in {"dead", "living"}:
                other = stack.enter_context(socket.socket(socket.AF_UNIX))
                other.bind(str(path))
                if left == "living":
                    other.listen()
            if left in {"living", "file"}:
                with pytest.raises(SnapshotFileError), running_extension(daemon, control_socket):
                    pass
                path.unlink()
                continue
            with running_extension(daemon, control_socket):
                assert stat.S_IMODE(path.stat().st_mode) in {0o600, 0o660}
            assert not path.exists()


def test_the_socket_of_systemd_is_used_and_left_alone(tmp_path: Path) -> None:
    """LISTEN_FDS: the descriptor stays open, for the next run."""
    daemon = FakeDaemon(tmp_path)
    with socket.socket(socket.AF_UNIX) as passed:
        passed.bind(str(tmp_path / "passed.sock"))
        passed.listen()
        with running_extension(daemon, control_socket, sockets={"control": passed.fileno()}):
            assert DaemonClient(str(tmp_path / "passed.sock")).get("/v1/status")["version"] == "1.0"
        assert os.fstat(passed.fileno())
        assert not (tmp_path / "control.sock").exists()

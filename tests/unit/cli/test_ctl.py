"""``heapscope ctl``, and sources of the daemon, on the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heapscope.cli.main import main
from heapscope.daemon.control.control_socket import control_socket
from heapscope.daemon.model import Reloaded
from heapscope.errors import ExitCode
from heapscope.snapshot.file import load_snapshot
from tests.support.fake_daemon import FakeDaemon, running_extension
from tests.support.shop import Shop


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    """A daemon that the environment names."""
    made = FakeDaemon(tmp_path)
    monkeypatch.setenv("HEAPSCOPE_SOCKET", made.config.daemon.socket)
    monkeypatch.chdir(tmp_path)
    with running_extension(made, control_socket):
        yield made


def test_every_subcommand_answers_as_json(daemon: FakeDaemon, ask: Any, tmp_path: Path) -> None:
    """List is an array; sizes are integers."""
    made = ask("ctl", "snapshot", "@api")
    assert made["target"] == "api"
    assert ask("ctl", "status")["store_records"] == 1
    assert [row["name"] for row in ask("ctl", "targets")] == ["api", "other"]
    (row,) = ask("ctl", "list", "--target", "api", "--kind", "snapshot", "-n", "5")
    assert row == made
    assert row["heap_bytes"] == Shop().snapshot().heap_bytes
    assert ask("ctl", "pin", made["id"], "--note", "why")["note"] == "why"
    assert ask("ctl", "pin", made["id"], "--off")["pinned"] is False
    got = ask("ctl", "get", made["id"], "-o", str(tmp_path / "one.heapscope"))
    assert got["path"] == str(tmp_path / "one.heapscope")
    assert load_snapshot(got["path"]).object_count == row["objects"]
    assert os.stat(got["path"]).st_mode & 0o777 == 0o600
    ask("ctl", "get", made["id"], "-o", got["path"], code=ExitCode.SNAPSHOT_FILE)
    assert ask("ctl", "rm", made["id"])["id"] == made["id"]
    assert [event["kind"] for event in ask("ctl", "events")] == ["request"] * 5
    assert ask("ctl", "events", "--after", "4")[0]["sequence"] == 5
    assert ask("ctl", "reload")["targets"] == ["api", "other"]


def test_every_subcommand_speaks_to_people(daemon: FakeDaemon, ask: Any) -> None:
    """And a file without a name is called after the record."""
    assert "13 objects" in ask("ctl", "snapshot", "1001", text=True)
    assert "store: 1 records" in ask("ctl", "status", text=True)
    assert "api --serve" in ask("ctl", "targets", text=True)
    assert "snapshot" in ask("ctl", "list", text=True)
    name = daemon.store.records()[0].id
    assert ask("ctl", "get", name[:-1], text=True).startswith(name)
    assert Path(f"{name}.heapscope").exists()
    assert "pinned" in ask("ctl", "pin", name, text=True)
    assert "reads" in ask("ctl", "events", text=True)
    assert "removed" in ask("ctl", "rm", name, text=True)
    daemon.reloads = Reloaded(error="line 3")
    ask("ctl", "reload", code=ExitCode.USAGE, text=True)
    assert "old configuration stays: line 3" in ask.said


def test_events_are_followed_one_a_line(daemon: FakeDaemon, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Until the daemon stops."""
    daemon.announce("capture", "done", target="api", slot=0)
    daemon.ends.set()
    assert main(["ctl", "events", "--follow", "--format", "json"]) == 0
    assert json.loads(capfdbinary.readouterr().out)["message"] == "done"


def test_the_daemons_heaps_are_sources_everywhere(daemon: FakeDaemon, ask: Any) -> None:
    """@NAME and snap:ID."""
    assert ask("types", "@api", "--no-retained")[0]["type"]
    name = daemon.store.records()[0].id
    assert ask("types", f"snap:{name}", "--quick")[0]["type"]
    assert ask("dominators", f"snap:{name}")[0]["retained_bytes"]
    assert "13 objects" in ask("attach", "@api", "--headless", text=True)
    assert "13 objects" in ask("open", f"snap:{name}", "--headless", text=True)
    assert "13 objects" in ask("attach", f"snap:{name}", "--headless", "--baseline", f"snap:{name}", text=True)


def test_a_daemon_that_is_not_there_is_exit_code_10(ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do."""
    monkeypatch.setenv("HEAPSCOPE_SOCKET", str(tmp_path / "nothing"))
    for words in (("attach", "@api", "--headless"), ("open", "snap:abcd"), ("types", "@api"), ("ctl", "status")):
        ask(*words, code=ExitCode.DAEMON, text=True)
        assert "no daemon listens" in ask.said
        assert "systemctl status heapscoped" in ask.said
    ask("ctl", "--socket", str(tmp_path / "elsewhere"), "status", code=ExitCode.DAEMON, text=True)
    assert "elsewhere" in ask.said

"""A daemon with a control socket, and who asks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heapscope.daemon.control import access, http_server
from heapscope.daemon.control.access import Peer
from heapscope.daemon.control.control_socket import control_socket
from heapscope.service.daemon_client import DaemonClient
from tests.support.fake_daemon import FakeDaemon, running_extension


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    """A daemon with a socket."""
    made = FakeDaemon(tmp_path)
    with running_extension(made, control_socket):
        yield made


@pytest.fixture
def client(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> DaemonClient:
    """Somebody who asks it."""
    monkeypatch.setenv("HEAPSCOPE_SOCKET", daemon.config.daemon.socket)
    return DaemonClient()


@pytest.fixture
def as_ann(monkeypatch: pytest.MonkeyPatch, daemon: FakeDaemon) -> None:
    """Every client is an ordinary user now, whose processes are those of the target api."""
    ann = 61001
    daemon.uids["api"] = ann
    monkeypatch.setattr(http_server, "read_peer", lambda _connection: Peer(ann, ann, 1, frozenset({ann})))
    monkeypatch.setattr(access.os, "geteuid", lambda: 61000)

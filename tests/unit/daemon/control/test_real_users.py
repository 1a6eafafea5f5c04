"""The control socket and users as the kernel tells them: real credentials, in threads that gave up root."""

from __future__ import annotations

import ctypes
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heapscope.daemon.config import AccessConfig
from heapscope.daemon.control.control_socket import control_socket
from heapscope.errors import DaemonUnavailable, UsageError
from heapscope.service.daemon_client import DaemonClient, record_path
from tests.support.fake_daemon import OTHER_UID, FakeDaemon, running_extension

pytestmark = pytest.mark.root

MEMBERS, ANN = 61000, 61001
_SETGROUPS, _SETRESUID, _SETRESGID = 116, 117, 119  # x86-64: of one thread, where libc's functions are of all


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    """A daemon whose socket is in a folder that everybody may enter; the target api belongs to Ann."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)
        made = FakeDaemon(Path(folder), access=AccessConfig(group=str(MEMBERS)))
        made.uids["api"] = ANN
        with running_extension(made, control_socket):
            yield made


def as_user(uid: int, groups: list[int], work: Callable[[], Any]) -> Any:
    """Run something in a thread that is another user."""
    libc = ctypes.CDLL(None, use_errno=True)
    results: list[Any] = []

    def run() -> None:
        numbers = (ctypes.c_uint32 * len(groups))(*groups)
        for call in ((_SETGROUPS, len(groups), numbers), (_SETRESGID, uid, uid, uid), (_SETRESUID, uid, uid, uid)):
            assert libc.syscall(*call) == 0
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - handed over
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def test_who_is_not_in_the_group_cannot_connect(daemon: FakeDaemon) -> None:
    """The permissions of the socket say so; the message tells what to do."""
    client = DaemonClient(daemon.config.daemon.socket)
    with pytest.raises(DaemonUnavailable, match="may not speak") as caught:
        as_user(ANN, [], lambda: client.get("/v1/status"))
    assert "usermod" in caught.value.hint


def test_a_member_has_own_processes_and_no_others(daemon: FakeDaemon) -> None:
    """At the API, and at the files."""
    own, foreign = daemon.keep("api"), daemon.keep("other")
    client = DaemonClient(daemon.config.daemon.socket)

    def ask(uid: int, work: Callable[[], Any]) -> Any:
        return as_user(uid, [MEMBERS], work)

    assert ask(ANN, lambda: client.get("/v1/status")["uid"]) == ANN
    assert ask(ANN, lambda: client.capture(target="api"))["uid"] == ANN
    assert {row["target"] for row in ask(ANN, lambda: client.get("/v1/snapshots"))} == {"api"}
    assert {row["target"] for row in ask(OTHER_UID, lambda: client.get("/v1/snapshots"))} == {"other"}
    with pytest.raises(UsageError, match="no snapshot"):
        ask(ANN, lambda: client.get(record_path(foreign.id)))
    with pytest.raises(DaemonUnavailable, match="another user"):
        ask(ANN, lambda: client.capture(target="other"))
    for record in (own, foreign):
        path = daemon.store.path_of(record)
        with pytest.raises(PermissionError):
            ask(ANN, lambda path=path: Path(path).read_bytes())

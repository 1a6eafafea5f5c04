"""What the control socket survives: noise, slowness, greed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from heapscope.daemon.control import http_server
from heapscope.errors import (
    DaemonUnavailable,
)
from heapscope.service.daemon_client import DaemonClient, record_path
from tests.support.examples import rounds
from tests.support.fake_daemon import FakeDaemon

PATIENCE_S = 120.0


def raw(daemon: FakeDaemon, data: bytes, *, ends: bool = False) -> bytes:
    """Send bytes, and read until the end; or say that no more will come, which may overtake the answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(daemon.config.daemon.socket)
        with contextlib.suppress(OSError):
            connection.sendall(data)
            if ends:
                connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(OSError):
            while part := connection.recv(65536):
                answer += part
        return answer


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/", None, 404),
        ("PUT", "/v1/status", None, 405),
        ("GET", "/v1/snapshots?limit=x", None, 400),
        ("GET", "/v1/snapshots?limit=99999999999999999999", None, 400),
        ("GET", "/v1/snapshots?kind=everything", None, 400),
        ("GET", "/v1/snapshots/..%2f..%2fetc%2fpasswd", None, 404),
        ("GET", "/v1/snapshots/%00", None, 400),
        ("GET", "/v1/snapshots/" + "x" * 4000, None, 400),
        ("POST", "/v1/snapshots", b"{}", 400),
        ("POST", "/v1/snapshots", b"[]", 400),
        ("POST", "/v1/snapshots", b"\xff\xfe", 400),
        ("POST", "/v1/snapshots", b"[" * 50_000, 400),
        ("POST", "/v1/snapshots", b'{"target": 5}', 400),
        ("POST", "/v1/snapshots", b'{"slot": true, "target": "api"}', 400),
        ("POST", "/v1/snapshots", b'{"uid": 0}', 400),
        ("POST", "/v1/snapshots", b'{"target": "nobody"}', 404),
        ("POST", "/v1/snapshots", b'{"target": "' + b"x" * 100_000 + b'"}', 413),
    ],
)
def test_wrong_requests_are_told_so(
    daemon: FakeDaemon, method: str, path: str, body: bytes | None, status: int
) -> None:
    """With an error of ours, whatever is wrong."""
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body or b'')}\r\n\r\n"
    answer = raw(daemon, head.encode() + (body or b""))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert set(error) == {"code", "message", "hint"}


def test_a_thousand_malformed_requests_do_no_harm(daemon: FakeDaemon, client: DaemonClient) -> None:
    """Noise, half requests, impossible headers: each ends, and the next proper request is answered."""
    chance = random.Random(7)
    good = b"GET /v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    for number in range(rounds(250, 1000)):
        kind = number % 5
        if kind == 0:
            data = chance.randbytes(chance.randrange(1, 300))
        elif kind == 1:
            data = good[: chance.randrange(len(good))]
        elif kind == 2:
            data = bytearray(good)
            for _ in range(3):
                data[chance.randrange(len(data))] = chance.randrange(256)
        elif kind == 3:
            data = b"GET /" + b"a" * chance.randrange(40_000) + b" HTTP/1.1\r\n" + b"x: y\r\n" * chance.randrange(400)
        else:
            data = b"POST /v1/reload HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + chance.randbytes(20)
        raw(daemon, bytes(data), ends=True)
    assert client.get("/v1/status")["version"] == "1.0"
    assert not [event for event in daemon.happened if event.kind == "error"]


def test_a_client_that_never_reads_blocks_nobody(
    daemon: FakeDaemon, client: DaemonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it is bounded, and its connection ends at the deadline."""
    monkeypatch.setattr(http_server, "STALL_S", 0.3)
    record = daemon.keep("api")
    with Path(daemon.store.path_of(record)).open("r+b") as file:
        file.truncate(64 << 20)
    with socket.socket(socket.AF_UNIX) as hostile:
        hostile.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        hostile.connect(daemon.config.daemon.socket)
        hostile.sendall(f"GET {record_path(record.id, '/file')} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert client.get("/v1/status")["version"] == "1.0"
        hostile.settimeout(PATIENCE_S)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:  # it gives up reading at once; the rest must be cut off
            time.sleep(0.1)
            try:
                hostile.send(b"x")
            except (BrokenPipeError, ConnectionResetError):
                break
        else:
            pytest.fail("the connection lives on")


def test_a_client_that_sends_slowly_is_cut_off(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a header, then nothing; nothing at all."""
    monkeypatch.setattr(http_server, "REQUEST_S", 0.2)
    for sent in (b"", b"GET /v1/status HT", b"POST /v1/snapshots HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12"):
        with socket.socket(socket.AF_UNIX) as slow:
            slow.settimeout(PATIENCE_S)
            slow.connect(daemon.config.daemon.socket)
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # it may be over before all is sent
                slow.sendall(sent)
                while slow.recv(4096):
                    pass


@pytest.mark.usefixtures("as_ann")
def test_one_user_cannot_take_all_connections(daemon: FakeDaemon, client: DaemonClient) -> None:
    """More than a few at once are closed; when they go, there is room again."""
    held = []
    for _ in range(http_server.MAX_PER_USER):
        held.append(socket.socket(socket.AF_UNIX))
        held[-1].connect(daemon.config.daemon.socket)
    with pytest.raises(DaemonUnavailable):
        client.get("/v1/status")
    for each in held:
        each.close()
    for _ in range(1000):  # the server hears of it a moment later
        with contextlib.suppress(DaemonUnavailable):
            assert client.get("/v1/status")["uid"] == 61001
            break
        time.sleep(0.02)
    else:
        pytest.fail("no room")


def test_text_of_targets_is_cleaned(daemon: FakeDaemon, client: DaemonClient) -> None:
    """Names and commands are foreign."""
    original = daemon.instance

    def hostile(name: str, slot: int = 0) -> Any:
        status = original(name, slot)
        process = type(status.instance.process)(7, 8, 9.0, uid=os.getuid(), command="\x1b[31m\ud800" + "x" * 5000)
        return type(status)(type(status.instance)(name, slot, process))

    daemon.instance = hostile  # type: ignore[method-assign]
    command = client.get("/v1/targets")[0]["instances"][0]["process"]["command"]
    assert command.isprintable()
    assert len(command) <= 1000

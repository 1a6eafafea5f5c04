"""What the client does where a daemon closes early: a request is done once, whatever was seen of it."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heapscope.errors import DaemonUnavailable
from heapscope.service import daemon_client
from heapscope.service.daemon_client import DaemonClient

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\nconnection: close\r\n\r\n{"done": 42}'

Listen = Callable[[Callable[[socket.socket], object]], DaemonClient]


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Listen]:
    """Serve connections, one after the other."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / "control.sock"))
    listener.listen(8)

    def serve(handle: Callable[[socket.socket], object]) -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            with connection:
                handle(connection)

    def start(handle: Callable[[socket.socket], object]) -> DaemonClient:
        threading.Thread(target=serve, args=(handle,), daemon=True).start()
        return DaemonClient(str(tmp_path / "control.sock"))

    yield start
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_a_request_goes_in_one_piece(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a daemon that answers as soon as it has the head, and closes, leaves nothing to break off."""
    sent: list[bytes] = []
    send = http.client.HTTPConnection.send
    monkeypatch.setattr(http.client.HTTPConnection, "send", lambda self, data: (sent.append(data), send(self, data)))
    client = listen(lambda connection: (connection.recv(1 << 16), connection.sendall(ANSWER)))
    assert client.post("/v1/reload", {"some": "thing"}) == {"done": 42}
    (piece,) = sent
    assert piece.startswith(b"POST /v1/reload HTTP/1.1\r\n")
    assert piece.endswith(b'\r\n\r\n{"some": "thing"}')


def test_a_conversation_closed_unread_is_begun_again(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice here; the client is held until it was closed, so that it sees a broken pipe for sure."""
    met: list[bytes] = []

    def close_two_then_answer(connection: socket.socket) -> None:
        met.append(b"" if len(met) < 2 else connection.recv(1 << 16))
        if met[-1]:
            connection.sendall(ANSWER)

    connect = daemon_client._Connection.connect

    def connect_and_see(self: daemon_client._Connection) -> None:
        connect(self)
        if len(met) < 2:
            assert self.sock.recv(1, socket.MSG_PEEK) == b""

    monkeypatch.setattr(daemon_client._Connection, "connect", connect_and_see)
    monkeypatch.setattr(daemon_client, "RETRY_AFTER_S", (0.0, 0.0))
    assert listen(close_two_then_answer).post("/v1/reload") == {"done": 42}
    assert [bool(request) for request in met] == [False, False, True]


def test_a_request_that_was_read_is_not_sent_again(listen: Listen) -> None:
    """It may have been done."""
    met: list[bytes] = []
    with pytest.raises(DaemonUnavailable, match="cannot be reached"):
        listen(lambda connection: met.append(connection.recv(1 << 16))).post("/v1/reload")
    assert len(met) == 1

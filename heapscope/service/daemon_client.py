"""The other side of the control socket: asks the daemon, over HTTP on a Unix socket, with nothing but the standard library.

Never trusts the length of an answer, and never waits without a deadline. Not safe to share between threads.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import IO, Any

from heapscope.errors import (
    BudgetExceeded,
    Cancelled,
    CaptureInconsistent,
    DaemonUnavailable,
    HeapscopeError,
    PermissionRefused,
    SnapshotFileError,
    TargetGone,
    UnsupportedTarget,
    UsageError,
)
from heapscope.units import clean_text

DEFAULT_SOCKET = "/run/heapscope/control.sock"
SOCKET_VARIABLE = "HEAPSCOPE_SOCKET"
RETRY_AFTER_S = (0.05, 0.2, 0.5)
ANSWER_S = 30.0
CAPTURE_S = 660.0  # a capture waits for its turn; the daemon gives up first
MAX_ANSWER = 64 << 20
_CHUNK = 256 << 10
_HINT = "systemctl status heapscoped; or name its socket with --socket or HEAPSCOPE_SOCKET"

_ERRORS: dict[str, type[HeapscopeError]] = {
    "usage": UsageError,
    "target_gone": TargetGone,
    "unsupported": UnsupportedTarget,
    "permission": PermissionRefused,
    "inconsistent": CaptureInconsistent,
    "budget": BudgetExceeded,
    "snapshot_file": SnapshotFileError,
    "daemon": DaemonUnavailable,
}


class _Connection(http.client.HTTPConnection):
    """Sends head and body in one piece, where http.client makes two of them.

    A daemon that answers on the head alone, and closes, would break off the body, and with it the conversation. In one piece a
    broken pipe says that nothing was read, so that the request may be sent again.
    """

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("heapscope", timeout=timeout)
        self._path = path
        self._pieces: list[bytes] = []

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def send(self, data: Any) -> None:  # noqa: ANN401 - as the base class has it; here always bytes
        self._pieces.append(data)

    def request(self, *given: Any, **options: Any) -> None:
        super().request(*given, **options)
        super().send(b"".join(self._pieces))


class DaemonClient:
    """Asks one daemon; every question is a connection of its own."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path or os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET

    def get(self, path: str, **query: str | int | None) -> Any:  # noqa: ANN401 - JSON values of any kind
        """Ask for something. Raises DaemonUnavailable, or what the daemon says went wrong."""
        return self._ask("GET", path, query=query)

    def post(self, path: str, body: dict[str, Any] | None = None, *, timeout_s: float = ANSWER_S) -> Any:  # noqa: ANN401 - as above
        """Ask to do something. Raises as ``get``."""
        return self._ask("POST", path, body=body or {}, timeout_s=timeout_s)

    def delete(self, path: str) -> Any:  # noqa: ANN401 - as above
        """Ask to remove something. Raises as ``get``."""
        return self._ask("DELETE", path)

    def capture(self, *, target: str | None = None, slot: int | None = None, pid: int | None = None) -> dict[str, Any]:
        """Have an instance captured and kept; return its record.

        Raises:
            DaemonUnavailable: the daemon does not answer, or refuses.
            HeapscopeError: the capture failed; as capturing oneself would raise.
        """
        wanted = {"target": target, "slot": slot, "pid": pid}
        body = {name: value for name, value in wanted.items() if value is not None}
        outcome = self.post("/v1/snapshots", body, timeout_s=CAPTURE_S)
        record = outcome.get("record") if isinstance(outcome, dict) else None
        if not isinstance(record, dict):
            raise _failure(outcome if isinstance(outcome, dict) else {}, code_key="error")
        return record

    def download(
        self,
        record_id: str,
        file: IO[bytes],
        progress: Callable[[float], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> int:
        """Copy the snapshot of a record into an open file; return its size. Raises as ``get``, and Cancelled."""
        with self._open("GET", f"/v1/snapshots/{_quoted(record_id)}/file", ANSWER_S) as response:
            size = response.length or 0
            got = 0
            while chunk := self._read(response, _CHUNK):
                if cancel is not None and cancel.is_set():
                    raise Cancelled("The download was given up")
                file.write(chunk)
                got += len(chunk)
                if progress is not None and size:
                    progress(got / max(size, got))
            if response.length:
                raise DaemonUnavailable("the daemon ended in the middle of a snapshot", hint=_HINT)
            return got

    def lines(self, path: str, **query: str | int | None) -> Iterator[Any]:
        """Yield JSON values as they come, one a line. Raises as ``get``."""
        with self._open("GET", _with_query(path, query), None) as response:
            try:
                while line := response.readline(1 << 20):
                    yield json.loads(line)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise DaemonUnavailable("the daemon ended the conversation", hint=_HINT) from error

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str | int | None] | None = None,
        body: dict[str, Any] | None = None,
        timeout_s: float = ANSWER_S,
    ) -> Any:  # noqa: ANN401 - JSON values of any kind
        with self._open(method, _with_query(path, query or {}), timeout_s, body) as response:
            return _parsed(self._read(response, MAX_ANSWER + 1))

    def _open(
        self, method: str, path: str, timeout_s: float | None, body: dict[str, Any] | None = None
    ) -> http.client.HTTPResponse:
        data = None if body is None else json.dumps(body).encode()
        connection = self._send(method, path, timeout_s, data)
        try:
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._unreachable(error) from error
        if response.status >= 400 and response.status != 409:  # 409: a capture that failed, said in its own words
            said = _parsed(self._read(response, MAX_ANSWER))
            connection.close()
            raise _failure(said.get("error", {}) if isinstance(said, dict) else {}, code_key="code")
        return response

    def _send(self, method: str, path: str, timeout_s: float | None, data: bytes | None) -> _Connection:
        """Send a request. A daemon that has too many conversations closes a new one unread: then once more, a little later."""
        for pause_s in (*RETRY_AFTER_S, None):
            connection = _Connection(self.path, timeout_s if timeout_s is not None else 86400.0)
            try:
                connection.request(method, path, body=data, headers={"connection": "close"})
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if pause_s is None or not isinstance(error, BrokenPipeError):
                    raise self._unreachable(error) from error
                time.sleep(pause_s)
            else:
                break
        return connection

    def _read(self, response: http.client.HTTPResponse, size: int) -> bytes:
        try:
            data = response.read(size)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        if len(data) > MAX_ANSWER:
            raise DaemonUnavailable("the daemon's answer is too long", hint=_HINT)
        return data

    def _unreachable(self, error: Exception) -> DaemonUnavailable:
        shown = clean_text(self.path, 200)
        if isinstance(error, PermissionError):
            return DaemonUnavailable(
                f"this user may not speak with the daemon at {shown}",
                hint="sudo usermod -aG heapscope $USER, then log in again",
            )
        if isinstance(error, FileNotFoundError):
            return DaemonUnavailable(f"no daemon listens at {shown}", hint=_HINT)
        reason = "it does not answer" if isinstance(error, TimeoutError) else type(error).__name__
        said = error.strerror if isinstance(error, OSError) and error.strerror else reason
        return DaemonUnavailable(f"the daemon at {shown} cannot be reached: {said}", hint=_HINT)


def record_path(record_id: str, what: str = "") -> str:
    """Return the path of a record in the API."""
    return f"/v1/snapshots/{_quoted(record_id)}{what}"


def _quoted(text: str) -> str:
    return urllib.parse.quote(text.removeprefix("snap:"), safe="")


def _with_query(path: str, query: dict[str, str | int | None]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urllib.parse.urlencode(given)}" if given else path


def _parsed(data: bytes) -> Any:  # noqa: ANN401 - JSON values of any kind
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DaemonUnavailable("the daemon's answer makes no sense", hint=_HINT) from error


def _failure(said: dict[str, Any], *, code_key: str) -> HeapscopeError:
    kind = _ERRORS.get(str(said.get(code_key)), DaemonUnavailable)
    message = clean_text(str(said.get("message") or "the daemon refuses"), 500)
    return kind(message, hint=clean_text(str(said.get("hint") or ""), 500))

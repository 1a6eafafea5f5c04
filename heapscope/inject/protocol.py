"""Messages between heapscope and its injection helper: JSON, one per datagram, descriptors beside it. No I/O of its own kind.

host -> helper   {"request": {...}}, then {"cancel": true} or {"release": true}; a closed socket means release
helper -> host   {"state": text}*, then {"clone": {...}} with two descriptors, or {"error": {...}};
after release {"released": {"reaped": bool}}
"""

from __future__ import annotations

import json
import socket

from heapscope import errors

MAX_MESSAGE = 1 << 17


def send_message(channel: socket.socket, message: dict[str, object], descriptors: tuple[int, ...] = ()) -> None:
    """Send one message, with descriptors if any.

    Raises:
        OSError: the other side is gone.
    """
    socket.send_fds(channel, [json.dumps(message).encode()], list(descriptors))


def receive_message(channel: socket.socket) -> tuple[dict[str, object], list[int]] | None:
    """Receive one message; None when the other side has closed.

    Raises:
        TimeoutError: nothing came within the socket's time-out.
    """
    try:
        data, descriptors, _flags, _address = socket.recv_fds(channel, MAX_MESSAGE, 2)
    except ConnectionError:
        return None
    if not data:
        return None
    message = json.loads(data)
    assert isinstance(message, dict)
    return message, descriptors


def encode_error(error: errors.HeapscopeError) -> dict[str, object]:
    """Return an error as a message part."""
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint}


def decode_error(part: object) -> errors.HeapscopeError:
    """Return the error that the helper met; an unknown kind becomes a plain HeapscopeError."""
    if not isinstance(part, dict):
        return errors.HeapscopeError("the injection helper said something that makes no sense")
    kind = getattr(errors, str(part.get("type")), errors.HeapscopeError)
    if not (isinstance(kind, type) and issubclass(kind, errors.HeapscopeError)):
        kind = errors.HeapscopeError
    return kind(str(part.get("message", "")), hint=str(part.get("hint", "")))

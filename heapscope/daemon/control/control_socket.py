"""The control socket as a part of the daemon: systemd's, or one of our own.

Never decides anything: app.py answers.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping

from heapscope.daemon.control.app import ControlApi
from heapscope.daemon.control.counts import RequestCounts
from heapscope.daemon.control.http_server import open_unix_listener, serving
from heapscope.daemon.model import Daemon

NAME = "control"  # FileDescriptorName in heapscoped.socket


@contextlib.asynccontextmanager
async def control_socket(
    daemon: Daemon, sockets: Mapping[str, int], *, counts: RequestCounts | None = None
) -> AsyncIterator[None]:
    """Answer requests as long as the context lasts; without a path and without systemd's socket there is none."""
    path = daemon.config.daemon.socket
    passed = sockets.get(NAME)
    if passed is None and not path:
        yield
        return
    # A copy: systemd's descriptor stays open, so that nobody is refused between two runs.
    listener = (
        socket.socket(fileno=os.dup(passed))
        if passed is not None
        else open_unix_listener(path, daemon.config.daemon.access.group)
    )
    mine = None if passed is not None else os.stat(path)
    try:
        async with serving(ControlApi(daemon, counts or RequestCounts()).application(), listener):
            yield
    finally:
        if mine is not None:
            with contextlib.suppress(OSError):
                now = os.stat(path)
                if (now.st_dev, now.st_ino) == (mine.st_dev, mine.st_ino):
                    os.unlink(path)

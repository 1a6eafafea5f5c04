"""HTTP for strangers: uvicorn's protocol with limits on what a client may cost, in time, memory and connections.

Never waits for a client: what is not sent, or not read, within its deadline ends the connection, and only that one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from heapscope.daemon.control.access import Peer, read_peer
from heapscope.errors import SnapshotFileError
from heapscope.units import clean_text

REQUEST_S = 10.0  # to send a whole request
STALL_S = 20.0  # in which a client must read what waits for it
KEEP_ALIVE_S = 15
MAX_HEADER = 16 << 10
MAX_BODY = 64 << 10
MAX_CONNECTIONS = 64
MAX_PER_USER = 16
WRITE_BUFFER = 256 << 10
STOP_S = 2.0

Application = Callable[..., Any]

logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # it tells of every malformed request


class Connections:
    """How many connections each user has, of those to one listener."""

    def __init__(self) -> None:
        self._by_uid: Counter[int] = Counter()
        self.open: set[LimitedProtocol] = set()

    def admit(self, connection: LimitedProtocol, uid: int) -> bool:
        """Count a connection, unless there are too many."""
        is_root = uid in {0, os.geteuid()}
        if len(self.open) >= MAX_CONNECTIONS + 4 * is_root or (self._by_uid[uid] >= MAX_PER_USER and not is_root):
            return False
        self.open.add(connection)
        self._by_uid[uid] += 1
        return True

    def leave(self, connection: LimitedProtocol, uid: int) -> None:
        """Count it no longer."""
        if connection in self.open:
            self.open.remove(connection)
            self._by_uid[uid] -= 1


class LimitedProtocol(H11Protocol):
    """One connection. Its peer is in the request's state; on TCP it is nobody."""

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._connections_open = connections
        self._peer = Peer(-1, -1, 0)
        self._request_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Find out who it is, and whether it is one too many."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        connection = transport.get_extra_info("socket")
        try:
            if connection.family == socket.AF_UNIX:
                self._peer = read_peer(connection)
        except OSError:
            transport.abort()
            return
        if not self._connections_open.admit(self, self._peer.uid):
            transport.abort()
            return
        self.app_state = {**self.app_state, "peer": self._peer}
        self._watch_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the timers go."""
        super().connection_lost(exc)
        self._connections_open.leave(self, self._peer.uid)
        for timer in (self._request_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; what cannot be understood ends the connection."""
        if self.transport.is_closing():
            return
        try:
            super().data_received(data)
        except Exception:  # noqa: BLE001 - the boundary: bytes of a stranger
            self.transport.abort()
            return
        self._watch_request()

    def pause_writing(self) -> None:
        """The client does not read: it has so long to go on."""
        super().pause_writing()
        if self._stall_timer is None:
            self._stall_timer = self.loop.call_later(STALL_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, also one whose last answer was never read."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
            return
        super().timeout_keep_alive_handler()

    def _watch_request(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        is_awaited = cycle is None or cycle.response_complete or cycle.more_body
        if is_awaited and self._request_timer is None:
            self._request_timer = self.loop.call_later(REQUEST_S, self._request_is_late)
        elif not is_awaited and self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _request_is_late(self) -> None:
        self._request_timer = None
        cycle: RequestResponseCycle | None = self.cycle
        is_idle = cycle is not None and cycle.response_complete and self.timeout_keep_alive_task is not None
        if not is_idle:  # the keep-alive timer has it then
            self.transport.abort()


@contextlib.asynccontextmanager
async def serving(application: Application, listener: socket.socket) -> AsyncIterator[Connections]:
    """Serve an ASGI application on a listening socket as long as the context lasts. The socket is closed afterwards."""
    config = uvicorn.Config(
        application,
        http=H11Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=MAX_HEADER,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    config.load()
    state, connections = ServerState(), Connections()

    def protocol() -> LimitedProtocol:
        return LimitedProtocol(connections, config=config, server_state=state, app_state={})

    listener.settimeout(0)
    loop = asyncio.get_running_loop()
    make: Any = loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
    server = await make(protocol, sock=listener)
    try:
        yield connections
    finally:
        server.close()
        for connection in list(connections.open):
            connection.shutdown()
        waiting = [task for task in state.tasks if not task.done()]
        if waiting:
            await asyncio.wait(waiting, timeout=STOP_S)
        for task in waiting:
            task.cancel()
        for connection in list(connections.open):
            connection.transport.abort()
        await asyncio.sleep(0)  # transports end in the next turn of the loop
        await server.wait_closed()


def open_unix_listener(path: str, group: str) -> socket.socket:
    """Make a listening socket in the file system, for its owner and a group; one that a dead process left is replaced.

    Raises:
        SnapshotFileError: something else is there, or the folder does not take it.
    """
    shown = clean_text(path, 200)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        _make_room(path)
        mask = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(mask)
        if _give_to_group(path, group):
            os.chmod(path, 0o660)
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise SnapshotFileError(f"cannot listen at {shown}: {reason}", hint="set daemon.socket") from error
    return listener


def _give_to_group(path: str, group: str) -> bool:
    import grp  # noqa: PLC0415 - once

    if not group:
        return False
    try:
        os.chown(path, -1, int(group) if group.isdigit() else grp.getgrnam(group).gr_gid)
    except (KeyError, PermissionError):
        return False  # then it is the owner's alone
    return True


def _make_room(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(17, "another file is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise FileExistsError(98, "another daemon listens there")

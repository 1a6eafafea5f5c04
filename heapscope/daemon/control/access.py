"""Who asks at the control socket, and what may be seen and done: the kernel's word for it, and the configuration's.

Never trusts what a client says about itself, a pid least of all.

    root, and the daemon's own user      everything
    the user of a process                its target, its records, captures of it, removing its records
    a group in the target's allow_groups the same, but for removing
    everybody else who can connect       the daemon's status

Who can connect is decided by the permissions of the socket (daemon.access.group).
"""

from __future__ import annotations

import grp
import os
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from heapscope.daemon.config import Config
from heapscope.daemon.model import InstanceStatus, Record

SO_PEERGROUPS = 59
MAX_GROUPS = 256  # getsockopt of Python takes 1,024 bytes
_CREDENTIALS = struct.Struct("iII")


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as it was when it connected. ``groups`` includes its own group."""

    uid: int
    gid: int
    pid: int
    groups: frozenset[int] = frozenset()

    @property
    def is_admin(self) -> bool:
        """Root, or the user that the daemon runs as."""
        return self.uid in {0, os.geteuid()}

    def __str__(self) -> str:
        return f"uid {self.uid}"


def read_peer(connection: socket.socket) -> Peer:
    """Ask the kernel who is at the other end of a Unix socket. Raises OSError where it is none."""
    size = _CREDENTIALS.size
    pid, uid, gid = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    try:
        data = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 4 * MAX_GROUPS)
    except OSError:  # more groups than fit: those are not counted, which only takes rights away
        data = b""
    groups = struct.unpack(f"{len(data) // 4}I", data)
    return Peer(uid, gid, pid, frozenset({gid, *groups}))


class Policy:
    """The rules under one configuration. Names of groups are looked up once."""

    def __init__(self, config: Config) -> None:
        self._groups: Mapping[str, frozenset[int]] = {
            target.name: frozenset(_group_numbers(target.allow_groups)) for target in config.target
        }

    def may_see(self, peer: Peer, record: Record) -> bool:
        """Whether a peer may see a record, and have its snapshot."""
        return self._may(peer, record.target, record.uid)

    def may_use(self, peer: Peer, status: InstanceStatus) -> bool:
        """Whether a peer may see an instance, and capture it."""
        return self._may(peer, status.instance.target, status.instance.process.uid)

    def may_remove(self, peer: Peer, record: Record) -> bool:
        """Whether a peer may remove a record."""
        return peer.is_admin or peer.uid == record.uid

    def _may(self, peer: Peer, target: str, uid: int) -> bool:
        allowed = self._groups.get(target, frozenset())
        return peer.is_admin or peer.uid == uid or not allowed.isdisjoint(peer.groups)


def _group_numbers(names: Iterable[str]) -> Iterable[int]:
    for name in names:
        if name.isdigit():
            yield int(name)
            continue
        try:
            yield grp.getgrnam(name).gr_gid
        except KeyError:
            continue  # a group that does not exist has no members

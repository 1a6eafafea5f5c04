"""Who may see and do what."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from heapscope.daemon.config import Config, MatchConfig, TargetConfig
from heapscope.daemon.control.access import Peer, Policy, read_peer
from heapscope.daemon.model import Instance, InstanceStatus, Kind, Process, Record, Trigger

ANN, BOB, DEVELOPERS = 61001, 61002, 62000


def policy(*groups: str) -> Policy:
    """Rules with one target."""
    target = TargetConfig(name="api", match=MatchConfig(name="api"), allow_groups=groups)
    return Policy(Config(schema=1, target=(target,)))


def record(uid: int, target: str = "api") -> Record:
    """A record of somebody's process."""
    return Record("r", Kind.SNAPSHOT, target, 0, 1.0, Trigger.API, uid=uid)


def instance(uid: int) -> InstanceStatus:
    """An instance of somebody's process."""
    return InstanceStatus(Instance("api", 0, Process(5, 6, 7.0, uid=uid)))


@pytest.mark.parametrize(
    ("peer", "groups", "sees", "removes"),
    [
        (Peer(ANN, ANN, 1), (), True, True),
        (Peer(BOB, BOB, 1), (), False, False),
        (Peer(0, 0, 1), (), True, True),
        (Peer(os.geteuid(), 5, 1), (), True, True),
        (Peer(BOB, BOB, 1, frozenset({DEVELOPERS})), (str(DEVELOPERS),), True, False),
        (Peer(BOB, BOB, 1, frozenset({BOB})), (str(DEVELOPERS), "no-such-group"), False, False),
        (Peer(-1, -1, 0), (), False, False),
    ],
)
def test_the_user_of_a_process_and_groups_of_its_target_may_see_it(
    peer: Peer, groups: tuple[str, ...], sees: bool, removes: bool
) -> None:
    """Nobody else but root and the daemon's own user; a target that is no longer configured has no groups."""
    rules = policy(*groups)
    assert rules.may_see(peer, record(ANN)) is sees
    assert rules.may_use(peer, instance(ANN)) is sees
    assert rules.may_remove(peer, record(ANN)) is removes
    if peer.uid == BOB:
        assert not rules.may_see(peer, record(ANN, "gone"))


def test_the_kernel_says_who_is_at_the_other_end(tmp_path: Path) -> None:
    """With all its groups."""
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        peer = read_peer(here)
    assert (peer.uid, peer.gid, peer.pid) == (os.geteuid(), os.getegid(), os.getpid())
    assert peer.groups == {os.getegid(), *os.getgroups()}

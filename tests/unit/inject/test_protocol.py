"""Messages between heapscope and its injection helper."""

from __future__ import annotations

import os
import socket

import pytest

from heapscope import errors
from heapscope.inject.client import new_clone_name
from heapscope.inject.injectors import injectors_for
from heapscope.inject.protocol import decode_error, encode_error, receive_message, send_message


@pytest.fixture
def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of the helper's kind of socket."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def test_a_message_carries_descriptors(pair: tuple[socket.socket, socket.socket]) -> None:
    """Numbers differ on both sides; the open file is the same."""
    ours, theirs = pair
    read_end, write_end = os.pipe()
    with ours, theirs:
        send_message(ours, {"clone": {"pid": 3}}, (read_end, write_end))
        os.close(read_end)
        os.close(write_end)
        received = receive_message(theirs)
        assert received is not None
        message, (their_read, their_write) = received
        os.write(their_write, b"x")
        assert os.read(their_read, 1) == b"x"
        assert message == {"clone": {"pid": 3}}
        os.close(their_read)
        os.close(their_write)


def test_a_closed_socket_is_none(pair: tuple[socket.socket, socket.socket]) -> None:
    """The helper takes that for "release"."""
    ours, theirs = pair
    ours.close()
    with theirs:
        assert receive_message(theirs) is None


def test_an_error_keeps_its_kind_message_and_hint() -> None:
    """The exit code depends on the kind."""
    original = errors.PermissionRefused("no", hint="do that")
    copy = decode_error(encode_error(original))
    assert type(copy) is errors.PermissionRefused
    assert (copy.message, copy.hint) == ("no", "do that")


@pytest.mark.parametrize("part", [None, {"type": "os"}, {"type": "ExitCode", "message": "x"}, {}])
def test_an_unknown_error_is_a_plain_one(part: object) -> None:
    """Also when the name is one of another thing in the module."""
    assert type(decode_error(part)) is errors.HeapscopeError


def test_clone_names_fit_and_differ() -> None:
    """15 bytes are all that the kernel keeps."""
    names = {new_clone_name() for _ in range(50)}
    assert all(len(name.encode()) == 15 for name in names)
    assert len(names) > 45


def test_an_unknown_injector_is_a_usage_error() -> None:
    """With the ones that exist in the hint."""
    with pytest.raises(errors.UsageError) as caught:
        list(injectors_for(1, "telepathy"))
    assert "remote_exec" in caught.value.hint

"""Commands to a serving clone, over real pipes with the clone's part played here."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from heapscope.errors import CaptureInconsistent
from heapscope.inject import server
from heapscope.inject.server import COMMAND_SIZE, CloneServer, Command


@dataclass
class Clone:
    """The clone's ends of the pipes."""

    commands: int
    results: int

    def taken(self) -> tuple[int, ...]:
        """Read one command."""
        return struct.unpack("<8Q", os.read(self.commands, COMMAND_SIZE))

    def answer(self, result: int) -> None:
        """Write one result."""
        os.write(self.results, struct.pack("<q", result))


@pytest.fixture
def pair() -> Iterator[tuple[CloneServer, Clone]]:
    """A server and its clone."""
    commands, command_fd = os.pipe()
    result_fd, results = os.pipe()
    clone = Clone(commands, results)
    yield CloneServer(command_fd, result_fd), clone
    for descriptor in (clone.commands, command_fd, result_fd, clone.results):
        if descriptor >= 0:
            os.close(descriptor)


def test_a_system_call_is_asked_for_and_its_result_returned(pair: tuple[CloneServer, Clone]) -> None:
    """Negative arguments travel as the kernel takes them."""
    asked, clone = pair
    clone.answer(0x7F0000001000)
    assert asked.system_call(9, 0, 4096, 5, 0x22, -1, 0) == 0x7F0000001000
    assert clone.taken() == (Command.SYSTEM_CALL, 9, 0, 4096, 5, 0x22, 2**64 - 1, 0)


def test_addresses_in_the_upper_half_are_results_and_no_errors(pair: tuple[CloneServer, Clone]) -> None:
    """Only -4095 to -1 are errors."""
    asked, clone = pair
    clone.answer(-4096)
    assert asked.system_call(9) == -4096


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOMEM, 4095])
def test_an_error_of_the_kernel_is_an_os_error(pair: tuple[CloneServer, Clone], number: int) -> None:
    """Such as that of a limit or a security policy."""
    asked, clone = pair
    clone.answer(-number)
    with pytest.raises(OSError, match="system call 9 in the clone") as caught:
        asked.system_call(9)
    assert caught.value.errno == number


def test_a_clone_that_ended_does_not_answer(pair: tuple[CloneServer, Clone]) -> None:
    """End of file."""
    asked, clone = pair
    os.close(clone.results)
    clone.results = -1
    with pytest.raises(CaptureInconsistent, match="does not answer"):
        asked.system_call(9)


def test_a_clone_that_ended_takes_no_command(pair: tuple[CloneServer, Clone]) -> None:
    """Nobody reads any more: said in words, not as a broken pipe."""
    asked, clone = pair
    os.close(clone.commands)
    clone.commands = -1
    for ask in (lambda: asked.system_call(9), lambda: asked.start(16), asked.run_python):
        with pytest.raises(CaptureInconsistent, match="the clone has ended"):
            ask()


def test_a_clone_that_hangs_does_not_answer(pair: tuple[CloneServer, Clone], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given a limited time."""
    monkeypatch.setattr(server, "_TIMEOUT_S", 0.001)
    with pytest.raises(CaptureInconsistent, match="does not answer"):
        pair[0].system_call(9)


def test_half_an_answer_is_none(pair: tuple[CloneServer, Clone]) -> None:
    """The clone ended while it wrote."""
    asked, clone = pair
    os.write(clone.results, b"1234")
    with pytest.raises(CaptureInconsistent):
        asked.system_call(9)


def test_starting_a_function_and_python_waits_for_nothing(pair: tuple[CloneServer, Clone]) -> None:
    """Neither returns."""
    asked, clone = pair
    asked.start(0xFFFF800000000010)
    asked.run_python()
    assert clone.taken() == (Command.CALL, 0xFFFF800000000010, 0, 0, 0, 0, 0, 0)
    assert clone.taken() == (Command.RUN_PYTHON, 0, 0, 0, 0, 0, 0, 0)

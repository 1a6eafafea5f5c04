"""The host's side of a clone that serves: one command at a time, a system call or a function call, and its result.

Touches the clone only. The clone answers nothing while it runs a function that does not return, as the walker does not.

    command   eight u64: Command, number or address, six arguments        reply   one i64: the result
"""

from __future__ import annotations

import enum
import os
import select
import struct

from heapscope.errors import CaptureInconsistent

COMMAND_SIZE = 64
_REPLY_SIZE = 8
_TIMEOUT_S = 30.0  # the clone has the lowest priority
_MAX_ERRNO = 4095


class Command(enum.IntEnum):
    """What the first word of a command says."""

    RUN_PYTHON = 0
    SYSTEM_CALL = 1
    CALL = 2


class CloneServer:
    """Talks to a serving clone over its two pipes; owns neither."""

    def __init__(self, command_fd: int, result_fd: int) -> None:
        """``command_fd`` is written to, ``result_fd`` read from."""
        self._command_fd = command_fd
        self._result_fd = result_fd

    def _send(self, command: Command, *words: int) -> None:
        values = [command, *words]
        values += [0] * (COMMAND_SIZE // 8 - len(values))
        try:
            os.write(self._command_fd, struct.pack("<8Q", *(value & (2**64 - 1) for value in values)))
        except BrokenPipeError as error:
            raise CaptureInconsistent("the clone has ended", hint="try again") from error

    def system_call(self, number: int, *arguments: int) -> int:
        """Have the clone make a system call; return its result.

        Raises:
            OSError: the call failed.
            CaptureInconsistent: the clone does not answer, or has ended.
        """
        self._send(Command.SYSTEM_CALL, number, *arguments)
        poll = select.poll()
        poll.register(self._result_fd, select.POLLIN)
        data = os.read(self._result_fd, _REPLY_SIZE) if poll.poll(_TIMEOUT_S * 1000) else b""
        if len(data) != _REPLY_SIZE:
            raise CaptureInconsistent("the clone does not answer", hint="try again")
        result = int.from_bytes(data, "little", signed=True)
        if -_MAX_ERRNO <= result < 0:
            raise OSError(-result, f"system call {number} in the clone: {os.strerror(-result)}")
        return result

    def start(self, address: int) -> None:
        """Have the clone call a function that does not return.

        Raises:
            CaptureInconsistent: the clone has ended.
        """
        self._send(Command.CALL, address)

    def run_python(self) -> None:
        """Have the clone run the bootstrap.

        Raises:
            CaptureInconsistent: the clone has ended.
        """
        self._send(Command.RUN_PYTHON)

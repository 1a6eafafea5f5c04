"""The host's ends of the two pipes to a clone: delivers the payload, receives the frames.

Never blocks longer than a tick without asking the cancel signal, the deadline and the watchdog. Closes nothing: the clone
handle owns the descriptors.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import threading
import time
from collections.abc import Callable, Iterator

from heapscope.errors import BudgetExceeded, Cancelled, CaptureInconsistent
from heapscope.wire.frames import FrameError, FrameReader

TICK_S = 0.1  # how soon a cancel is noticed
READ_SIZE = 1 << 20
PIPE_SIZE = 1 << 20  # the largest an ordinary user may ask for; fewer switches between clone and host


class CloneSilent(CaptureInconsistent):
    """The clone sent nothing for longer than the watchdog allows: it hangs, so another attempt may work."""


class Channel:
    """Talks to one clone. For one thread at a time, except that ``cancel`` may be set from any."""

    def __init__(
        self,
        command_fd: int,
        result_fd: int,
        *,
        deadline: float,
        silence_s: float,
        cancel: threading.Event,
        check_target: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``deadline`` is on ``clock``; ``check_target`` raises when the target is gone, and is called on every tick."""
        self._command_fd = command_fd
        self._result_fd = result_fd
        self._deadline = deadline
        self._silence_s = silence_s
        self._cancel = cancel
        self._check_target = check_target
        self._clock = clock
        self._last_sign = clock()
        self._buffer = bytearray(READ_SIZE)
        for descriptor in (command_fd, result_fd):
            os.set_blocking(descriptor, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(result_fd, fcntl.F_SETPIPE_SZ, PIPE_SIZE)

    def send(self, *messages: bytes) -> None:
        """Deliver messages, each behind its length.

        Raises:
            CaptureInconsistent: the clone has closed its end.
        """
        for message in messages:
            rest = memoryview(struct.pack("<Q", len(message)) + message)
            while rest:
                self._wait(writing=True)
                try:
                    rest = rest[os.write(self._command_fd, rest) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError as error:
                    self._check_target()
                    raise CaptureInconsistent("the clone ended before it took its orders", hint=_HINT) from error
                self._last_sign = self._clock()

    def receive(self) -> Iterator[tuple[int, bytes]]:
        """Yield frames up to the last one (END or ERROR).

        Raises:
            CaptureInconsistent: the stream breaks the protocol or stops short.
            CloneSilent: nothing came for too long.
            BudgetExceeded: the deadline passed.
            Cancelled: the cancel signal was set.
        """
        reader = FrameReader()
        try:
            while not reader.is_done:
                self._wait(writing=False)
                try:
                    data = self._read()
                except BlockingIOError:
                    continue
                if not data:
                    self._check_target()
                    reader.close()
                self._last_sign = self._clock()
                yield from reader.feed(data)
        except FrameError as error:
            raise CaptureInconsistent(f"the capture stream broke off: {error}", hint=_HINT) from error

    def _read(self) -> memoryview:
        """Read what is there; good until the next call. Not os.read: room for the most that can come is fresh memory each time."""
        count = os.readv(self._result_fd, [self._buffer])
        return memoryview(self._buffer)[:count]

    def _wait(self, *, writing: bool) -> None:
        poll = select.poll()
        poll.register(*((self._command_fd, select.POLLOUT) if writing else (self._result_fd, select.POLLIN)))
        while True:
            self._check_limits()
            if poll.poll(TICK_S * 1000):
                return
            self._check_target()

    def _check_limits(self) -> None:
        now = self._clock()
        if self._cancel.is_set():
            raise Cancelled("the capture was cancelled")
        if now > self._deadline:
            raise BudgetExceeded("the capture did not finish in time", hint="give it more time: --timeout SECONDS")
        if now - self._last_sign > self._silence_s:
            raise CloneSilent(f"the clone sent nothing for {self._silence_s:.0f} s", hint=_HINT)


_HINT = "try again; if it happens every time, try another way in: --via ptrace"

"""The host's side of injection: start the helper, wait for the clone, hold it, let it go.

Never traces anything itself. A handle is for one thread at a time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self

from heapscope.errors import CaptureInconsistent, HeapscopeError
from heapscope.inject.clone import CLONE_NAME_PREFIX
from heapscope.inject.protocol import decode_error, receive_message, send_message

_POLL_S = 0.05
_RELEASE_TIMEOUT_S = 20.0
_ALARM_S = 60
"""Life time of a clone that gets no payload; the agent moves the alarm to its deadline when it has one.

A second net: a clone ends when the pipe of its orders closes. On a machine with ten programs for each processor, the host took 18 s
for what it reads from the clone before its orders, and the clone, which gives way to everybody, had ended.
"""


class Target(Protocol):
    """What injection needs to know of a target: its identity."""

    @property
    def pid(self) -> int:
        """Process id in this namespace."""

    @property
    def start_ticks(self) -> int:
        """Field 22 of /proc/PID/stat."""


@dataclasses.dataclass
class CloneHandle:
    """A frozen clone that is alive and waits for its payload. Times in ns; descriptors are owned by the handle."""

    target_pid: int
    clone_pid: int
    command_fd: int
    result_fd: int
    injector: str
    method: str
    pause_ns: int
    wait_ns: int
    _channel: socket.socket
    _helper: subprocess.Popen[bytes]
    _target: Target
    _clone_name: str
    is_reaped: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.release()

    def close_command(self) -> None:
        """Close the command pipe: the clone has heard all."""
        if self.command_fd >= 0:
            os.close(self.command_fd)
            self.command_fd = -1

    def release(self) -> None:
        """End the clone and have the target collect it. Safe to call more than once, also when the helper is dead."""
        self.close_command()
        if self.result_fd >= 0:
            os.close(self.result_fd)
            self.result_fd = -1
        if self._channel.fileno() < 0:
            return
        self.is_reaped = _let_go(self._channel, self._helper)
        if not self.is_reaped:
            collect_left_over(self._target, self._clone_name)


def _let_go(channel: socket.socket, helper: subprocess.Popen[bytes]) -> bool:
    """Tell the helper to clean up and wait for its word; False when it died before that."""
    reaped = False
    with contextlib.suppress(OSError):
        channel.settimeout(_RELEASE_TIMEOUT_S)
        send_message(channel, {"release": True})
        while (received := receive_message(channel)) is not None:
            if "released" in received[0] or "error" in received[0]:
                part = received[0].get("released")
                reaped = bool(part.get("reaped")) if isinstance(part, dict) else False
                break
    channel.close()
    _Reaper.watch(helper)
    return reaped


class _Reaper:
    """Collects helpers when they end: one may linger for a cancelled call, and nobody waits for it."""

    _helpers: list[subprocess.Popen[bytes]] = []  # noqa: RUF012  (one list for the whole process)
    _lock = threading.Lock()

    @classmethod
    def watch(cls, helper: subprocess.Popen[bytes]) -> None:
        """Remember a helper; collect those that have ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            helper.wait(0.5)
        with cls._lock:
            cls._helpers = [each for each in [*cls._helpers, helper] if each.poll() is None]


def _start_helper(message: dict[str, object]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    package_parent = str(Path(__file__).resolve().parents[2])
    code = "import sys; sys.path.insert(0, sys.argv[1]); from heapscope.inject.helper import main; main()"
    with theirs:
        helper = subprocess.Popen(
            [sys.executable, "-P", "-c", code, package_parent, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("HEAPSCOPE_DEBUG") else subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
    send_message(ours, {"request": message})
    return ours, helper


def new_clone_name() -> str:
    """Return a name for a clone's thread: the sign that its descriptors are arranged, and whose it is (15 bytes)."""
    return CLONE_NAME_PREFIX.decode() + secrets.token_hex(3)[:5]


def make_clone(
    target: Target,
    *,
    bootstrap: str,
    via: str = "auto",
    runs_python: bool = True,
    is_urgent: bool = False,
    deadline_s: float = 60.0,
    report: Callable[[str], None] = lambda _state: None,
    cancel: threading.Event | None = None,
) -> CloneHandle:
    """Make a frozen clone of the target and take over its pipes.

    Args:
        target: whose clone; its start time guards against a reused pid.
        bootstrap: Python source that the clone runs first.
        via: ``auto`` or the name of an injector.
        runs_python: start the bootstrap; else the clone serves (inject/server.py) until it is told what to run.
        is_urgent: leave the clone the target's priority, where the injector is ptrace; else it gets the lowest.
        deadline_s: time for the clone to be made.
        report: called with a short text whenever the state changes.
        cancel: set it to give up.

    Raises:
        PermissionRefused, UnsupportedTarget, TargetGone, BudgetExceeded, Cancelled, UsageError: the target is as before.
    """
    clone_name = new_clone_name()
    message: dict[str, object] = {
        "pid": target.pid,
        "start_ticks": target.start_ticks,
        "bootstrap": bootstrap,
        "deadline_s": deadline_s,
        "alarm_s": _ALARM_S,
        "via": via,
        "runs_python": runs_python,
        "is_urgent": is_urgent,
        "clone_name": clone_name,
    }
    channel, helper = _start_helper(message)
    try:
        return _await_clone(target, clone_name, channel, helper, report, cancel)
    except BaseException:
        channel.close()
        _Reaper.watch(helper)
        raise


def _await_clone(
    target: Target,
    clone_name: str,
    channel: socket.socket,
    helper: subprocess.Popen[bytes],
    report: Callable[[str], None],
    cancel: threading.Event | None,
) -> CloneHandle:
    channel.settimeout(_POLL_S)
    cancelled = False
    while True:
        if cancel is not None and cancel.is_set() and not cancelled:
            cancelled = True
            with contextlib.suppress(OSError):
                send_message(channel, {"cancel": True})
        try:
            received = receive_message(channel)
        except TimeoutError:
            continue
        if received is None:
            collect_left_over(target, clone_name)
            raise CaptureInconsistent(
                f"the injection helper for process {target.pid} ended early",
                hint="run again with HEAPSCOPE_DEBUG=1 to see why",
            )
        message, descriptors = received
        if "state" in message:
            report(str(message["state"]))
        elif "error" in message:
            raise decode_error(message["error"])
        elif "clone" in message:
            return _handle(target, clone_name, message["clone"], descriptors, channel, helper)


def _handle(
    target: Target,
    clone_name: str,
    part: object,
    descriptors: list[int],
    channel: socket.socket,
    helper: subprocess.Popen[bytes],
) -> CloneHandle:
    if not isinstance(part, dict) or len(descriptors) != 2:
        raise HeapscopeError("the injection helper said something that makes no sense")
    return CloneHandle(
        target_pid=target.pid,
        clone_pid=int(part["pid"]),
        command_fd=descriptors[0],
        result_fd=descriptors[1],
        injector=str(part["injector"]),
        method=str(part["method"]),
        pause_ns=int(part["pause_ns"]),
        wait_ns=int(part["wait_ns"]),
        _channel=channel,
        _helper=helper,
        _target=target,
        _clone_name=clone_name,
    )


def collect_left_over(target: Target, clone_name: str) -> None:
    """End and collect clones of ours below a target whose helper was killed. Quiet: there may be none."""
    message: dict[str, object] = {
        "pid": target.pid,
        "start_ticks": target.start_ticks,
        "bootstrap": "",
        "deadline_s": 10.0,
        "alarm_s": 0,
        "via": "reap",
        "runs_python": False,
        "clone_name": clone_name,
    }
    channel, helper = _start_helper(message)
    with channel, contextlib.suppress(subprocess.TimeoutExpired):
        helper.wait(_RELEASE_TIMEOUT_S)
    _Reaper.watch(helper)

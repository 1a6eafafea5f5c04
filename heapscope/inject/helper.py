"""The injection helper: a small process of its own that makes the clone, guards it, and cleans up after it.

A process apart, because the thread of the target must be held for as short as possible (a busy terminal UI in the same
interpreter would stretch every step), and because it outlives a killed heapscope: when the socket closes, for whatever reason,
it ends the clone and collects it. It never talks to a terminal and never touches a second target.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time

from heapscope.errors import (
    BudgetExceeded,
    Cancelled,
    CaptureInconsistent,
    HeapscopeError,
    PermissionRefused,
    TargetGone,
    UnsupportedTarget,
)
from heapscope.inject.clone import Clone, CloneHung
from heapscope.inject.custody import clone_of, collect_ended, dispose, end_clones, finish_left_pages, is_target_gone
from heapscope.inject.gil import forget_waiters
from heapscope.inject.injectors import injectors_for
from heapscope.inject.model import Injection, Injector, InjectRequest
from heapscope.inject.protocol import encode_error, receive_message, send_message
from heapscope.inject.ptrace_injector import PtraceInjector
from heapscope.inject.refusal import failed_call
from heapscope.inject.stopped_world import forget_stoppers

_ATTEMPTS = 12


class SocketWatch:
    """Reports over the socket; gives up when told to, when the host is gone, or at the deadline."""

    def __init__(self, channel: socket.socket, deadline_s: float) -> None:
        self._channel = channel
        self._deadline = time.monotonic() + deadline_s
        self._deadline_s = deadline_s
        self._last = ""

    def report(self, state: str) -> None:
        """Tell the host a state, once."""
        if state != self._last:
            self._last = state
            with contextlib.suppress(OSError):
                send_message(self._channel, {"state": state})

    def check(self) -> None:
        """Raise when it is time to give up.

        Raises:
            Cancelled, BudgetExceeded: see above.
        """
        self._channel.settimeout(0)
        try:
            received = receive_message(self._channel)
        except BlockingIOError:
            received = ({}, [])
        finally:
            self._channel.settimeout(None)
        if received is None or "cancel" in received[0] or "release" in received[0]:
            raise Cancelled("cancelled before the clone was made")
        if time.monotonic() > self._deadline:
            raise BudgetExceeded(
                f"no clone within {self._deadline_s:.0f} s: {self._last or 'the target did not cooperate'}",
                hint="try again when the target's C call has ended, or raise --timeout",
            )


def _make_clone(
    request: InjectRequest, via: str, watch: SocketWatch, tried: list[Injector]
) -> tuple[Injector, Injection]:
    """Try the injectors in order; one that is refused, or not made for this target, makes room for the next."""
    failure: HeapscopeError | None = None
    for injector in injectors_for(request.pid, via):
        tried.append(injector)
        watch.report(f"injecting with {injector.name}")
        try:
            return injector, injector.make_clone(request, watch)
        except (PermissionRefused, UnsupportedTarget) as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _verify_identity(request: InjectRequest) -> None:
    if is_target_gone(request):
        raise TargetGone(f"process {request.pid} is gone", hint="heapscope ps")


def serve(channel: socket.socket) -> None:
    """Make one clone and guard it until the host lets go."""
    received = receive_message(channel)
    if received is None:
        return
    message = received[0]
    request, via = _decode_request(message)
    watch = SocketWatch(channel, request.deadline_s)
    tried: list[Injector] = []
    try:
        _verify_identity(request)
        if via == "reap":
            end_clones(request, PtraceInjector(request.pid))
            return
        injector, injection, clone = _ready_clone(request, via, watch, tried)
        _guard(channel, request, injector, injection, clone)
    except (HeapscopeError, OSError) as error:
        _say_error(channel, error)
        channel.close()
        for injector in tried:
            finish_left_pages(injector, request)
            end_clones(request, injector)
    channel.close()
    for injector in tried:
        finish_left_pages(injector, request)


def _say_error(channel: socket.socket, error: HeapscopeError | OSError) -> None:
    known = error if isinstance(error, HeapscopeError) else failed_call(error)
    with contextlib.suppress(OSError):
        send_message(channel, {"error": encode_error(known)})


def _ready_clone(
    request: InjectRequest, via: str, watch: SocketWatch, tried: list[Injector]
) -> tuple[Injector, Injection, Clone]:
    """Make a clone and wait until it listens; one that hangs is replaced."""
    for _ in range(_ATTEMPTS):
        injector, injection = _make_clone(request, via, watch, tried)
        clone: Clone | None = None
        try:
            clone = clone_of(request, injection)
            clone.wait_until_serving()
            forget_waiters(clone.pid, injection.runtime)
            forget_stoppers(clone.pid, injection.runtime)
            if request.runs_python:
                clone.run_python()
                clone.wait_until_ready()
                forget_waiters(clone.pid, injection.runtime)
        except CloneHung as error:
            dispose(request, injector, injection, clone)
            watch.report(error.message)
        except BaseException:
            dispose(request, injector, injection, clone)
            raise
        else:
            return injector, injection, clone
    raise CaptureInconsistent(
        f"{_ATTEMPTS} clones of process {request.pid} hung one after the other", hint="try again when it is less busy"
    )


def _guard(
    channel: socket.socket, request: InjectRequest, injector: Injector, injection: Injection, clone: Clone
) -> None:
    """Hand the clone over, wait until the host lets go of it, clean up."""
    reply: dict[str, object] = {}
    try:
        descriptors = clone.take_descriptors()
        send_message(channel, {"clone": _describe(clone, injection)}, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)  # only the host holds them now: the clone sees when it is gone
        _wait_for_release(channel)
    except OSError as error:
        reply = {"error": encode_error(PermissionRefused(f"cannot take over the clone's pipes: {error.strerror}"))}
    reaped = dispose(request, injector, injection, clone)
    collect_ended(request, injector)
    with contextlib.suppress(OSError):
        send_message(channel, reply or {"released": {"reaped": reaped}})


def _describe(clone: Clone, injection: Injection) -> dict[str, object]:
    return {
        "pid": clone.pid,
        "injector": injection.injector,
        "method": injection.method,
        "pause_ns": injection.pause_ns,
        "wait_ns": injection.wait_ns,
    }


def _wait_for_release(channel: socket.socket) -> None:
    while True:
        received = receive_message(channel)
        if received is None or "release" in received[0] or "cancel" in received[0]:
            return


def _decode_request(message: dict[str, object]) -> tuple[InjectRequest, str]:
    part = message["request"]
    assert isinstance(part, dict)
    request = InjectRequest(
        pid=int(part["pid"]),
        start_ticks=int(part["start_ticks"]),
        bootstrap=str(part["bootstrap"]).encode(),
        deadline_s=float(part["deadline_s"]),
        alarm_s=int(part["alarm_s"]),
        runs_python=bool(part["runs_python"]),
        clone_name=str(part["clone_name"]).encode(),
        is_urgent=bool(part.get("is_urgent")),
    )
    return request, str(part["via"])


def main() -> None:
    """Serve the socket whose descriptor is the last argument. Terminal signals are for the host to judge."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    channel = socket.socket(fileno=int(sys.argv[-1]))
    with channel, contextlib.suppress(BrokenPipeError):
        serve(channel)


if __name__ == "__main__":
    main()

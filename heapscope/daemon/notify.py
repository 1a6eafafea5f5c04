"""Talking to systemd: readiness, watchdog, and the sockets that it passes. Plain datagrams, as sd_notify(3) has them.

Never fails: without systemd nothing is sent.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

FIRST_PASSED = 3  # sd_listen_fds(3)
MAX_PASSED = 64


class Notifier:
    """Sends states to the socket of NOTIFY_SOCKET; abstract ones begin with @."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        watchdog_us = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        is_number = watchdog_us.isdigit() and is_ours
        self.watchdog_s = int(watchdog_us) / 1e6 if is_number and int(watchdog_us) > 0 else None

    def send(self, *lines: str) -> bool:
        """Send lines such as READY=1; tell whether somebody listens."""
        if not self._address.startswith(("/", "@")):
            return False
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.sendto("\n".join(lines).encode(), address)
            return True
        return False

    def ready(self, status: str) -> None:
        """Say that the daemon works."""
        self.send("READY=1", f"STATUS={_line(status)}")

    def reloading(self) -> None:
        """Say that the configuration is read again (Type=notify-reload wants the time, others ignore it)."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def status(self, text: str) -> None:
        """Say in a line what goes on."""
        self.send(f"STATUS={_line(text)}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self.send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the daemon ends."""
        self.send("STOPPING=1")


def passed_sockets(environment: Mapping[str, str]) -> dict[str, int]:
    """Return the descriptors that systemd passed, by name; those without one are called control."""
    count = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(os.getpid()) or not count.isdigit():
        return {}
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    found = {}
    for position in range(min(int(count), MAX_PASSED)):
        name = names[position] if position < len(names) and names[position] else "control"
        found[name] = FIRST_PASSED + position
        os.set_inheritable(FIRST_PASSED + position, False)  # noqa: FBT003 - the system's signature
    return found


def without_systemd(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for child processes: they are not whom systemd talks to."""
    mine = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
    return {name: value for name, value in environment.items() if name not in mine}


def _line(text: str) -> str:
    return " ".join(text.split())[:200]

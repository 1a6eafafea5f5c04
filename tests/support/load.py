"""A small HTTP load: a few connections that ask again and again, and count what went wrong.

Never judges: it reports failures and the longest wait; the tests decide.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

REQUEST_TIMEOUT_S = 60.0
# Between two requests of one connection: the load is steady, and leaves the machine something to work with.
PAUSE_S = 0.004


@dataclass(slots=True)
class LoadResult:
    """What the connections saw, together. Complete once the load has ended."""

    answers: int = 0
    longest_wait_ns: int = 0
    failures: list[str] = field(default_factory=list)
    bodies: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_answer(self, status: int, body: str, wait_ns: int) -> None:
        """Record one finished request."""
        with self._lock:
            self.answers += 1
            self.longest_wait_ns = max(self.longest_wait_ns, wait_ns)
            self.bodies.add(body)
            if status != 200:
                self.failures.append(f"status {status}")

    def note_failure(self, error: Exception) -> None:
        """Record one request without an answer."""
        with self._lock:
            self.failures.append(f"{type(error).__name__}: {error}")


def free_port() -> int:
    """Return a TCP port of the loopback interface that nothing listens on.

    It is none of those that the kernel gives to whoever asks for any: a test beside this one could get it before the server does.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(min(10_000, lowest - 1000), lowest)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def _ask(port: int, result: LoadResult, stop: threading.Event) -> None:
    """Ask with a new connection each time, as a server may close an idle one at any moment by right."""
    while not stop.is_set():
        started = time.perf_counter_ns()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_TIMEOUT_S)
        try:
            connection.request("GET", "/", headers={"Connection": "close"})
            response = connection.getresponse()
            body = json.dumps(json.loads(response.read()), sort_keys=True)
            result.note_answer(response.status, body, time.perf_counter_ns() - started)
        except (OSError, http.client.HTTPException, ValueError) as error:
            result.note_failure(error)
        finally:
            connection.close()
        stop.wait(PAUSE_S)


def wait_for_server(port: int, deadline_s: float = 60.0) -> None:
    """Wait until the port answers one request.

    Raises:
        TimeoutError: it did not.

    """
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_TIMEOUT_S)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/", headers={"Connection": "close"})
            connection.getresponse().read()
            connection.close()
            return
        connection.close()
        time.sleep(0.05)
    raise TimeoutError(f"no server answers on port {port}")


@contextlib.contextmanager
def load_on(port: int, connections: int = 2) -> Iterator[LoadResult]:
    """Keep asking while the block runs."""
    result = LoadResult()
    stop = threading.Event()
    threads = [threading.Thread(target=_ask, args=(port, result, stop), daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    try:
        yield result
    finally:
        stop.set()
        for thread in threads:
            thread.join(REQUEST_TIMEOUT_S)

"""Real servers under load: no request fails while heapscope captures, and the servers stay as they were."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from heapscope.service.capture import CaptureOptions, capture
from tests.support.counting import count_of
from tests.support.invariants import record_process, settled_process_differences
from tests.support.load import LoadResult, free_port, load_on, wait_for_server
from tests.support.targets import TAG_VARIABLE, children_of, clean_environment, processes_tagged
from tests.support.third_party import third_party_python

pytestmark = pytest.mark.thirdparty

FOLDER = Path(__file__).with_name("servers")
CAPTURES = 20
MARKERS = 4321
RSS_SLACK = 8 << 20  # a server under load grows by itself: caches, arenas of its threads
STOP_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Server:
    """How to start one server, where its marker objects live, and what about it moves by itself."""

    name: str
    words: Callable[[int], list[str]]
    marker_type: str
    workers: int = 0
    threads_may_end: bool = False


SERVERS = (
    Server(
        "gunicorn-flask",
        lambda port: ["-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "flask_app:app"],
        "flask_app.Marker",
        workers=2,
    ),
    Server(
        "uvicorn-fastapi",
        lambda port: ["-m", "uvicorn", "--port", str(port), "--log-level", "warning", "fastapi_app:app"],
        "fastapi_app.Marker",
    ),
    Server(
        "gevent",
        lambda port: ["gevent_app.py", str(port)],
        "__main__.Marker",
        threads_may_end=True,  # of its thread pool, which resolved the address to listen on, when idle for some seconds
    ),
)


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server; ``pids`` are the processes that answer requests."""

    port: int
    process: subprocess.Popen[bytes]
    pids: tuple[int, ...]
    log: Path
    tag: str

    def family(self) -> list[int]:
        """Return the processes that must be unharmed: those that answer, and their master."""
        return sorted({self.process.pid, *self.pids})


@contextlib.contextmanager
def serving(server: Server, log: Path) -> Iterator[Serving]:
    """Start the server and yield it when it answers; nothing of it is left afterwards."""
    port, tag = free_port(), uuid.uuid4().hex
    environment = {**clean_environment(), "PYTHONPATH": str(FOLDER), TAG_VARIABLE: tag}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [third_party_python(), *server.words(port)],
            cwd=FOLDER,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        wait_for_server(port)
        pids = tuple(children_of(process.pid)) if server.workers else (process.pid,)
        assert len(pids) == max(1, server.workers)
        yield Serving(port, process, pids, log, tag)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def capture_under_load(running: Serving, server: Server, result: LoadResult) -> int:
    """Capture each process in turn, twenty times in all; return the longest pause in ns."""
    longest_pause_ns = 0
    for pid in itertools.islice(itertools.cycle(running.pids), CAPTURES):
        answers_before = result.answers
        snapshot = capture(pid, CaptureOptions(timeout_s=120))
        assert count_of(snapshot, server.marker_type) == MARKERS
        assert result.answers > answers_before, "the server goes on answering while its clone is walked"
        longest_pause_ns = max(longest_pause_ns, snapshot.meta.pause_ns)
    return longest_pause_ns


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_no_request_fails_while_a_server_is_captured(
    server: Server, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Twenty captures under load: every answer is right, every count exact, nothing left in the server.

    The longest wait of a request is recorded next to the longest pause: the machine's load decides too much for a verdict.
    """
    with serving(server, tmp_path / "log") as running:
        with load_on(running.port) as warm_up:
            for pid in running.pids:
                capture(pid, CaptureOptions(timeout_s=120))
        before = [record_process(pid) for pid in running.family()]
        said_before = running.log.read_text()
        with load_on(running.port) as result:
            record_property("longest_pause_ns", capture_under_load(running, server, result))
        found = [
            line
            for vitals in before
            for line in settled_process_differences(vitals, RSS_SLACK, threads_may_end=server.threads_may_end)
        ]
        said = running.log.read_text().removeprefix(said_before)
        running.process.terminate()
        code = running.process.wait(STOP_TIMEOUT_S)
        left = processes_tagged(running.tag)
    record_property("longest_wait_ns", result.longest_wait_ns)
    record_property("longest_wait_warm_up_ns", warm_up.longest_wait_ns)
    record_property("answers", result.answers)
    assert (warm_up.failures, result.failures) == ([], [])
    assert result.bodies == {f'{{"sum": {MARKERS * (MARKERS - 1) // 2}}}'}
    assert (found, said) == ([], "")
    assert code in {0, -signal.SIGTERM}
    assert left == []

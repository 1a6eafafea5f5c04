"""A real daemon for tests: its configuration, its log as events, and its end for sure.

Never leaves a process behind, and never waits without a limit.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.command_line import heapscope_words
from tests.support.targets import children_of

PATIENCE_S = 120.0
Event = dict[str, Any]


@dataclass(slots=True)
class RunningDaemon:
    """One daemon process."""

    process: subprocess.Popen[bytes]
    folder: Path
    config: Path
    log: Path

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    @property
    def state(self) -> Path:
        """Its store."""
        return self.folder / "state"

    def events(self, kind: str = "") -> list[Event]:
        """Return what it has logged so far."""
        lines = self.log.read_text(errors="replace").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [event for event in found if kind in ("", event["event"])]

    def wait_for(self, kind: str, count: int = 1, *, which: Callable[[Event], bool] = lambda _: True) -> list[Event]:
        """Wait until so many events of a kind are logged."""
        deadline = time.monotonic() + PATIENCE_S
        while len(found := [event for event in self.events(kind) if which(event)]) < count:
            assert self.process.poll() is None, f"the daemon ended: {self.log.read_text()[-4000:]}"
            assert time.monotonic() < deadline, f"no {kind} within {PATIENCE_S:.0f} s: {self.log.read_text()[-4000:]}"
            time.sleep(0.02)
        return found

    def workers(self) -> list[int]:
        """Return its worker processes."""
        return children_of(self.pid)

    def stop(self) -> int:
        """Ask it to end, and wait."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def daemon_running(
    folder: Path, targets: str, *, state: Path | None = None, extra: str = ""
) -> Iterator[RunningDaemon]:
    """Start a daemon with these targets (TOML) and yield it when it watches them."""
    config = folder / "heapscope.toml"
    write_config(config, state or folder / "state", targets, extra)
    log = folder / "log"
    with log.open("ab") as stream:
        words = heapscope_words("daemon", "run", "--config", str(config), "--log-format", "json")
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment)
    started = len([line for line in log.read_text().splitlines() if '"started"' in line])
    daemon = RunningDaemon(process, folder, config, log)
    try:
        daemon.wait_for("started", started + 1)
        yield daemon
    finally:
        daemon.kill()


def write_config(path: Path, state: Path, targets: str, extra: str = "") -> None:
    """Write a configuration."""
    path.write_text(
        f'schema = 1\n[daemon]\nstate_dir = "{state}"\nsocket = "{path.parent}/sock"\ndiscovery_interval = "1s"\n{extra}\n'
        f'[daemon.retention]\nmin_free_disk = "0"\n{targets}'
    )

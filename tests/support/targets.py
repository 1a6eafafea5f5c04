"""Start a test target under a given interpreter, talk to it, and end it for sure.

Never leaves a process behind: every target leads a process group of its own, which is killed on every way out.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.support.pythons import Python

PROGRAMS = Path(__file__).resolve().parents[1] / "integration" / "targets"
READY_TIMEOUT_S = 120.0
ANSWER_TIMEOUT_S = 120.0
TAG_VARIABLE = "HEAPSCOPE_TEST_TARGET"
MARKER_TYPE = "probe.Marker"
SLOTTED_TYPE = "probe.SlottedMarker"
IN_OWN_PID_NAMESPACE = ("unshare", "--fork", "--pid", "--mount-proc", "--kill-child")


@dataclass(frozen=True, slots=True)
class Situation:
    """One program in one state, and what about it moves by itself."""

    name: str
    program: str
    arguments: tuple[str, ...] = ()
    python_flags: tuple[str, ...] = ()
    wrapper: tuple[str, ...] = ()
    restless_children: bool = False
    rss_slack_bytes: int = 1 << 19
    needs_root: bool = False


SITUATIONS = (
    Situation("event wait", "event_wait.py"),
    Situation("long sleep", "long_sleep.py"),
    Situation("busy loop", "busy_loop.py"),
    Situation("GIL held by C", "gil_holder.py", ("5",)),
    Situation("GC churn", "gc_churn.py", rss_slack_bytes=4 << 20),
    Situation("forking", "forking.py", python_flags=("-W", "error"), restless_children=True),
    Situation("prefork master", "prefork.py"),
    Situation("asyncio server", "asyncio_server.py"),
    Situation("pid 1", "event_wait.py", wrapper=IN_OWN_PID_NAMESPACE, needs_root=True),
    Situation("deep dict", "deep_dict.py"),
    Situation("ticking", "ticking.py"),
)


class TargetFailed(AssertionError):
    """The target ended, or did not answer."""


@dataclass(slots=True)
class Target:
    """A running test target. Not thread-safe."""

    process: subprocess.Popen[bytes]
    situation: Situation
    stderr_path: Path
    tag: str
    pid: int = 0
    marker_count: int = 0
    slotted_count: int = 0
    _pending: bytes = field(default=b"", repr=False)

    def ask(self, question: str = "facts", **details: object) -> dict[str, Any]:
        """Send one request and return the answer."""
        request = json.dumps({"ask": question, **details}) + "\n"
        assert self.process.stdin is not None
        self.process.stdin.write(request.encode())
        self.process.stdin.flush()
        return self._read_line(ANSWER_TIMEOUT_S)

    def harm(self, kind: str) -> None:
        """Make the target do to itself what a capture must never do."""
        self.ask("harm", kind=kind)

    def stderr_text(self) -> str:
        """Return what the target has written to its stderr."""
        return self.stderr_path.read_text(errors="replace")

    def is_running(self) -> bool:
        """Tell whether the target is alive and no zombie."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Kill the whole group and reap the child."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _read_line(self, timeout_s: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._pending:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(descriptor, 65536) if ready else b""
            if not data:
                why = "ended" if ready else f"gave no answer within {timeout_s:.0f} s"
                message = f"target {self.situation.name!r} {why}; its stderr: {self.stderr_text()[-4000:]}"
                raise TargetFailed(message)
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    def wait_until_ready(self) -> None:
        """Wait for the ready line and take over what it says."""
        ready = self._read_line(READY_TIMEOUT_S)
        self.marker_count = ready["markers"]
        self.slotted_count = ready["slotted"]
        self.pid = innermost_child(self.process.pid) if self.situation.wrapper else self.process.pid


def children_of(pid: int) -> list[int]:
    """Return the pids of the children, zombies and raw clones included."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                after_name = Path(f"/proc/{entry}/stat").read_text(errors="replace").rpartition(")")[2].split()
                if int(after_name[1]) == pid:
                    found.append(int(entry))
    return sorted(found)


def processes_tagged(tag: str) -> list[int]:
    """Return every process that has the tag in its environment: a target, its children and clones, whoever their parent is."""
    found = []
    wanted = f"{TAG_VARIABLE}={tag}".encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if wanted in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                    found.append(int(entry))
    return sorted(found)


def innermost_child(pid: int) -> int:
    """Follow the single child of each wrapper down to the target."""
    while children := children_of(pid):
        pid = children[0]
    return pid


def command_of(python: Python, situation: Situation) -> list[str]:
    """Return the command line that starts the situation."""
    program = str(PROGRAMS / situation.program)
    return [*situation.wrapper, str(python.path), *situation.python_flags, program, *situation.arguments]


@contextlib.contextmanager
def running(python: Python, situation: Situation) -> Iterator[Target]:
    """Start the situation under the interpreter and yield it when it is set up."""
    with tempfile.TemporaryDirectory(prefix="heapscope-target-") as folder:
        stderr_path = Path(folder) / "stderr"
        tag = uuid.uuid4().hex
        with stderr_path.open("wb") as stderr:
            process = subprocess.Popen(
                command_of(python, situation),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                env={**clean_environment(), TAG_VARIABLE: tag},
            )
        target = Target(process, situation, stderr_path, tag)
        try:
            target.wait_until_ready()
            yield target
        finally:
            target.stop()


def clean_environment() -> dict[str, str]:
    """Return this environment without what would change the target's interpreter."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV_"))}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}


def situation_named(name: str, *arguments: str) -> Situation:
    """Return the situation of that name, with other arguments if any are given."""
    found = next(situation for situation in SITUATIONS if situation.name == name)
    return replace(found, arguments=arguments) if arguments else found

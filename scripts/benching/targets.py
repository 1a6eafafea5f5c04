"""Targets of benchmarks: start one, ask it about itself, read what the kernel says about it, end it for sure."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benching.environments import environment_with

PROGRAM = Path(__file__).resolve().parents[2] / "tests" / "integration" / "targets" / "bench_target.py"
ANSWER_S = 900.0  # a heap is built, or another tool looks at it


class TargetLost(RuntimeError):
    """The target has ended, or does not answer."""


@dataclass(frozen=True, slots=True)
class BenchTarget:
    """A target that has built its heap and waits for questions."""

    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def ask(self, question: str, timeout_s: float = ANSWER_S) -> int:
        """Ask a question of bench_target.py that a number answers.

        Raises:
            TargetLost: it has ended, or does not answer.
        """
        answer = self._answer_to(question, timeout_s)
        assert isinstance(answer, int)
        return answer

    def facts(self) -> dict[str, int]:
        """Ask for what a capture must not change.

        Raises:
            TargetLost: it has ended, or does not answer.
        """
        answer = self._answer_to("facts", ANSWER_S)
        assert isinstance(answer, dict)
        return answer

    def _answer_to(self, question: str, timeout_s: float) -> object:
        """Send one line, and return what comes back.

        Raises:
            TargetLost: it has ended, or does not answer.
        """
        self.begin(question)
        return self._answer(timeout_s)

    def begin(self, question: str) -> None:
        """Send one line whose answer comes later: ``work`` is answered when the next line has come.

        Raises:
            TargetLost: it has ended.
        """
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise TargetLost("the target has ended") from error

    def _answer(self, timeout_s: float) -> object:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], timeout_s)[0]:
            raise TargetLost(f"the target did not answer within {timeout_s:.0f} s")
        line = self.process.stdout.readline()  # one answer to one question: nothing waits in the buffer
        if not line:
            raise TargetLost("the target has ended")
        return json.loads(line)

    def wait_until_ready(self) -> None:
        """Wait until the heap is built."""
        self._answer(ANSWER_S)


@contextlib.contextmanager
def bench_target(
    python: str, workload: str, size: int, *, flags: Sequence[str] = (), packages: Path | None = None
) -> Iterator[BenchTarget]:
    """Start the target with a workload of bench_workloads.py and yield it when it is ready."""
    command = [python, *flags, str(PROGRAM), workload, str(size)]
    environment = environment_with(packages)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        target = BenchTarget(process)
        target.wait_until_ready()
        yield target
    finally:
        process.kill()  # also one that is stopped
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):  # a question that was never read
                if stream is not None:
                    stream.close()


def status_bytes(pid: int, name: str, file: str = "status") -> int:
    """Return a field of /proc/PID/status or smaps_rollup in bytes; 0 when it is not there."""
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0

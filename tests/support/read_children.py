"""Run an interpreter and read its memory from outside, without attaching: nothing is injected."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from heapscope.target.maps import parse_maps
from heapscope.target.pymalloc import PymallocFigures, read_pymalloc
from heapscope.target.stack_frames import Stacks
from heapscope.target.stacks import read_threads
from heapscope.target.symbols import PythonImage, find_python
from tests.support.pythons import Python
from tests.support.targets import clean_environment


@dataclass(frozen=True, slots=True)
class Child:
    """A running child and its interpreter."""

    process: subprocess.Popen[bytes]
    image: PythonImage
    minor: tuple[int, int]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def ask(self) -> dict[str, Any]:
        """Have it tell the truth about its threads."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"x")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert isinstance(answer, dict)
        return answer

    def stacks(self) -> Stacks:
        """Read its stacks from outside."""
        tids = {int(name) for name in os.listdir(f"/proc/{self.pid}/task")}
        return read_threads(self.pid, self.image, self.minor, tids=tids)

    def pymalloc(self) -> PymallocFigures | None:
        """Read its allocator's figures from outside."""
        return read_pymalloc(self.pid, self.image.runtime, self.minor, parse_maps(self.pid))


@contextlib.contextmanager
def child(python: Python, *arguments: str, stderr: int = subprocess.DEVNULL, **environment: str) -> Iterator[Child]:
    """Run an interpreter until its first line of output, and end it for sure."""
    process = subprocess.Popen(
        [str(python.path), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**clean_environment(), **environment},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        image = find_python(process.pid, parse_maps(process.pid))
        assert image is not None
        yield Child(process, image, python.minor)
    finally:
        process.kill()
        process.communicate()

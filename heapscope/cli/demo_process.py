"""Starts the demo service for ``attach --demo``, and ends it again for sure.

Never runs the demo inside heapscope: it is an ordinary process that nobody prepared.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from heapscope.errors import TargetGone, UsageError
from heapscope.units import clean_text

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 3.0
_MAX_LINE = 4096


@contextlib.contextmanager
def demo_running(python: str | None, arguments: tuple[str, ...] = ()) -> Iterator[int]:
    """Start the demo service, yield its pid, and end it.

    Raises:
        UsageError: the interpreter cannot be started.
        TargetGone: the demo ended before it was ready.
    """
    program = Path(__file__).resolve().parents[1] / "demo" / "service.py"
    interpreter = python or sys.executable
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        process = subprocess.Popen(
            [interpreter, str(program), "--exit-with-parent", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C in the UI is not meant for it
        )
    except OSError as error:
        reason = error.strerror or "not an interpreter"
        raise UsageError(f"cannot start {clean_text(interpreter)}: {reason}", hint="--demo-python PATH") from error
    try:
        yield _wait_until_ready(process, interpreter)
    finally:
        _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], interpreter: str) -> int:
    assert process.stdout is not None
    deadline = time.monotonic() + READY_TIMEOUT_S
    line = b""
    while b"\n" not in line and len(line) < _MAX_LINE:
        if not select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TargetGone("the demo service did not become ready", hint="heapscope attach --demo --demo-python PATH")
        data = os.read(process.stdout.fileno(), _MAX_LINE)
        if not data:
            message = f"the demo service ended at once under {clean_text(interpreter)}"
            raise TargetGone(message, hint="--demo-python PATH, a CPython 3.8 or newer")
        line += data
    word, _, pid = line.split(b"\n", 1)[0].decode("ascii", "replace").partition(" ")
    if word != "ready" or not pid.isdigit():
        raise TargetGone("the demo service said something unexpected", hint="--demo-python PATH")
    return int(pid)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()

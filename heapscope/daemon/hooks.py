"""Runs the command of a rule: an argument list, no shell, a deadline, facts in the environment.

Never passes text of a target as an argument, and never waits longer than it was told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heapscope.daemon.notify import without_systemd
from heapscope.units import clean_text

MAX_OUTPUT = 4096
_END_S = 2.0


@dataclass(frozen=True, slots=True)
class HookResult:
    """How a command ended: its exit code (negative: the signal), None if it could not be started; the end of what it said."""

    code: int | None
    output: str
    is_late: bool = False

    @property
    def is_ok(self) -> bool:
        """Whether it ended well, in time."""
        return self.code == 0 and not self.is_late


async def run_hook(command: Sequence[str], facts: Mapping[str, str], timeout_s: float) -> HookResult:
    """Run a command; ``facts`` become HEAPSCOPE_* variables."""
    variables = {f"HEAPSCOPE_{name.upper()}": clean_text(value, 4000) for name, value in facts.items()}
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**without_systemd(os.environ), **variables},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return HookResult(None, clean_text(str(error)))
    output = bytearray()
    reader = asyncio.ensure_future(_read(process, output))
    is_late = False
    try:
        async with asyncio.timeout(timeout_s):
            await process.wait()
    except TimeoutError:
        is_late = True
    finally:
        if process.returncode is None:  # once it is collected, its number may be another's
            _kill_group(process.pid)
            await process.wait()
        with contextlib.suppress(TimeoutError):  # what it started may hold its stdout
            await asyncio.wait_for(reader, _END_S)
    return HookResult(process.returncode, clean_text(output.decode("utf-8", "replace").strip(), 500), is_late)


async def _read(process: asyncio.subprocess.Process, output: bytearray) -> None:
    assert process.stdout is not None
    while part := await process.stdout.read(65536):
        output += part
        del output[:-MAX_OUTPUT]


def _kill_group(pid: int) -> None:
    """End what the command left behind; its group is its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)

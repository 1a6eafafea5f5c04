"""Exports made for the daemon by processes of their own: one at a time, limited, with a deadline.

Never holds a heap, and keeps only few finished profiles.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from heapscope.daemon.config import CaptureConfig
from heapscope.daemon.notify import without_systemd
from heapscope.errors import BudgetExceeded, HeapscopeError
from heapscope.units import clean_text

EXPORT_S = 120.0
MAX_CACHED = 8
MAX_PROFILE = 16 << 20
MAX_WAITING = 16
_PACKAGE_PARENT = str(Path(__file__).resolve().parents[3])
_CODE = "import sys; sys.path.insert(0, sys.argv[1]); from heapscope.daemon.control.export_process import main; main()"


class ExportFailed(HeapscopeError):
    """An export could not be made."""


@dataclass(frozen=True, slots=True)
class ExportJob:
    """What to make of a snapshot file. ``constants`` are columns that say one thing, such as where it comes from."""

    source: str
    kind: str
    table: str = ""
    constants: Mapping[str, str | int] = field(default_factory=dict)


class ExportWorkshop:
    """Runs export processes. For the event loop's thread."""

    def __init__(self, limits: CaptureConfig) -> None:
        self._limits = limits
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._cache: OrderedDict[str, bytes] = OrderedDict()

    async def cached(self, job: ExportJob, *, key: str) -> bytes:
        """Give an export as bytes; the last few are remembered by their key.

        Raises:
            BudgetExceeded: too many wait already, or it took too long.
            ExportFailed: the process says why.
        """
        if key not in self._cache:
            with tempfile.NamedTemporaryFile(prefix="heapscope-") as file:
                await self.write(job, file.name)
                data = await asyncio.to_thread(Path(file.name).read_bytes)
            if len(data) > MAX_PROFILE:
                raise ExportFailed("the profile is too large", hint="heapscope export snap:ID")
            self._cache[key] = data
            while len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        return self._cache[key]

    async def write(self, job: ExportJob, path: str, timeout_s: float = EXPORT_S) -> None:
        """Write an export into a file. Raises as ``cached``."""
        if self._waiting >= MAX_WAITING:
            raise BudgetExceeded(f"{MAX_WAITING} exports wait already", hint="try again later")
        self._waiting += 1
        try:
            async with self._turn:
                await self._run(job, path, timeout_s)
        finally:
            self._waiting -= 1

    async def _run(self, job: ExportJob, path: str, timeout_s: float) -> None:
        limits = (str(int(self._limits.memory_limit)), str(self._limits.nice))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _CODE, _PACKAGE_PARENT, *limits),
            *(job.source, job.kind, job.table, path, json.dumps(dict(job.constants))),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=without_systemd(os.environ),
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(timeout_s):
                _, said = await process.communicate()
        except TimeoutError as error:
            raise BudgetExceeded(f"the export took more than {timeout_s:.0f} s") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            why = clean_text(said[-2000:].decode("utf-8", "replace").strip(), 300)
            raise ExportFailed(f"the export failed: {why or f'exit code {process.returncode}'}")

"""The process that makes one export of one snapshot file: a heap is large, and the daemon is not to hold one.

Never outlives its deadline, which the daemon keeps, nor the daemon itself; what it may use is limited before anything large is loaded.
Arguments: bytes of address space, niceness, snapshot file, format, table ("" for none), file to write, JSON of constant columns.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any

from heapscope.service.priority import be_nice

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Make it; exit code 0 if the file is whole, else a word of why on stderr."""
    memory, nice, source, kind, table, out, constants = sys.argv[-7:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    be_nice(int(nice))
    try:
        export(source, kind, table, out, json.loads(constants))
    except Exception as error:  # noqa: BLE001 - the boundary of this process: the daemon hears what went wrong
        sys.stderr.write(f"{type(error).__name__}: {error}"[:500])
        sys.exit(1)


def export(source: str, kind: str, table: str, out: str, constants: dict[str, Any]) -> None:
    """Write an export of a snapshot file."""
    from heapscope.service.exporting import ExportChoice, write_export  # noqa: PLC0415 - numpy, after the limits
    from heapscope.service.queries import HeapQueries  # noqa: PLC0415 - as above
    from heapscope.snapshot.file import load_snapshot  # noqa: PLC0415 - as above

    heap = HeapQueries(load_snapshot(source))
    choice = ExportChoice(kind, (table,) if table else (), path=out, constants=constants)
    with open(out, "wb") as file:
        write_export(heap, choice, file.write)
        file.flush()
        os.fsync(file.fileno())

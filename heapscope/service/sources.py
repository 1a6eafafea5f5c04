"""From the word a user gives for a heap to a snapshot: a pid is captured, a file is loaded, the daemon is asked.

Never guesses: digits are a pid, ``@NAME`` and ``snap:ID`` are the daemon's, everything else is a path (``./1234`` for a file
called 1234).
"""

from __future__ import annotations

import dataclasses
import os
import re
import threading
from typing import TYPE_CHECKING

from heapscope.errors import SnapshotFileError, TargetGone, UsageError
from heapscope.oversight import UNWATCHED, Oversight
from heapscope.service.capture import CaptureOptions, CaptureProgress, Report, capture
from heapscope.units import clean_text

if TYPE_CHECKING:  # numpy costs 100 ms
    from heapscope.snapshot.model import Snapshot

MAX_PID = 1 << 22  # the kernel's own limit
MAX_DIGITS = 18


def find_pid(source: str) -> int | None:
    """Return the pid that a source names, None for a file and for what the daemon has.

    Raises:
        UsageError: the number cannot be a pid, or the word is a kind of source that this version does not know.
    """
    if re.fullmatch(r"[+-]?\d+", source):
        return parse_pid(source)
    if re.match(r"(name:|unit:|cid:|pod:)", source) and not os.path.exists(source):
        raise UsageError(f"{clean_text(source, 60)} is neither a pid nor a file", hint="heapscope ps")
    return None


def parse_pid(text: str) -> int:
    """Read a process number.

    Raises:
        UsageError: it is none.
        TargetGone: no process can have that number.
    """
    if not re.fullmatch(r"[0-9]+", text):
        raise UsageError(f"{clean_text(text, 40)} is no process number", hint="heapscope ps")
    if len(text) > MAX_DIGITS or not 0 < int(text) <= MAX_PID:
        raise TargetGone(f"there is no process {clean_text(text, 40)}", hint="heapscope ps")
    return int(text)


def open_source(
    source: str,
    options: CaptureOptions | None = None,
    progress: Report | None = None,
    cancel: threading.Event | None = None,
) -> Snapshot:
    """Return the snapshot of a source. Loading a file, and asking the daemon, report the phase "load".

    Raises:
        UsageError: the word makes no sense.
        SnapshotFileError: the file is missing, unreadable or damaged.
        DaemonUnavailable: the daemon does not answer, or refuses.
        HeapscopeError: as ``capture`` raises.
        Cancelled: ``cancel`` was set.
    """
    pid = find_pid(source)
    if pid is not None:
        return capture(pid, options, progress, cancel)
    from heapscope.service.daemon_source import is_daemon_source, open_from_daemon  # noqa: PLC0415 - HTTP, 20 ms

    if is_daemon_source(source) and not os.path.exists(source):
        return open_from_daemon(source, progress, cancel, _oversight(progress, cancel))
    if not os.path.exists(source):
        raise SnapshotFileError(f"there is no file {clean_text(source)}", hint="heapscope snapshot PID -o FILE")
    from heapscope.snapshot.file import load_snapshot  # noqa: PLC0415 - numpy, 100 ms

    return load_snapshot(source, _oversight(progress, cancel))


def _oversight(progress: Report | None, cancel: threading.Event | None) -> Oversight:
    watcher = UNWATCHED
    if progress is not None:
        watcher = dataclasses.replace(
            watcher, report=lambda share: progress(CaptureProgress("load", message=f"{share:.0%} read"))
        )
    return watcher if cancel is None else dataclasses.replace(watcher, is_cancelled=cancel.is_set)

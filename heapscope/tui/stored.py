"""Owns finding snapshot files: what is told of them without loading them.

Never writes; called from worker threads only.
"""

from __future__ import annotations

import os
from pathlib import Path

from heapscope.errors import HeapscopeError
from heapscope.snapshot.opening import SnapshotFile
from heapscope.tui.state import Taken

ENDING = ".heapscope"
MAX_FILES = 100


def list_snapshots(folder: str) -> tuple[Taken, ...]:
    """Describe the newest snapshot files of a folder, the newest first; those that cannot be read are left out."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.stat().st_mtime, entry.name) for entry in entries if entry.name.endswith(ENDING)]
    except OSError:
        return ()
    paths = [str(Path(folder) / name) for _time, name in sorted(found, reverse=True)[:MAX_FILES]]
    return tuple(taken for taken in map(_describe, paths) if taken is not None)


def _describe(path: str) -> Taken | None:
    """Read what a file says of itself; no column of objects."""
    try:
        with SnapshotFile(path) as file:
            return Taken(0, path, file.meta, file.object_count, int(file.type_table.shallow.sum()))
    except (HeapscopeError, OSError):
        return None

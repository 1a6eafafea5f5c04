"""Owns writing exports: new files only, readable by their owner only.

Never overwrites: an existing file is an error, and a proposed name is one that is free. Only the file with what was copied is replaced.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from heapscope.errors import SnapshotFileError
from heapscope.units import clean_text

OWNER_ONLY = 0o600
MAX_NUMBERED = 1000


def propose_path(stem: str, suffix: str, folder: str = "") -> str:
    """Return a path that is free now: ``stem.suffix``, ``stem-2.suffix`` ..."""
    base = Path(folder) if folder else Path()
    for number in range(1, MAX_NUMBERED):
        name = f"{stem}.{suffix}" if number == 1 else f"{stem}-{number}.{suffix}"
        if not os.path.lexists(base / name):
            return str(base / name)
    return str(base / f"{stem}-{MAX_NUMBERED}.{suffix}")


def write_new_file(path: str, text: str) -> None:
    """Write a text file that must not exist yet; leaves nothing behind when it fails.

    Raises:
        SnapshotFileError: it exists, or cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, OWNER_ONLY)
    except OSError as error:
        raise _error(path, error) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        os.unlink(path)
        raise _error(path, error) from error


def copy_path() -> str:
    """Return where what was copied is kept: a file of this user's own."""
    folder = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return str(Path(folder) / "heapscope" / "copied.txt")


def keep_copy(path: str, text: str) -> None:
    """Replace the file with what was copied; a folder that cannot be written is no failure, the terminal may have it."""
    target = Path(path)
    with contextlib.suppress(OSError):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".copied-")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text + "\n")
        os.replace(name, target)


def _error(path: str, error: OSError) -> SnapshotFileError:
    if isinstance(error, FileExistsError):
        return SnapshotFileError(f"{clean_text(path)} exists", hint="choose another name")
    return SnapshotFileError(f"cannot write {clean_text(path)}: {error.strerror}", hint="choose another folder")

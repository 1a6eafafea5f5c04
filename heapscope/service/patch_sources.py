"""Reads the source files that a patch is about, as bytes: those that the target sees.

Never follows a link in another root, never opens anything but a regular file, never writes. Whatever is odd counts as absent.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Callable

from heapscope.snapshot.model import SnapshotMeta

ReadSource = Callable[[str], bytes | None]

MAX_BYTES = 4 << 20
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


def reader_of(meta: SnapshotMeta, pid: int | None) -> ReadSource:
    """Give what reads files of a snapshot: through the root of a live target, else from here if it was made on this host."""
    if meta.host_name and meta.host_name != socket.gethostname():
        return lambda _: None
    if pid is not None and not _is_our_root(pid):
        return lambda path: _read_inside(f"/proc/{pid}/root", path)
    return _read_here


def _is_our_root(pid: int) -> bool:
    try:
        theirs, ours = os.stat(f"/proc/{pid}/root"), os.stat("/")
    except OSError:
        return True  # it has ended: the file's path is all there is
    return (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino)


def _read_here(path: str) -> bytes | None:
    if not path.startswith("/") or "\0" in path:
        return None
    with contextlib.suppress(OSError):
        return _read(os.open(path, _READ))
    return None


def _read_inside(root: str, path: str) -> bytes | None:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path.startswith("/") or "\0" in path or ".." in parts or not parts:
        return None
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
        folder = os.open(root, _FOLDER)
        stack.callback(os.close, folder)
        for part in parts[:-1]:
            folder = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            stack.callback(os.close, folder)
        return _read(os.open(parts[-1], _READ | os.O_NOFOLLOW, dir_fd=folder))
    return None


def _read(descriptor: int) -> bytes | None:
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
            return None
        data = os.pread(descriptor, MAX_BYTES + 1, 0)
    finally:
        os.close(descriptor)
    return data if len(data) <= MAX_BYTES else None

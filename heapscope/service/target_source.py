"""Source text of a target's modules: through its own root while it runs, from the same path for a file made on this host.

Never follows a link out of the target's root, never opens anything but a regular file, and never writes. The files are the
target's, so hostile: sizes, links and numbers are bounded, and whatever is odd counts as absent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import socket
import stat
import tokenize
from collections.abc import Iterator

from heapscope.analysis.slots.class_source import parse_module
from heapscope.analysis.slots.source_model import ModuleSource
from heapscope.snapshot.model import SnapshotMeta
from heapscope.target.process import read_start_ticks, read_text

MAX_SIZE = 4 << 20
MAX_FILES = 2000  # a large application; each takes some milliseconds to parse
MAX_LINKS = 40  # what the kernel allows
MAX_DEPTH = 256
_START_ERROR_S = 1.5  # the kernel tells when it booted in whole seconds, and processes count from there
_SAME_START_S = 2.0  # two ways of reading when a process started differ by rounding and by the clock being set

_ANY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclasses.dataclass(frozen=True, slots=True)
class SourceText:
    """The text of one file. ``is_newer``: it changed after the process had started, which may run an older one."""

    text: str
    is_newer: bool


class TargetSources:
    """Reads and parses files of one target, each once. Does I/O; not safe to share between threads."""

    def __init__(self, root: str | None, process_start_time: float) -> None:
        """Read below ``root``; from nowhere if that is None. ``process_start_time`` is in seconds since the epoch."""
        self._root = root
        self._started = process_start_time
        self._modules: dict[str, ModuleSource | None] = {}

    @classmethod
    def of(cls, meta: SnapshotMeta) -> TargetSources:
        """Choose where the sources of a snapshot are: below the process's root while it runs, nowhere if it is of another host."""
        if meta.host_name != socket.gethostname():
            return cls(None, meta.process_start_time)
        return cls(_live_root(meta) or "/", meta.process_start_time)

    def module(self, path: str) -> ModuleSource | None:
        """Give what a file says; None if it cannot be read or parsed, or too many were read before."""
        if path not in self._modules:
            source = self.read(path) if len(self._modules) < MAX_FILES else None
            self._modules[path] = parse_module(source.text, is_newer=source.is_newer) if source else None
        return self._modules[path]

    def read(self, path: str) -> SourceText | None:
        """Give the text of a file, by its absolute path as the target sees it."""
        found = self._read(path)
        try:
            return SourceText(_decode(found[0]), found[1] > self._started + _START_ERROR_S) if found else None
        except (SyntaxError, ValueError, LookupError):
            return None

    def read_bytes(self, path: str) -> bytes | None:
        """Give the contents of a file, as they are."""
        found = self._read(path)
        return found[0] if found else None

    def _read(self, path: str) -> tuple[bytes, float] | None:
        """Read a file, and when it was changed."""
        if self._root is None or not path.startswith("/") or "\0" in path:
            return None
        try:
            with _opened(self._root, path) as descriptor:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_SIZE:
                    return None
                data = os.pread(descriptor, MAX_SIZE + 1, 0)
            # The time of change too: files that are put in place by renaming keep an older time of modification.
            return (data, max(found.st_mtime, found.st_ctime)) if len(data) <= MAX_SIZE else None
        except OSError:
            return None


def _live_root(meta: SnapshotMeta) -> str | None:
    """Find the root of the process that was captured, unless its number belongs to another one by now."""
    ticks = read_start_ticks(meta.pid)
    booted = [line.split()[1] for line in (read_text("/proc/stat") or "").splitlines() if line.startswith("btime ")]
    if ticks is None or not booted:
        return None
    started = int(booted[0]) + ticks / os.sysconf("SC_CLK_TCK")
    return f"/proc/{meta.pid}/root" if abs(started - meta.process_start_time) <= _SAME_START_S else None


def _decode(data: bytes) -> str:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return io.TextIOWrapper(io.BytesIO(data), encoding).read()


@contextlib.contextmanager
def _opened(root: str, path: str) -> Iterator[int]:
    """Open a file for reading, links resolved inside of ``root`` as the process itself would. Raises OSError."""
    with contextlib.ExitStack() as stack:
        # /proc/PID/root is a link that only the kernel can follow, and the only one that it follows for us.
        way = [_closing(stack, os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))]
        parts, links = _parts(path), 0
        while parts:
            part = parts.pop(0)
            if part == "..":
                way = way[:-1] or way
                continue
            found = _closing(stack, os.open(part, _ANY, dir_fd=way[-1]))
            mode = os.fstat(found).st_mode
            if stat.S_ISLNK(mode):
                links += 1
                target = os.readlink("", dir_fd=found)
                if target.startswith("/"):
                    way = way[:1]
                parts = [*_parts(target), *parts]
                if links > MAX_LINKS or len(parts) > MAX_DEPTH:
                    raise OSError("too many links")
            elif parts:
                way.append(found)
            elif stat.S_ISREG(mode):  # opening a device may already do something
                # By its descriptor: the name may mean something else by now.
                yield _closing(stack, os.open(f"/proc/self/fd/{found}", _READ))
                return
        raise OSError("no regular file")


def _closing(stack: contextlib.ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _parts(path: str) -> list[str]:
    found = [part for part in path.split("/") if part not in ("", ".")]
    if len(found) > MAX_DEPTH:
        raise OSError("too deep")
    return found

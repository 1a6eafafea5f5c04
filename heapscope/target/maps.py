"""What is mapped where in a process: /proc/PID/maps, and the very file behind a mapping.

Never writes to a process, never stops one, and never trusts a path: the inode decides.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from heapscope.errors import HeapscopeError, PermissionRefused, TargetGone

MAX_MAPS_SIZE = 64 << 20  # the kernel allows 65,530 mappings by default, about 6 MB of text
_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of /proc/PID/maps. ``offset`` is the file offset of ``start``; ``device`` is ``major:minor`` in hex."""

    start: int
    end: int
    perms: str
    offset: int
    device: str
    inode: int
    path: str

    @property
    def size(self) -> int:
        """Bytes of address space."""
        return self.end - self.start

    @property
    def is_executable(self) -> bool:
        """Whether it holds code."""
        return "x" in self.perms

    @property
    def is_readable(self) -> bool:
        """Whether the process itself may read it."""
        return "r" in self.perms

    @property
    def is_file(self) -> bool:
        """Whether a file is behind it."""
        return self.inode != 0 and self.path.startswith("/")

    @property
    def is_deleted(self) -> bool:
        """Whether that file has no name any more."""
        return self.path.endswith(_DELETED)

    @property
    def file_path(self) -> str:
        """The path without the kernel's mark for a deleted file."""
        return self.path.removesuffix(_DELETED)

    @property
    def file_key(self) -> tuple[str, int]:
        """What tells one mapped file from another."""
        return (self.device, self.inode)


def parse_maps_text(text: str) -> list[Mapping]:
    """Read the text of a maps file. Lines that make no sense are left out."""
    mappings = []
    for line in text.split("\n"):
        fields = line.split(None, 5)
        if len(fields) < 5:
            continue
        try:
            start, end = (int(part, 16) for part in fields[0].split("-"))
            mappings.append(
                Mapping(
                    start=start,
                    end=end,
                    perms=fields[1],
                    offset=int(fields[2], 16),
                    device=fields[3],
                    inode=int(fields[4]),
                    path=_unescape(fields[5]) if len(fields) > 5 else "",
                )
            )
        except ValueError:
            continue
    return mappings


def parse_maps(pid: int) -> list[Mapping]:
    """Return the mappings of a process, in address order; empty for a zombie or a kernel thread.

    Raises:
        TargetGone: there is no such process (any more).
        PermissionRefused: its memory map may not be read.
    """
    return parse_maps_text(read_memory_map(pid, "maps", MAX_MAPS_SIZE))


def read_memory_map(pid: int, name: str, limit: int) -> str:
    """Return the text of /proc/PID/``name``, at most ``limit`` bytes of it.

    Raises:
        TargetGone: there is no such process (any more).
        PermissionRefused: its memory map may not be read.
    """
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            data = file.read(limit)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise TargetGone(f"there is no process {pid}", hint="heapscope ps") from error
    except PermissionError as error:
        raise PermissionRefused(
            f"cannot read the memory map of process {pid}", hint=f"heapscope doctor {pid}"
        ) from error
    return data.decode("utf-8", "surrogateescape")


def mappings_by_file(mappings: Iterable[Mapping]) -> dict[tuple[str, int], list[Mapping]]:
    """Group the mappings of files by the file, in order of first appearance."""
    groups: dict[tuple[str, int], list[Mapping]] = {}
    for mapping in mappings:
        if mapping.is_file:
            groups.setdefault(mapping.file_key, []).append(mapping)
    return groups


def open_mapped(pid: int, mapping: Mapping) -> BinaryIO:
    """Open the file behind a mapping for reading: the mapped inode itself, or nothing.

    ``map_files`` works for deleted files and other mount namespaces but wants privileges; ``exe`` works for whoever may
    trace the process; the path under ``root`` works for everybody, and its inode is compared.

    Raises:
        PermissionRefused: none of the three ways leads to that inode.
    """
    candidates = (
        (f"/proc/{pid}/map_files/{mapping.start:x}-{mapping.end:x}", False),
        (f"/proc/{pid}/exe", True),
        (f"/proc/{pid}/root{mapping.file_path}", True),
    )
    reason = "no such file"
    for path, must_compare in candidates:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            continue
        # The device number in maps differs from that of stat on overlay and btrfs file systems, so the inode has to do.
        if must_compare and os.fstat(descriptor).st_ino != mapping.inode:
            os.close(descriptor)
            continue
        return os.fdopen(descriptor, "rb")
    raise PermissionRefused(
        f"cannot open {mapping.file_path}, which process {pid} has mapped: {reason}",
        hint=f"heapscope doctor {pid}",
    )


def find_mapping(mappings: Iterable[Mapping], address: int) -> Mapping | None:
    """Return the mapping that contains an address."""
    for mapping in mappings:
        if mapping.start <= address < mapping.end:
            return mapping
    return None


def try_parse_maps(pid: int) -> list[Mapping]:
    """Like :func:`parse_maps`, with an empty list where it raises."""
    try:
        return parse_maps(pid)
    except HeapscopeError:
        return []


def _unescape(path: str) -> str:
    # The kernel escapes only the newline in this file.
    return path.replace("\\012", "\n")

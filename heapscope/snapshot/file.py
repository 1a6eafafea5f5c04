"""Snapshot files: saving one atomically, loading one without trusting it.

Never leaves a partial file, and never lets a damaged one through; all failures are SnapshotFileError.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO

from heapscope.errors import SnapshotFileError
from heapscope.snapshot import contents, layout
from heapscope.snapshot.model import Snapshot

SUFFIX = ".heapscope"

_HINTS = {
    errno.ENOSPC: "Free some space, or save to another file system with -o.",
    errno.EDQUOT: "Free some space, or save to another file system with -o.",
    errno.EFBIG: "Save to another file system with -o.",
    errno.EACCES: "Save to a folder that you may write to, with -o.",
    errno.EPERM: "Save to a folder that you may write to, with -o.",
    errno.EROFS: "The file system is read-only: save to another one with -o.",
    errno.ENOENT: "Check the path; the folder must exist.",
    errno.ENOTDIR: "Check the path; the folder must exist.",
    errno.EISDIR: f"Give a file name, such as name{SUFFIX}.",
    errno.EIO: "The disk has a problem: save to another one with -o.",
}


def save_snapshot(snapshot: Snapshot, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Save a snapshot: either the whole file is there afterwards, or nothing has changed.

    The file is readable by its owner only. Does blocking I/O. Raises SnapshotFileError.
    """
    target = Path(path)
    try:
        _check_target(target, overwrite=overwrite)
        _save(snapshot, target, overwrite=overwrite)
    except OSError as error:
        raise _os_failure("written", target, error) from error
    except ValueError as error:
        raise SnapshotFileError(f"{target} cannot be written: {error}", hint="Give another file name.") from error


def _os_failure(verb: str, path: Path, error: OSError) -> SnapshotFileError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    hint = _HINTS.get(error.errno or 0, "Check the path and its permissions.")
    if verb == "read":
        hint = "Check the path, and that you may read the file."
    return SnapshotFileError(f"{path} cannot be {verb}: {reason}", hint=hint)


def _exists_already(target: Path) -> SnapshotFileError:
    return SnapshotFileError(f"{target} exists already", hint="Give another name, or allow overwriting with --force.")


def _check_target(target: Path, *, overwrite: bool) -> None:
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "")
    if not stat.S_ISREG(mode):
        raise SnapshotFileError(f"{target} is no regular file", hint=f"Give a file name, such as name{SUFFIX}.")
    if not overwrite:
        raise _exists_already(target)


def _save(snapshot: Snapshot, target: Path, *, overwrite: bool) -> None:
    # mkstemp makes the file with mode 0600, and in the same folder, so that the rename stays on one file system.
    descriptor, name = tempfile.mkstemp(prefix=".heapscope-", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            _write(snapshot, stream)
            stream.flush()
            os.fsync(stream.fileno())
        _publish(temporary, target, overwrite=overwrite)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _publish(temporary: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(target)
        return
    try:
        # A rename would replace a file that appeared meanwhile; a link never does.
        os.link(temporary, target)
    except FileExistsError:
        raise _exists_already(target) from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        _check_target(target, overwrite=False)  # no hard links on this file system
        temporary.rename(target)
    else:
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Some network file systems refuse this; the file itself is complete and synced.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(snapshot: Snapshot, stream: BinaryIO) -> None:
    sections = _write_sections(snapshot, stream, layout.Encoding.ZLIB)
    raw_size = sum(section.raw_size for section in sections)
    if layout.expands_too_much(raw_size, stream.tell()):
        stream.truncate(0)
        sections = _write_sections(snapshot, stream, layout.Encoding.RAW)
    stream.seek(0)
    stream.write(layout.encode_head(sections))


def _write_sections(snapshot: Snapshot, stream: BinaryIO, encoding: layout.Encoding) -> list[layout.Section]:
    stream.seek(layout.table_end(len(contents.SECTION_NAMES)))
    sections = []
    for name in contents.SECTION_NAMES:
        offset = stream.tell()
        raw = memoryview(contents.encode_section(snapshot, name))
        crc32 = 0
        for piece in contents.stored_pieces(raw, encoding):
            stream.write(piece)
            crc32 = contents.crc32(piece, crc32)
        sections.append(layout.Section(name, encoding, offset, stream.tell() - offset, raw.nbytes, crc32))
    return sections


def load_snapshot(path: str | os.PathLike[str]) -> Snapshot:
    """Load a snapshot file, checking all of it. Does blocking I/O. Raises SnapshotFileError."""
    source = Path(path)
    try:
        with source.open("rb") as stream:
            return _read(stream)
    except OSError as error:
        raise _os_failure("read", source, error) from error
    except (layout.LayoutError, contents.ContentsError) as error:
        hint = "Use another copy of the file, or capture again with: heapscope snapshot PID -o FILE"
        raise SnapshotFileError(f"{source} cannot be read: {error}", hint=hint) from error
    except ValueError as error:
        raise SnapshotFileError(f"{source} cannot be read: {error}", hint="Check the path.") from error
    except MemoryError as error:
        hint = "Open it on a machine with more memory."
        raise SnapshotFileError(f"{source} does not fit into memory", hint=hint) from error


def _read(stream: BinaryIO) -> Snapshot:
    status = os.fstat(stream.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise layout.LayoutError("it is no regular file")
    header = stream.read(layout.HEADER.size)
    section_count = layout.decode_section_count(header, status.st_size)
    table = stream.read(layout.table_end(section_count) - len(header))
    sections = layout.decode_table(header + table, section_count, status.st_size)
    raw = {}
    for section in sections.values():
        stored = stream.read(section.stored_size)
        known = section.name in contents.SECTION_NAMES
        checked = layout.decode_section(section, stored)
        if known:
            raw[section.name] = checked
    return contents.decode_snapshot(raw)

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

from heapscope.errors import SnapshotFileError
from heapscope.oversight import UNWATCHED, Oversight
from heapscope.snapshot.failures import SUFFIX, os_failure
from heapscope.snapshot.model import Snapshot
from heapscope.snapshot.opening import SnapshotFile
from heapscope.snapshot.writer import write_snapshot


def save_snapshot(
    snapshot: Snapshot,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    oversight: Oversight = UNWATCHED,
) -> None:
    """Save a snapshot: either the whole file is there afterwards, or nothing has changed.

    The file is readable by its owner only. Does blocking I/O; ``oversight`` is asked and told between blocks of it.

    Raises:
        SnapshotFileError: it cannot be written there.
        Cancelled: the watcher gave up; at the end the disk has its time, and nobody is asked any more.
    """
    target = Path(path)
    try:
        _check_target(target, overwrite=overwrite)
        _save(snapshot, target, overwrite=overwrite, oversight=oversight)
    except OSError as error:
        raise os_failure("written", target, error) from error
    except ValueError as error:
        raise SnapshotFileError(f"{target} cannot be written: {error}", hint="Give another file name.") from error
    except MemoryError as error:
        hint = "Free some memory, and save again; 13 bytes per object are enough."
        raise SnapshotFileError(f"{target} cannot be written: out of memory", hint=hint) from error


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


def _save(snapshot: Snapshot, target: Path, *, overwrite: bool, oversight: Oversight) -> None:
    # mkstemp makes the file with mode 0600, and in the same folder, so that the rename stays on one file system.
    descriptor, name = tempfile.mkstemp(prefix=".heapscope-", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            write_snapshot(snapshot, stream, oversight)
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


def load_snapshot(path: str | os.PathLike[str], oversight: Oversight = UNWATCHED) -> Snapshot:
    """Load a snapshot file, checking all of it. Does blocking I/O. Raises SnapshotFileError and Cancelled."""
    with SnapshotFile(path) as file:
        return file.load(oversight)

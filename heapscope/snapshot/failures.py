"""What a user is told when a snapshot file cannot be read or written. Never tries anything again."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from heapscope.errors import SnapshotFileError
from heapscope.snapshot.contents import ContentsError
from heapscope.snapshot.layout import LayoutError

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


def os_failure(verb: str, path: str | os.PathLike[str], error: OSError) -> SnapshotFileError:
    """Name what the system refused: ``verb`` is read or written."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    hint = _HINTS.get(error.errno or 0, "Check the path and its permissions.")
    if verb == "read":
        hint = "Check the path, and that you may read the file."
    return SnapshotFileError(f"{path} cannot be {verb}: {reason}", hint=hint)


@contextlib.contextmanager
def raising_file_errors(path: str) -> Iterator[None]:
    """Turn what reading a file may raise into SnapshotFileError."""
    try:
        yield
    except OSError as error:
        raise os_failure("read", path, error) from error
    except (LayoutError, ContentsError) as error:
        hint = "Use another copy of the file, or capture again with: heapscope snapshot PID -o FILE"
        raise SnapshotFileError(f"{path} cannot be read: {error}", hint=hint) from error
    except ValueError as error:
        raise SnapshotFileError(f"{path} cannot be read: {error}", hint="Check the path.") from error
    except MemoryError as error:
        hint = "Open it on a machine with more memory."
        raise SnapshotFileError(f"{path} does not fit into memory", hint=hint) from error

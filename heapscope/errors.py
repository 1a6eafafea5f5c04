"""Every error that heapscope raises on purpose, and the exit code that each one ends with.

No module below this one exists: it imports nothing of heapscope.

    HeapscopeError                exit  1   internal error
    ├── UsageError                      2   the words of the command are wrong
    │   └── MissingExtra                2   what this command needs is not installed
    ├── TargetGone                      4   target missing, ambiguous, or gone
    ├── UnsupportedTarget               5   not a CPython that we can look into
    ├── PermissionRefused               6   the kernel or a policy refuses
    ├── CloneForbidden                  6   a filter in the target refuses the clone, whichever way in
    ├── CaptureInconsistent             7   the stream contradicts itself, also after retries
    ├── BudgetExceeded                  8   pause, time or memory budget is used up
    ├── SnapshotFileError               9   a snapshot file cannot be read or written
    ├── DaemonUnavailable              10   the daemon cannot be reached, or refuses
    └── Cancelled                     130   the user, or a caller, gave up
"""

from __future__ import annotations

import enum
import sys


class ExitCode(enum.IntEnum):
    """Exit codes of the command line; a contract once released (docs/cli.md)."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    CHECK_FAILED = 3
    TARGET_GONE = 4
    UNSUPPORTED = 5
    PERMISSION = 6
    INCONSISTENT = 7
    BUDGET = 8
    SNAPSHOT_FILE = 9
    DAEMON = 10
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class HeapscopeError(Exception):
    """Something failed. ``message`` says what and for which target; ``hint`` says what to do next."""

    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(HeapscopeError):
    """The words of the command do not make sense together."""

    exit_code = ExitCode.USAGE


class MissingExtra(UsageError):
    """A package that only some commands need is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        """``what`` needs the extra: the command, in the user's words."""
        hint = f"{sys.executable or 'python3'} -m pip install 'heapscope[{extra}]'"
        super().__init__(f"{what} needs packages that are not installed", hint=hint)


class TargetGone(HeapscopeError):
    """The target does not exist, names several processes, or ended meanwhile."""

    exit_code = ExitCode.TARGET_GONE


class UnsupportedTarget(HeapscopeError):
    """The process is not a CPython that heapscope can look into."""

    exit_code = ExitCode.UNSUPPORTED


class PermissionRefused(HeapscopeError):
    """The kernel, a security module or a policy refuses access to the target."""

    exit_code = ExitCode.PERMISSION


class CloneForbidden(HeapscopeError):
    """The target itself may not be cloned; unlike PermissionRefused, no other way in helps."""

    exit_code = ExitCode.PERMISSION


class CaptureInconsistent(HeapscopeError):
    """What the clone sent contradicts itself or stops short."""

    exit_code = ExitCode.INCONSISTENT


class BudgetExceeded(HeapscopeError):
    """A budget (pause, time or memory) would be, or was, exceeded."""

    exit_code = ExitCode.BUDGET


class SnapshotFileError(HeapscopeError):
    """A snapshot file is truncated, corrupted, of an unknown version, or cannot be written."""

    exit_code = ExitCode.SNAPSHOT_FILE


class DaemonUnavailable(HeapscopeError):
    """The daemon does not answer at its socket, or refuses what was asked of it."""

    exit_code = ExitCode.DAEMON


class Cancelled(HeapscopeError):
    """The work was given up on request."""

    exit_code = ExitCode.INTERRUPTED

"""Files that a script injector hands to the target: where they can lie, what is in them, their removal.

Never leaves a file behind: everything made here is removed in ``remove``, whatever happened.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from heapscope.errors import BudgetExceeded, CaptureInconsistent, UnsupportedTarget
from heapscope.inject import block
from heapscope.inject.arch import x86_64_numbers as numbers
from heapscope.inject.model import InjectRequest
from heapscope.inject.symbols import ResolvedSymbols

_SCRIPT_SOURCE = Path(__file__).resolve().parents[1] / "agent" / "script.py"
_DIRECTORIES = ("/dev/shm", "/tmp", "/var/tmp", "/run")  # noqa: S108  (the file is opened O_EXCL, with a random name)
_MARKER_SIZE = 256


def refuse_free_threaded(pid: int, symbols: ResolvedSymbols) -> None:
    """Refuse to have a script make the clone where other threads go on meanwhile: the copy would be torn.

    Raises:
        UnsupportedTarget: the target has no GIL.
    """
    if symbols.is_free_threaded:
        raise UnsupportedTarget(
            f"process {pid} runs a free-threaded build, in which a script cannot stop the other threads",
            hint="use --via ptrace",
        )


class ScriptFiles:
    """A script and the marker file that it writes, both in a directory that the target and the host can write."""

    def __init__(self, pid: int) -> None:
        """Choose a directory.

        Raises:
            UnsupportedTarget: there is none.
        """
        self._name = f"heapscope-{secrets.token_hex(8)}"
        # The descriptor outlives the target: what was made can be removed when /proc/PID is gone.
        self._directory, self._descriptor = self._writable_directory(pid)

    @staticmethod
    def _writable_directory(pid: int) -> tuple[str, int]:
        root = f"/proc/{pid}/root"
        for directory in (*_DIRECTORIES, os.path.realpath(f"/proc/{pid}/cwd")):
            if os.access(root + directory, os.W_OK | os.X_OK):
                return directory, os.open(root + directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        raise UnsupportedTarget(
            f"no directory that both heapscope and process {pid} can write",
            hint="use --via ptrace, which needs no file",
        )

    def path(self, suffix: str) -> str:
        """Return a file's path as the target sees it."""
        return f"{self._directory}/{self._name}{suffix}"

    def write_script(self, text: str) -> str:
        """Write a script that anybody can read; return its path as the target sees it."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._name + ".py", flags, 0o444, dir_fd=self._descriptor)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o444)
        return self.path(".py")

    def read_marker(self) -> tuple[int, int] | None:
        """Return the clone's pid and the pause in ns once the script has run, else None.

        Raises:
            CaptureInconsistent, BudgetExceeded: the script failed in the target, or the kernel refused; it is unharmed.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self._name + ".done", flags, dir_fd=self._descriptor)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(_MARKER_SIZE)
        if not data.endswith(b"\n"):
            return None
        first, second = data.split()[:2]
        if (
            second.isdigit() and int(first) == -1
        ):  # the system call failed, and Python code cannot tell with which error
            raise BudgetExceeded(
                "the kernel refused the clone: a limit on memory or processes, or a seccomp filter",
                hint="--via ptrace tells which one",
            )
        if int(first) <= 0:
            raise CaptureInconsistent(
                f"the script could not make the clone: {second.decode(errors='replace')}",
                hint="the target's Python may lack ctypes; use --via ptrace",
            )
        return int(first), int(second)

    def remove(self) -> None:
        """Remove every file."""
        for suffix in (".py", ".done"):
            with contextlib.suppress(OSError):
                os.unlink(self._name + suffix, dir_fd=self._descriptor)
        os.close(self._descriptor)


def clone_script(request: InjectRequest, marker_path: str, clean_paths: tuple[str, ...] = ()) -> str:
    """Return the script that makes the clone; ``clean_paths`` are entries that the injector put on sys.path."""
    constants: dict[str, object] = {
        "CLEAN_PATHS": clean_paths,
        "MARKER_PATH": marker_path,
        "BOOTSTRAP": request.bootstrap.decode(),
        "CLONE_NAME": request.clone_name,
        "ALARM_S": request.alarm_s,
        "CLONE_MASK": block.CLONE_SIGNAL_MASK.to_bytes(8, "little"),
        "CORE_RLIMIT": block.CORE_LIMIT.to_bytes(8, "little") * 2,
        "DEFAULT_SIGNALS": block.CLONE_DEFAULT_SIGNALS,
    }
    names = ("CLONE", "RT_SIGACTION", "RT_SIGPROCMASK", "ALARM", "SETRLIMIT", "SETPRIORITY", "PRCTL")
    constants |= {f"SYS_{name}": getattr(numbers, f"SYS_{name}") for name in names}
    header = "".join(f"{name} = {value!r}\n" for name, value in constants.items())
    return header + _SCRIPT_SOURCE.read_text(encoding="utf-8")


def reap_script(inner_pid: int, marker_path: str) -> str:
    """Return the script that collects the ended clone in the target."""
    lines = (
        "def _run():",
        "    import sys",
        "    posix = sys.modules['posix']",
        "    try:",
        f"        marker = posix.open({marker_path!r}, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL, 0o600)",
        "    except OSError:",
        "        return",
        "    try:",
        f"        posix.waitpid({inner_pid}, {0x40000001})",
        "    except OSError:",
        "        pass",
        "    posix.write(marker, b'1 0\\n')",
        "    posix.close(marker)",
        "_run()",
    )
    return "\n".join(lines) + "\n"

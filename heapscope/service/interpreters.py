"""An interpreter of a wanted version on this machine, to run a script of our own in: a throw-away process.

Never runs a program that another user may have put in place: its owner must be root or who runs heapscope, and nobody else may
write to it. Never runs what only may be an interpreter: it must be named like one.
"""

from __future__ import annotations

import dataclasses
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from heapscope.errors import UnsupportedTarget, UsageError
from heapscope.target.process import read_link
from heapscope.units import clean_text

PROBE_TIMEOUT_S = 20.0
ISOLATED = ("-I", "-S", "-B")  # no environment variables, no site, nothing written
_NAME = re.compile(r"python3(\.\d+)?")
_PROBE = """
import sys
print(sys.implementation.name, *sys.version_info[:3], hasattr(sys, "gettotalrefcount"), object.__basicsize__)
"""

VersionInfo = tuple[int, int, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Interpreter:
    """One CPython with a GIL, no debug build."""

    path: str
    version: VersionInfo


def parse_full_version(text: str) -> VersionInfo:
    """Read ``3.12.1`` or ``3.15.0a2``. Raises UsageError."""
    found = re.match(r"(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?", text)
    if not found:
        raise UsageError(f"the snapshot does not say which Python it is of: {clean_text(text, 40)!r}")
    return int(found[1]), int(found[2]), int(found[3] or 0)


def find_interpreter(version: VersionInfo, pid: int | None = None, chosen: str = "") -> Interpreter:
    """Find an interpreter of the same feature release, the same patch release if there is one.

    Args:
        version: what is wanted.
        pid: a target whose own program comes first.
        chosen: a path that the user gave; no other is then looked at.

    Raises:
        UnsupportedTarget: there is none, or the chosen one is another version.
    """
    minor = f"{version[0]}.{version[1]}"
    if chosen:
        found = probe(chosen)
        if found is None:
            raise UnsupportedTarget(f"{clean_text(chosen)} does not run as a CPython with a GIL")
        if found.version[:2] != version[:2]:
            shown = ".".join(map(str, found.version))
            raise UnsupportedTarget(f"{clean_text(chosen)} is Python {shown}, the target is {minor}")
        return found
    nearest: Interpreter | None = None
    for path in _candidates(minor, pid):
        found = probe(path)
        if found is None or found.version[:2] != version[:2]:
            continue
        if found.version == version:
            return found
        nearest = nearest or found
    if nearest is None:
        raise UnsupportedTarget(f"no Python {minor} found to measure in", hint="--verify-python PATH names one")
    return nearest


def probe(path: str) -> Interpreter | None:
    """Run an interpreter once and say what it is; None if it is none that we may run, or of another kind."""
    real = os.path.realpath(path)
    if not is_trustworthy(real):
        return None
    try:
        done = subprocess.run(
            [real, *ISOLATED, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=True,
            env={},
            stdin=subprocess.DEVNULL,
            cwd="/",
        )
        name, major, minor, micro, is_debug, head = done.stdout.split()
        version = (int(major), int(minor), int(micro))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Interpreter(real, version) if (name, is_debug, head) == ("cpython", "False", "16") else None


def is_trustworthy(path: str) -> bool:
    """Whether a file is a program that only root or this user can have put there."""
    try:
        status, folder = os.stat(path), os.stat(os.path.dirname(path))
    except (OSError, ValueError):
        return False
    is_program = stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o111) and not status.st_mode & stat.S_ISUID
    # The folder too: an interpreter finds its library beside itself.
    return is_program and all(
        each.st_uid in (0, os.geteuid()) and not each.st_mode & stat.S_IWOTH for each in (status, folder)
    )


def _candidates(minor: str, pid: int | None) -> Iterator[str]:
    """Paths, best first. A target's program counts only where the same path is the same file here: not in a container."""
    if pid is not None:
        path = read_link(f"/proc/{pid}/exe") or ""
        if _NAME.fullmatch(os.path.basename(path)) and _is_same_file(f"/proc/{pid}/exe", path):
            yield path
    home = Path.home()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "heapscope" / "pythons"
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    folders = [*pyenv.glob(f"{minor}.*/bin"), *(data / "uv" / "python").glob(f"cpython-{minor}.*/bin")]
    folders += [*cache.glob("*/usr/bin"), *Path("/opt").glob("*/bin"), Path("/usr/local/bin"), Path("/usr/bin")]
    folders += [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry.startswith("/")]
    seen = set()
    for folder in folders:
        real = os.path.realpath(folder / f"python{minor}")
        if real not in seen and _NAME.fullmatch(os.path.basename(real)):
            seen.add(real)
            yield real


def _is_same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False

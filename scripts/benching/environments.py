"""Folders with third-party packages for one interpreter, made once under the user's cache.

Never touches the environment of heapscope itself, and builds nothing: what has no wheel for an interpreter is missing there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

INSTALL_TIMEOUT_S = 600


def cache_base() -> Path:
    """Return the folder that all caches of heapscope lie in."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "heapscope"


def version_of(python: str) -> str:
    """Return what the interpreter says that it is, such as 3.12.1."""
    code = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-IS", "-c", code], capture_output=True, check=True, text=True).stdout.strip()


def packages_for(python: str, requirements: Sequence[str], *, needs_build: bool = False) -> Path | None:
    """Return a folder for PYTHONPATH with these packages for the interpreter; None if they are not to be had.

    Args:
        python: path of the interpreter.
        requirements: as pip takes them.
        needs_build: allow packages without a wheel.
    """
    version = subprocess.run([python, "-VV"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(version + python.encode() + "\n".join(requirements).encode()).hexdigest()[:12]
    folder = cache_base() / f"bench-{digest}"
    done = folder / "complete"
    if done.exists():
        return folder
    print(f"installing {' '.join(requirements)} for {python} (once)", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    words = [
        *_pip_of(python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--target",
        str(folder),
    ]
    binary = [] if needs_build else ["--only-binary", ":all:"]
    result = subprocess.run(
        [*words, *binary, *requirements], capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
    )
    if result.returncode != 0:
        print(f"not installed: {result.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    done.touch()
    return folder


def _pip_of(python: str) -> list[str]:
    """Prefer the interpreter's own pip: that of an old one knows it; a bare one is served by ours."""
    own = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False)
    return [python, "-m", "pip"] if own.returncode == 0 else [sys.executable, "-m", "pip", "--python", python]


def environment_with(folder: Path | None) -> dict[str, str]:
    """Return this environment for a target: nothing of ours that would change its interpreter, and that folder on its path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_"))}
    path = {"PYTHONPATH": str(folder)} if folder is not None else {}
    return {**kept, **path, "PYTHONDONTWRITEBYTECODE": "1"}

"""Make the environment in which the tests run third-party code, and print its interpreter.

Never touches the environment of heapscope itself: servers (with pandas), libraries to patch, and those of a corpus each get a
folder of their own under the user's cache.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

KINDS = ("servers", "libraries", "corpus")


def main(kind: str = "servers") -> int:
    """Make or find the folder that belongs to this lock file and this interpreter."""
    if kind not in KINDS:
        sys.exit(f"one of {', '.join(KINDS)}")
    lock = Path(__file__).resolve().parents[1] / f"requirements-{kind}-lock.txt"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "heapscope" / f"{kind}-{digest}"
    python = folder / "bin" / "python"
    done = folder / "complete"
    if not done.exists():
        print(f"making the environment of the third-party {kind} (once)", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(lock)]
        if subprocess.run(words, stdout=sys.stderr, check=False).returncode != 0:
            return 1
        done.touch()
    print(python)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

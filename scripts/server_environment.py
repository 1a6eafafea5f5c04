"""Make the environment in which the tests run third-party servers and programs with pandas, and print its interpreter.

Never touches the environment of heapscope itself: they get a folder of their own under the user's cache.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements-servers-lock.txt"


def main() -> int:
    """Make or find the folder that belongs to this lock file and this interpreter."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "heapscope" / f"servers-{digest}"
    python = folder / "bin" / "python"
    done = folder / "complete"
    if not done.exists():
        print("making the environment of the third-party servers and pandas (once)", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(LOCK)]
        if subprocess.run(words, stdout=sys.stderr, check=False).returncode != 0:
            return 1
        done.touch()
    print(python)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Run heapscope's command line as a user would: in a process of its own.

Never imports what it runs; judges nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

RUN_TIMEOUT_S = 240.0


def heapscope_words(*arguments: str) -> list[str]:
    """Return the command line of heapscope in this environment."""
    return [sys.executable, "-m", "heapscope", *arguments]


def run_heapscope(*arguments: str, wrapper: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run to the end, behind the words of a wrapper if there are any, and return what it said."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.run(
        [*wrapper, *heapscope_words(*arguments)],
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
    )

"""The log of unexpected errors, which the one line on the terminal points to.

Never fails itself: without a place to write there is no log.
"""

from __future__ import annotations

import os
import time
import traceback
from pathlib import Path

from heapscope import __version__

MAX_LOG_SIZE = 1 << 20  # started afresh beyond that: only the last errors matter


def write_error_log(error: BaseException) -> Path | None:
    """Append the traceback of an error to the log and return its path."""
    state_home = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    path = Path(state_home) / "heapscope" / "error.log"
    text = "".join(traceback.format_exception(error))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.exists() and path.stat().st_size > MAX_LOG_SIZE
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_TRUNC if fresh else os.O_APPEND)
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} heapscope {__version__}\n{text}\n")
    except OSError:
        return None
    return path

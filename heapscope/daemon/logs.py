"""The daemon's log: one line for each event on stderr, for people or as JSON; journald keeps and rotates it.

Never writes foreign text uncleaned, and never blocks the daemon for long: a log that nobody reads loses lines, and says how many.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Mapping
from typing import Any, Literal

from heapscope.units import clean_text

MAX_TEXT = 500
_PATIENCE_S = 0.05
_PRIORITIES = {"error": 3, "warning": 4, "info": 6, "debug": 7}
Level = Literal["error", "warning", "info", "debug"]


class Log:
    """Writes to one descriptor. Thread-safe: a line is one write."""

    def __init__(
        self,
        form: str = "text",
        *,
        descriptor: int = 2,
        verbose: bool = False,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._is_json = form == "json"
        self._descriptor = descriptor
        self._verbose = verbose
        self._is_journal = "JOURNAL_STREAM" in environment
        self._lost = 0

    def write(self, level: Level, kind: str, message: str, fields: Mapping[str, Any] | None = None) -> None:
        """Write one line."""
        if level == "debug" and not self._verbose:
            return
        shown = {name: _clean(value) for name, value in (fields or {}).items() if value not in (None, "")}
        if self._lost:
            shown["lines_lost"] = self._lost
        line = self._json(level, kind, message, shown) if self._is_json else self._text(level, kind, message, shown)
        if self._is_journal:
            line = f"<{_PRIORITIES[level]}>{line}"
        self._put(line.encode("utf-8", "backslashreplace") + b"\n")

    def _json(self, level: str, kind: str, message: str, fields: Mapping[str, Any]) -> str:
        head = {"time": round(time.time(), 3), "level": level, "event": kind, "message": clean_text(message, MAX_TEXT)}
        return json.dumps({**head, **{name: value for name, value in fields.items() if name not in head}})

    def _text(self, level: str, kind: str, message: str, fields: Mapping[str, Any]) -> str:
        stamp = "" if self._is_journal else time.strftime("%Y-%m-%d %H:%M:%S ")
        words = " ".join(f"{name}={value}" for name, value in fields.items())
        mark = "" if level == "info" else f"{level}: "
        return f"{stamp}{kind}: {mark}{clean_text(message, MAX_TEXT)}" + (f" ({words})" if words else "")

    def _put(self, data: bytes) -> None:
        try:
            if not select.select([], [self._descriptor], [], _PATIENCE_S)[1]:
                self._lost += 1
                return
            os.write(self._descriptor, data[:4000] if len(data) <= 4000 else data[:3996] + b"...\n")
            self._lost = 0
        except OSError:
            self._lost += 1


def _clean(value: object) -> object:
    if isinstance(value, (bool, int, float)):
        return value
    return clean_text(str(value), MAX_TEXT)

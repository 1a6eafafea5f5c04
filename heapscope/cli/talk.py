"""Everything that is said on stderr: errors with hints, warnings, progress.

Never writes to stdout, which holds results only; never shows foreign text uncleaned.
"""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from heapscope.units import clean_text, format_duration_ns

if TYPE_CHECKING:
    from heapscope.service.capture import CaptureProgress

_PHASES = {
    "find": "find runtime",
    "headroom": "check head-room",
    "inject": "inject",
    "clone": "clone",
    "walk": "walk objects",
    "build": "build snapshot",
    "load": "read file",
    "save": "write file",
}
_REDRAW_S = 0.08
_SPINNER = "|/-\\"
MAX_LINE = 2000


class Talk:
    """The one writer to stderr of a run."""

    def __init__(
        self, *, quiet: bool = False, verbose: bool = False, color: str = "auto", ascii_only: bool = False
    ) -> None:
        self.quiet = quiet
        self.verbose = verbose and not quiet
        self.color = color
        self.ascii_only = ascii_only

    def use_color(self, *, stderr: bool = False) -> bool:
        """Whether to colour what goes to stdout, or to stderr."""
        if self.color != "auto":
            return self.color == "always"
        stream = sys.stderr if stderr else sys.stdout
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def error(self, message: str, hint: str = "") -> None:
        """Say why the run fails, and the command to try next."""
        self._write("heapscope: ", message, "red")
        if hint:
            self._write("  try: ", hint, "cyan")

    def warn(self, message: str) -> None:
        """Say what is odd about a result."""
        if not self.quiet:
            self._write("heapscope: warning: ", message, "yellow")

    def say(self, message: str) -> None:
        """Say something worth knowing."""
        if not self.quiet:
            self._write("", message, "")

    def detail(self, message: str) -> None:
        """Say something that only -v asks for."""
        if self.verbose:
            self._write("", message, "")

    def _write(self, prefix: str, message: str, color: str) -> None:
        text = clean_text(message, MAX_LINE)
        if color and self.use_color(stderr=True):
            prefix = click.style(prefix, fg=color, bold=True)
        sys.stderr.write(f"{prefix}{text}\n")
        sys.stderr.flush()


class ProgressLine:
    """Shows a capture's progress: one line redrawn on a terminal, one line per phase with -v elsewhere, else nothing."""

    def __init__(self, said_by: Talk) -> None:
        self._talk = said_by
        self._live = sys.stderr.isatty() and not said_by.quiet
        self._drawn = 0.0
        self._count = 0
        self._phase = ""
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._live and self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def report(self, progress: CaptureProgress) -> None:
        """Take one report; called from the capture's thread."""
        pause = f", paused {format_duration_ns(progress.pause_ns)}" if progress.pause_ns is not None else ""
        text = f"{_PHASES.get(progress.phase, progress.phase)}: {clean_text(progress.message, 60)}{pause}"
        now = time.monotonic()
        if not self._live:
            if progress.phase != self._phase:
                self._talk.detail(text)
        elif progress.phase != self._phase or now - self._drawn >= _REDRAW_S:
            self._count += 1
            sys.stderr.write(f"\r\x1b[K{_SPINNER[self._count % 4]} {text}, {now - self._started:.1f} s")
            sys.stderr.flush()
            self._drawn = now
        self._phase = progress.phase


def talk() -> Talk:
    """Return the writer of this run; a plain one before the options are read."""
    context = click.get_current_context(silent=True)
    found = context.find_object(Talk) if context is not None else None
    return found or Talk()

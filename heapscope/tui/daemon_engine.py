"""Owns the UI's door to a process that only the daemon may capture.

Never captures anything itself; everything else is as on a process of one's own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from heapscope.tui.engine import LiveEngine

if TYPE_CHECKING:
    from heapscope.service.capture import CaptureOptions, CaptureProgress
    from heapscope.service.daemon_source import Watched
    from heapscope.snapshot.model import Snapshot


class DaemonEngine(LiveEngine):
    """Has the daemon capture one of the processes that it watches."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def capture(
        self,
        pid: int,  # noqa: ARG002 - whose it is the daemon knows
        options: CaptureOptions,  # noqa: ARG002 - how, its configuration says
        progress: Callable[[CaptureProgress], None],
        cancel: threading.Event,
    ) -> Snapshot:
        """Capture through the daemon."""
        from heapscope.service.daemon_source import open_from_daemon  # noqa: PLC0415 - only where it is used

        return open_from_daemon(f"@{self._watched.target}/{self._watched.slot}", progress, cancel)

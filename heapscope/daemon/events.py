"""What happened: the last events, for whoever asks or follows, and a line of the log for each.

Never blocks, and never grows: the oldest are forgotten, and a follower that is too slow misses them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from heapscope.daemon.clock import Clock
from heapscope.daemon.logs import Level, Log
from heapscope.daemon.model import Event

REMEMBERED = 1000


class Announcer:
    """Remembers events. For the event loop's thread."""

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self._events: deque[Event] = deque(maxlen=REMEMBERED)
        self._sequence = 0
        self._news = asyncio.Event()
        self._is_closed = False

    def announce(self, kind: str, message: str, level: Level = "info", **fields: Any) -> Event:
        """Add an event."""
        self._log.write(level, kind, message, fields)
        shown = dict(fields)
        target, slot = shown.pop("target", ""), shown.pop("slot", None)
        self._sequence += 1
        event = Event(self._sequence, self._clock.wall(), kind, message, str(target), slot, {"level": level, **shown})
        self._events.append(event)
        self._news.set()
        return event

    def events(self, after: int = 0) -> tuple[Event, ...]:
        """Return what is remembered from behind a sequence number, oldest first."""
        return tuple(event for event in self._events if event.sequence > after)

    async def follow(self, after: int = 0) -> AsyncIterator[Event]:
        """Yield events as they come, until ``close``."""
        while True:
            for event in self.events(after):
                after = event.sequence
                yield event
            if self._is_closed:
                return
            news = self._news
            if not self.events(after):
                await news.wait()
                if self._news is news:
                    self._news = asyncio.Event()

    def close(self) -> None:
        """Let followers end."""
        self._is_closed = True
        self._news.set()

"""Time for the daemon: intervals by a clock that nobody sets, times of day by the one that people read. Tests and the soak bring their own.

Never mixes the two: what is scheduled or limited is measured on ``steady``, what is shown or stored is ``wall``.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

JUMP_S = 60.0  # NTP slews smaller differences away
SETTLE_S = 3600.0  # for so long a jump may turn out to have been a mistake


class Clock(Protocol):
    """Where times come from."""

    def wall(self) -> float:
        """Return seconds since the epoch; may jump."""

    def steady(self) -> float:
        """Return seconds since some moment; never jumps, and counts while the machine sleeps."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clocks."""

    def wall(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def steady(self) -> float:
        """Return seconds since the machine started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, seconds))


class CautiousTime:
    """The time of day for decisions that cannot be taken back: a jump forward is believed after SETTLE_S only.

    A clock set to next year by mistake must not make every record too old in an instant.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.wall() - clock.steady()
        self._jumped_at: float | None = None

    def look(self) -> tuple[float, float]:
        """Return (the time to go by, how far the clock has jumped from it)."""
        steady = self._clock.steady()
        jump = self._clock.wall() - steady - self._offset
        if abs(jump) < JUMP_S:
            self._offset += jump
            self._jumped_at = None
            return steady + self._offset, 0.0
        if self._jumped_at is None:
            self._jumped_at = steady
        if jump < 0 or steady - self._jumped_at >= SETTLE_S:
            # Backwards, everything only seems younger: nothing is lost by believing it at once.
            self._offset += jump
            self._jumped_at = None
            return steady + self._offset, jump
        return steady + self._offset, jump

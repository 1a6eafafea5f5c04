"""What captures may cost the targets: a share of wall time for all pauses together, and limits per target.

Pure; times are steady seconds. Never lends: what is spent was saved before.
"""

from __future__ import annotations

from collections import deque

SAVE_S = 3600.0  # budget of so much time may be saved up
START_S = 60.0  # a daemon that has just started has saved for so long: a restart gives no new hour
EXPECTED_S = 0.02  # the pause of an instance that was not captured yet; measured: 0.2 to 60 ms
HOUR_S = 3600.0


class PauseBudget:
    """A share of the time, saved up to an hour's worth."""

    def __init__(self, share: float, steady: float) -> None:
        self.share = share
        self._saved = share * START_S
        self._at = steady
        self.spent = 0.0

    def left(self, steady: float) -> float:
        """Return the seconds of pause that may be spent now."""
        self._saved = min(self.share * SAVE_S, self._saved + max(0.0, steady - self._at) * self.share)
        self._at = steady
        return self._saved

    def allows(self, expected: float, steady: float) -> bool:
        """Whether a pause of so many seconds may be spent."""
        return self.left(steady) >= expected

    def spend(self, seconds: float, steady: float) -> None:
        """Note a pause; a longer one than expected is saved up for afterwards."""
        self.left(steady)
        self._saved -= seconds
        self.spent += seconds

    def wait_for(self, expected: float, steady: float) -> float:
        """Return the seconds until so long a pause may be spent."""
        missing = expected - self.left(steady)
        if missing <= 0:
            return 0.0
        return missing / self.share if self.share > 0 else float("inf")


class HourLimit:
    """At most so many in any hour."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def allows(self, most: int, steady: float) -> bool:
        """Whether one more fits."""
        while self._times and self._times[0] < steady - HOUR_S:
            self._times.popleft()
        return len(self._times) < most

    def note(self, steady: float) -> None:
        """Count one."""
        self._times.append(steady)

"""Who watches a long computation: asked whether to give up, told how much is done.

Never runs a thread, and never decides: whoever computes asks, often enough that an answer comes within 0.2 s.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from heapscope.errors import Cancelled


def _never() -> bool:
    return False


def _nowhere(_share: float) -> None:
    return


@dataclasses.dataclass(frozen=True, slots=True)
class Oversight:
    """Who watches a long computation: asked every few hundredths of a second whether to give up, told the share done, 0...1.

    Both are called in the thread that asked for the computation.
    """

    is_cancelled: Callable[[], bool] = _never
    report: Callable[[float], None] = _nowhere

    def part(self, start: float, end: float) -> Oversight:
        """Give what watches a part of the computation: its 0...1 are reported as start...end."""
        return Oversight(self.is_cancelled, lambda share: self.report(start + (end - start) * share))

    def check(self) -> None:
        """Raise Cancelled if the caller gave up."""
        if self.is_cancelled():
            raise Cancelled("The computation was given up")


UNWATCHED = Oversight()

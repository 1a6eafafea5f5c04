"""A capture that is wanted: of whom, why, how urgent; and how its record begins.

Never runs anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from heapscope.daemon.model import Kind, Outcome, Record, Trigger
from heapscope.daemon.watching import InstanceWatch, TargetWatch

PRIORITY = {Trigger.RULE: 0, Trigger.API: 1, Trigger.SIGNAL: 2, Trigger.SCHEDULE: 3, Trigger.CENSUS: 4}
_SMALLEST = 1 << 20  # expected size of a snapshot before there was one; or this part of the resident memory:
_FILE_SHARE = 16


@dataclass(slots=True, eq=False)
class Request:
    """One capture that is wanted."""

    target: TargetWatch
    watch: InstanceWatch
    kind: Kind
    trigger: Trigger
    reason: str
    judge: bool
    order: int
    future: asyncio.Future[Outcome] = field(repr=False)

    @property
    def priority(self) -> tuple[int, int]:
        """Smallest first."""
        return PRIORITY[self.trigger], self.order

    @property
    def names(self) -> dict[str, Any]:
        """What an event says about it."""
        return {**self.watch.names, "trigger": str(self.trigger)}

    def failed(self, error: str, message: str, hint: str = "") -> Outcome:
        """Make the outcome of a capture that was not to be."""
        instance = self.watch.instance
        return Outcome(
            instance.target, instance.slot, instance.process.pid, self.trigger, error=error, message=message, hint=hint
        )

    def expected_bytes(self) -> int:
        """Guess the size of the file."""
        rss = self.watch.reading.rss_bytes if self.watch.reading else 0
        return max(_SMALLEST, rss // _FILE_SHARE, self.watch.expected_bytes * 5 // 4)

    def record(self, facts: Mapping[str, Any], record_id: str, kind: Kind, captured_at: float) -> Record:
        """Make the record of a capture from what its worker found out."""
        instance = self.watch.instance
        known = {name: value for name, value in facts.items() if name in Record.__dataclass_fields__}
        return Record(
            id=record_id,
            kind=kind,
            target=instance.target,
            slot=instance.slot,
            trigger=self.trigger,
            reason=self.reason,
            pid=instance.process.pid,
            start_ticks=instance.process.start_ticks,
            uid=instance.process.uid,
            **{**known, "captured_at": captured_at},
        )

"""What to keep and what to let go: by age, thinning, bytes and free disk. Order is that of arrival, never that of the clock.

Never lets a pinned record go, nor the newest snapshot of an instance slot to make room.

    age     older than max_age
    thin    within a step (2d:1h), one record per period and instance slot: the newest of it; snapshots before censuses
    bytes   over max_bytes: the oldest snapshots become censuses
    disk    less than min_free_disk: the same
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from heapscope.daemon.config import RetentionConfig, ThinStep
from heapscope.daemon.model import Kind, Record
from heapscope.daemon.quantities import Seconds
from heapscope.daemon.store import Store


@dataclass(frozen=True, slots=True)
class Eviction:
    """One record to let go; ``keep_census`` keeps its counts."""

    record: Record
    reason: str
    keep_census: bool = False


def plan(records: Sequence[Record], config: RetentionConfig, now: float) -> list[Eviction]:
    """Decide by age and thinning. ``records`` newest first. O(n)."""
    kept: set[tuple[str, int, Kind, float, int]] = set()
    steps = config.steps
    evictions = []
    for record in records:
        age = max(0.0, now - record.captured_at)
        if record.pinned:
            continue
        if age > config.max_age:
            evictions.append(Eviction(record, "age"))
            continue
        step = _step_of(age, steps)
        if step is None:
            evictions.append(Eviction(record, "age"))
        elif step.every > 0:
            period = int(record.captured_at // step.every)
            key = (record.target, record.slot, record.kind, step.every, period)
            if key in kept:
                evictions.append(Eviction(record, "thin"))
            kept.add(key)
    return evictions


def _step_of(age: float, steps: Sequence[ThinStep]) -> ThinStep | None:
    if not steps:
        return ThinStep(Seconds(age), Seconds(0))
    return next((step for step in steps if age <= step.age), None)


def plan_room(records: Iterable[Record], surplus: int, reason: str) -> Iterator[Eviction]:
    """Choose the oldest snapshots until so many bytes are free. ``records`` oldest first.

    The newest of each slot stays: evidence that is there is worth more than what may be written in its place.
    """
    newest: dict[tuple[str, int], str] = {}
    ordered = [record for record in records if record.kind is Kind.SNAPSHOT]
    for record in ordered:
        newest[record.target, record.slot] = record.id
    for record in ordered:
        if surplus <= 0:
            return
        if record.pinned or newest[record.target, record.slot] == record.id:
            continue
        surplus -= record.file_bytes
        yield Eviction(record, reason, keep_census=True)


class Retention:
    """Applies the plan to a store. Blocks for the disk; one at a time."""

    def __init__(self, store: Store, report: Callable[[Eviction], None] = lambda _: None) -> None:
        self._store = store
        self._report = report

    def tidy(self, config: RetentionConfig, now: float) -> int:
        """Let go what is too old or too many; return how many records that were."""
        evictions = plan(self._store.records(), config, now)
        for eviction in evictions:
            self._evict(eviction)
        return len(evictions)

    def make_room(self, config: RetentionConfig, needed: int) -> bool:
        """Make sure that a snapshot of so many bytes fits, before it is written; False where it cannot be made to fit."""
        totals = self._store.totals()
        surplus = totals.snapshot_bytes + needed - config.max_bytes
        if surplus > 0:
            for eviction in plan_room(self._store.records()[::-1], surplus, "bytes"):
                self._evict(eviction)
        totals = self._store.totals()
        short = config.min_free_disk.of(totals.disk_bytes) + needed - totals.free_bytes
        if short > 0:
            for eviction in plan_room(self._store.records()[::-1], short, "disk"):
                self._evict(eviction)
        totals = self._store.totals()
        fits = totals.free_bytes - needed >= config.min_free_disk.of(totals.disk_bytes)
        return fits and totals.snapshot_bytes + needed <= config.max_bytes

    def _evict(self, eviction: Eviction) -> None:
        if eviction.keep_census:
            self._store.drop_file(eviction.record, reason=eviction.reason)
        else:
            self._store.remove(eviction.record.id, reason=eviction.reason)
        self._report(eviction)

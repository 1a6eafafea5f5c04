"""Retention: all for two hours, one per hour for two days, one per day for two weeks; pinned ones always."""

from __future__ import annotations

from pathlib import Path

from heapscope.daemon.config import RetentionConfig
from heapscope.daemon.model import Details, Kind, Record, Trigger
from heapscope.daemon.quantities import Amount, ByteSize
from heapscope.daemon.retention import Retention, plan, plan_room
from heapscope.daemon.store import Store

HOUR, DAY = 3600.0, 86400.0
NOW = 1_800_000_000.0 // DAY * DAY


def record_at(age: float, number: int, **changes: object) -> Record:
    """Make a snapshot of some age."""
    values = {"pinned": False, "kind": Kind.SNAPSHOT, "slot": 0, "file_bytes": 100, **changes}
    kind, slot = values.pop("kind"), values.pop("slot")
    return Record(f"id{number}", kind, "api", slot, NOW - age, Trigger.SCHEDULE, sequence=number, **values)  # type: ignore[arg-type]


def kept_ages(ages: list[float], **changes: object) -> list[float]:
    """Return the ages that survive, youngest first."""
    records = [record_at(age, 1000 - at, **changes) for at, age in enumerate(sorted(ages))]
    gone = {eviction.record.id for eviction in plan(records, RetentionConfig(), NOW)}
    return [NOW - record.captured_at for record in records if record.id not in gone]


def test_thinning_is_exact() -> None:
    """Every 5 minutes for 20 days: 25 of the last two hours, then one per hour, then one per day, then nothing."""
    kept = kept_ages([minutes * 60.0 for minutes in range(0, 20 * 24 * 60, 5)])
    assert [age for age in kept if age <= 2 * HOUR] == [minutes * 60.0 for minutes in range(0, 125, 5)]
    hourly = [age for age in kept if 2 * HOUR < age <= 2 * DAY]
    assert len(hourly) == 46
    assert len({int((NOW - age) // HOUR) for age in hourly}) == 46
    daily = [age for age in kept if age > 2 * DAY]
    assert len(daily) == 12
    assert len({int((NOW - age) // DAY) for age in daily}) == 12
    assert max(kept) <= 14 * DAY


def test_thinning_twice_changes_nothing() -> None:
    """What was kept once is kept as long as the clock stands."""
    once = kept_ages([minutes * 60.0 for minutes in range(0, 20 * 24 * 60, 7)])
    assert kept_ages(once) == once


def test_pinned_records_stay_for_ever() -> None:
    """However old."""
    assert kept_ages([100 * DAY], pinned=True) == [100 * DAY]
    assert kept_ages([100 * DAY]) == []


def test_a_census_does_not_push_a_snapshot_out() -> None:
    """Each kind is thinned by itself, and each slot."""
    both = [record_at(3 * HOUR, 3), record_at(3 * HOUR + 1, 2, kind=Kind.CENSUS), record_at(3 * HOUR + 2, 1, slot=1)]
    assert plan(both, RetentionConfig(), NOW) == []


def test_records_from_the_future_are_young() -> None:
    """A clock that was wrong makes nothing old."""
    assert kept_ages([-5 * DAY]) == [-5 * DAY]


def test_room_is_made_from_the_oldest_and_spares_the_newest_of_each_slot() -> None:
    """By order of arrival; a pinned one stays."""
    records = [record_at(0, 1), record_at(0, 2, pinned=True), record_at(0, 3), record_at(0, 4), record_at(0, 5, slot=1)]
    assert [eviction.record.sequence for eviction in plan_room(records, 1000, "bytes")] == [1, 3]
    assert [eviction.record.sequence for eviction in plan_room(records, 150, "disk")] == [1, 3]
    assert [eviction.record.sequence for eviction in plan_room(records, 100, "disk")] == [1]


def test_the_quota_is_enforced_before_writing(tmp_path: Path) -> None:
    """Four snapshots of 100 bytes, 350 allowed, 100 more wanted: two of the oldest become censuses."""
    store = Store(str(tmp_path))
    store.open()
    ids = []
    for _ in range(4):
        record_id = store.new_id()
        Path(store.files.incoming_path(record_id)).write_bytes(b"x" * 100)
        ids.append(store.add(Record(record_id, Kind.SNAPSHOT, "api", 0, NOW, Trigger.API), Details()).id)
    retention = Retention(store)
    config = RetentionConfig(max_bytes=ByteSize(350), min_free_disk=Amount(size=1))
    assert retention.make_room(config, 100)
    kinds = [record.kind for record in reversed(store.records())]
    assert kinds == [Kind.CENSUS, Kind.CENSUS, Kind.SNAPSHOT, Kind.SNAPSHOT]
    assert not retention.make_room(RetentionConfig(max_bytes=ByteSize(350), min_free_disk=Amount(share=1.0)), 100)
    store.close()

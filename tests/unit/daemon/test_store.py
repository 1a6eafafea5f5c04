"""The store keeps what it acknowledged: through crashes at any step, damaged indexes, and files that others touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from heapscope.daemon.model import Details, HolderBytes, Kind, Record, Trigger, TypeCount
from heapscope.daemon.store import Store
from heapscope.daemon.store_files import SUFFIX, Sidecar
from heapscope.errors import SnapshotFileError, UsageError

DETAILS = Details(
    types=(TypeCount("builtins.dict", 3, 300), TypeCount("app.Session", 2, 96)),
    holders=(HolderBytes("module app", 250),),
    memory={"python_objects": 1000},
    report={"verdict": {"kind": "growing"}},
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    made = Store(str(tmp_path / "state"), clock=lambda: 1_800_000_000.0)
    made.open()
    yield made
    made.close()


def add(store: Store, kind: Kind = Kind.SNAPSHOT, size: int = 10, **changes: object) -> Record:
    """Keep a record as a worker would leave it."""
    record_id = store.new_id()
    if kind is Kind.SNAPSHOT:
        Path(store.files.incoming_path(record_id)).write_bytes(b"x" * size)
    record = Record(record_id, kind, "api", 0, 1_800_000_000.0, Trigger.SCHEDULE, objects=7)
    return store.add(replace(record, **changes), DETAILS)  # type: ignore[arg-type]


def reopened(store: Store) -> Store:
    """Close a store and open it anew."""
    store.close()
    again = Store(store.files.folder)
    again.open()
    return again


def test_the_suffix_is_that_of_snapshot_files() -> None:
    """Written twice, as the daemon must not load numpy."""
    from heapscope.snapshot.failures import SUFFIX as REAL

    assert SUFFIX == REAL


def test_only_the_daemons_own_user_reads_the_store(store: Store, tmp_path: Path) -> None:
    """Whatever the umask, and also where an earlier version left folders open; SQLite's own files too."""
    before = os.umask(0)
    try:
        (tmp_path / "old" / "records").mkdir(parents=True)
        old = Store(str(tmp_path / "old"))
        old.open()
        for each in (store, old):
            record = add(each)
            each.pin(record.id)
            # Snapshots are a worker's, and in test_file.py.
            inside = [path for path in Path(each.files.folder).rglob("*") if path.suffix != SUFFIX]
            names = {path.name for path in inside}
            assert names >= {"records", "incoming", "index.sqlite", "lock", f"{record.id}.json"}
            assert [path for path in inside if path.stat().st_mode & 0o077] == []
        old.close()
    finally:
        os.umask(before)


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    """Fields, types, holders, report; found by id, by its beginning, with snap: in front."""
    kept = add(store)
    for word in (kept.id, f"snap:{kept.id}", kept.id[:18]):
        assert store.get(word) == kept
    assert kept.file_bytes == 10
    assert Path(store.path_of(kept)).read_bytes() == b"x" * 10
    assert store.details(kept) == DETAILS
    again = reopened(store)
    assert again.records() == (kept,)
    again.close()


def test_ids_that_are_unknown_or_ambiguous_are_refused(store: Store) -> None:
    """With a hint."""
    add(store)
    add(store)
    with pytest.raises(UsageError, match="there is no snapshot"):
        store.get("20990101-000000-aaaa")
    with pytest.raises(UsageError, match="several snapshots"):
        store.get("2027")
    with pytest.raises(UsageError, match="there is no snapshot"):
        store.get("' OR 1=1 --")


def test_order_is_that_of_arrival_whatever_the_clock_says(store: Store) -> None:
    """A clock that jumps back makes no record older."""
    ids = [add(store, captured_at=at).id for at in (2e9, 1e9, 1.5e9)]
    assert [record.id for record in store.records()] == ids[::-1]
    again = reopened(store)
    assert [record.id for record in again.records()] == ids[::-1]
    assert add(again).sequence == 4
    again.close()


def test_history_tells_how_a_type_went(store: Store) -> None:
    """Of one target and slot, oldest first, also of censuses."""
    add(store)
    add(store, kind=Kind.CENSUS)
    add(store, slot=1)
    points = store.history("api", 0, "app.Session")
    assert [(point.count, point.shallow_bytes) for point in points] == [(2, 96), (2, 96)]
    assert store.history("api", 0, "nothing") == ()


@pytest.mark.parametrize("damage", ["garbage", "truncated", "missing", "other schema", "no database"])
def test_a_damaged_index_is_made_anew(store: Store, damage: str) -> None:
    """All records, their pins and types are still there."""
    kept = store.pin(add(store).id, note="look at this")
    add(store, kind=Kind.CENSUS)
    before = store.records()
    store.close()
    index = Path(store.files.index)
    for suffix in ("-wal", "-shm"):
        index.with_name(index.name + suffix).unlink(missing_ok=True)
    if damage == "garbage":
        data = bytearray(index.read_bytes())
        data[1000:] = os.urandom(len(data) - 1000)
        index.write_bytes(data)
    elif damage == "truncated":
        index.write_bytes(index.read_bytes()[:5000])
    elif damage == "missing":
        index.unlink()
    elif damage == "other schema":
        import sqlite3

        base = sqlite3.connect(index)
        base.execute("PRAGMA user_version = 99")
        base.close()
    else:
        index.write_bytes(b"not a database at all" * 100)
    again = Store(store.files.folder)
    found = again.open()
    assert found.index_rebuilt is (damage != "missing")
    assert found.indexed == 2
    assert again.records() == before
    assert again.get(kept.id).pinned
    assert again.get(kept.id).note == "look at this"
    assert len(again.history("api", 0, "builtins.dict")) == 2
    again.close()


def test_an_index_that_breaks_while_the_daemon_runs_is_made_anew(store: Store) -> None:
    """The question is answered all the same."""
    kept = add(store)
    store._index.base.execute("DROP TABLE records")
    assert store.records() == (kept,)
    store._index.base.execute("DROP TABLE types")
    second = add(store)
    assert store.records() == (second, kept)


def test_an_index_that_no_disk_takes_lives_in_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk must not keep the daemon from knowing what it has."""
    import sqlite3

    kept = add(store)

    def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(store._index, "reset", full)
    store._index.base.execute("DROP TABLE records")
    assert store.records() == (kept,)


class TestCrashes:
    """Each step of keeping and removing, broken off after it."""

    def test_before_anything_is_written(self, store: Store) -> None:
        """What lies in incoming without a record was not acknowledged: it goes."""
        Path(store.files.incoming_path(store.new_id())).write_bytes(b"half")
        Path(store.files.incoming, ".heapscope-abc.tmp").write_bytes(b"half")
        store.close()
        again = Store(store.files.folder)
        assert again.open().removed == 2
        assert os.listdir(again.files.incoming) == []
        again.close()

    def test_between_record_and_snapshot(self, store: Store) -> None:
        """The record is written, the snapshot still in incoming: it is taken in."""
        record = self.half_kept(store, size=10)
        store.close()
        again = Store(store.files.folder)
        found = again.open()
        assert (found.completed, found.removed) == (1, 0)
        assert Path(again.path_of(again.get(record.id))).read_bytes() == b"x" * 10
        again.close()

    def test_between_record_and_snapshot_that_is_not_whole(self, store: Store) -> None:
        """Its counts are kept as a census, once and for all."""
        record = self.half_kept(store, size=4)
        store.close()
        again = Store(store.files.folder)
        assert again.open().lost_files == 1
        assert again.get(record.id).kind is Kind.CENSUS
        again = reopened(again)
        assert again.get(record.id).kind is Kind.CENSUS
        assert again.details(again.get(record.id)) == DETAILS
        again.close()

    def half_kept(self, store: Store, size: int) -> Record:
        """Write a record, and leave its snapshot in incoming."""
        record = Record(store.new_id(), Kind.SNAPSHOT, "api", 0, 1.0, Trigger.API, sequence=1, file_bytes=10)
        Path(store.files.incoming_path(record.id)).write_bytes(b"x" * size)
        store.files.write_sidecar(Sidecar(record, DETAILS))
        return record

    def test_while_a_snapshot_becomes_a_census(self, store: Store) -> None:
        """The record says census, the file is still there: it goes."""
        kept = add(store)
        store.files.write_sidecar(Sidecar(replace(kept, kind=Kind.CENSUS, file_bytes=0), DETAILS))
        again = reopened(store)
        assert again.get(kept.id).kind is Kind.CENSUS
        assert not Path(again.files.snapshot_path("api", kept.id)).exists()
        again.close()

    def test_while_a_record_is_removed(self, store: Store) -> None:
        """The snapshot is gone, the record not yet: it is a census."""
        kept = add(store)
        os.unlink(store.path_of(kept))
        again = reopened(store)
        assert again.get(kept.id).kind is Kind.CENSUS
        again.close()

    def test_a_record_that_cannot_be_read_is_set_aside_and_its_snapshot_adopted(self, store: Store) -> None:
        """No evidence is thrown away because its label is."""
        kept = add(store)
        sidecar = Path(store.files.sidecar_path("api", kept.id))
        sidecar.write_bytes(b'{"record": {"id": 7')
        store.close()
        again = Store(store.files.folder)
        found = again.open()
        assert (found.damaged, found.adopted) == ((kept.id,), 1)
        assert again.get(kept.id).reason == "adopted"
        assert Path(f"{sidecar}.damaged").exists()
        again.close()


def test_a_disk_that_refuses_keeps_nothing_half(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is told, no file stays, and the next record is kept."""

    def refuse(sidecar: Sidecar) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store.files, "write_sidecar", refuse)
        with pytest.raises(SnapshotFileError, match="No space left"):
            add(store)
    assert store.records() == ()
    assert os.listdir(store.files.incoming) == []
    assert add(store).file_bytes == 10


def test_two_daemons_cannot_use_one_store(store: Store) -> None:
    """The second one is told so."""
    with pytest.raises(SnapshotFileError, match="another daemon"):
        Store(store.files.folder).open()


def test_totals_count_what_is_kept_and_what_went(store: Store) -> None:
    """Bytes of snapshots, evictions by reason."""
    first, second = add(store), add(store)
    store.drop_file(first, reason="bytes")
    totals = store.totals()
    assert (totals.records, totals.snapshots, totals.snapshot_bytes) == (2, 1, 10)
    store.remove(second.id, reason="age")
    assert dict(store.totals().evictions) == {"bytes": 1, "age": 1}
    with pytest.raises(UsageError, match="is a census"):
        store.path_of(store.get(first.id))


def test_files_of_the_store_are_not_for_everybody(store: Store) -> None:
    """Records name code and commands; the group may read, others may not."""
    kept = add(store)
    for path in (store.files.sidecar_path("api", kept.id), store.files.index, store.files.records):
        assert os.stat(path).st_mode & 0o007 == 0

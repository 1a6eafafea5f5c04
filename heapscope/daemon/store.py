"""The store: what was captured, kept through crashes, full disks and damaged indexes.

Never acknowledges a record before it is synced to disk, and never decides what to keep (retention.py does).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from heapscope.daemon.model import Details, Kind, Record
from heapscope.daemon.store_files import FILE_MODE, Sidecar, StoreFiles, new_id
from heapscope.daemon.store_index import Index, Point
from heapscope.daemon.store_reconcile import Reconciled, reconcile, remove_leftovers
from heapscope.errors import SnapshotFileError, UsageError
from heapscope.units import clean_text

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Totals:
    """What the store holds, and what was evicted since it was opened, by reason (age, bytes, thin, disk, request)."""

    records: int
    snapshots: int
    snapshot_bytes: int
    free_bytes: int
    disk_bytes: int
    evictions: Mapping[str, int] = field(default_factory=dict)


class Store:
    """Records under one folder. Thread-safe; every method may block for the disk, reading ones only for the index."""

    def __init__(self, folder: str, *, clock: Callable[[], float] = time.time) -> None:
        self.files = StoreFiles(folder)
        self._clock = clock
        self._index = Index(self.files.index)
        self._guard = threading.RLock()
        self._sequence = 0
        self._evictions: Counter[str] = Counter()
        self._lock_file: int | None = None

    def open(self) -> Reconciled:
        """Take the store, and make index and files agree.

        Raises:
            SnapshotFileError: it is another daemon's, or the folder cannot be used.
        """
        shown = clean_text(self.files.folder, 500)
        try:
            self.files.prepare()
            self._lock_file = os.open(self.files.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise SnapshotFileError(f"another daemon uses {shown}", hint="set daemon.state_dir") from error
        except OSError as error:
            self.close()
            raise SnapshotFileError(f"cannot use {shown}: {error.strerror}", hint="set daemon.state_dir") from error
        with self._guard:
            try:
                rebuilt = self._index.open()
                found = reconcile(self.files, self._index)
            except (sqlite3.Error, OSError):
                rebuilt, found = True, self._renew_index()
            self._sequence = self._index.last_sequence()
            return replace(found, index_rebuilt=rebuilt, removed=remove_leftovers(self.files))

    def close(self) -> None:
        """Give the store back."""
        with self._guard:
            self._index.close()
            if self._lock_file is not None:
                os.close(self._lock_file)
                self._lock_file = None

    def new_id(self) -> str:
        """Make a name for a record; its worker writes to ``files.incoming_path`` of it."""
        return new_id(self._clock())

    def add(self, record: Record, details: Details) -> Record:
        """Keep a record, and its snapshot from incoming if it is one. When this returns, it is on disk.

        Raises:
            SnapshotFileError: the disk refuses; then nothing is kept.
        """
        with self._guard:
            self._sequence += 1
            kept = replace(record, sequence=self._sequence)
            try:
                if kept.kind is Kind.SNAPSHOT:
                    kept = replace(kept, file_bytes=os.stat(self.files.incoming_path(kept.id)).st_size)
                sidecar = Sidecar(kept, details)
                stamp = self.files.write_sidecar(sidecar)
                if kept.kind is Kind.SNAPSHOT:
                    self.files.take_in(kept)
            except OSError as error:
                self.discard(kept.id)
                with contextlib.suppress(OSError):
                    self.files.remove(kept.target, kept.id)
                raise SnapshotFileError(f"the store cannot keep {kept.id}: {error.strerror}") from error
            self._with_index(lambda: self._index.put(sidecar, stamp))
            return kept

    def discard(self, record_id: str) -> None:
        """Remove what a worker left in incoming."""
        with contextlib.suppress(OSError):
            os.unlink(self.files.incoming_path(record_id))

    def records(
        self,
        *,
        target: str | None = None,
        slot: int | None = None,
        kind: Kind | None = None,
        pid: int | None = None,
        start_ticks: int | None = None,
        pinned: bool | None = None,
        limit: int | None = None,
    ) -> tuple[Record, ...]:
        """Return records, newest first; what is None does not matter."""
        asked = {"target": target, "slot": slot, "kind": kind, "pid": pid, "start_ticks": start_ticks, "pinned": pinned}
        where = {name: value for name, value in asked.items() if value is not None}
        with self._guard:
            return tuple(self._with_index(lambda: self._index.records(where, limit)))

    def get(self, record_id: str) -> Record:
        """Return the record of an id, or of a beginning that is unique; ``snap:`` in front is allowed.

        Raises:
            UsageError: there is none, or there are several.
        """
        word = record_id.removeprefix("snap:")
        with self._guard:
            found = self._with_index(lambda: self._index.records({"id": word}, 1))
            if not found and len(word) >= 4:
                ids = self._with_index(lambda: self._index.ids_beginning(word))
                if len(ids) > 1:
                    raise UsageError(f"several snapshots begin with {clean_text(word, 40)}", hint="heapscope ctl list")
                found = self._with_index(lambda: self._index.records({"id": ids[0]}, 1)) if ids else []
        if not found:
            raise UsageError(f"there is no snapshot {clean_text(word, 40)}", hint="heapscope ctl list")
        return found[0]

    def path_of(self, record: Record) -> str:
        """Return the file of a snapshot.

        Raises:
            UsageError: the record is a census.
        """
        if record.kind is not Kind.SNAPSHOT:
            raise UsageError(f"{record.id} is a census: it has counts, and no snapshot", hint="heapscope ctl list")
        return self.files.snapshot_path(record.target, record.id)

    def details(self, record: Record) -> Details:
        """Return the larger part of a record. Raises SnapshotFileError."""
        return self.files.read_sidecar(record.target, record.id).details

    def history(self, target: str, slot: int, type_name: str, *, since: float = 0.0) -> tuple[Point, ...]:
        """Return how count and bytes of a type went in one instance slot, oldest first."""
        with self._guard:
            return tuple(self._with_index(lambda: self._index.history(target, slot, type_name, since)))

    def pin(self, record_id: str, *, pinned: bool = True, note: str = "") -> Record:
        """Keep a record until it is unpinned, or no longer. Raises UsageError, SnapshotFileError."""
        return self.change(self.get(record_id), pinned=pinned, note=note)

    def change(self, record: Record, details: Details | None = None, **changes: Any) -> Record:
        """Change fields of a record, or all its details. Raises SnapshotFileError."""
        with self._guard:
            before = self.files.read_sidecar(record.target, record.id)
            after = Sidecar(replace(before.record, **changes), details if details is not None else before.details)
            try:
                stamp = self.files.write_sidecar(after)
            except OSError as error:
                raise SnapshotFileError(f"the store cannot change {record.id}: {error.strerror}") from error
            self._with_index(lambda: self._index.put(after, stamp))
            return after.record

    def remove(self, record_id: str, *, reason: str = "request") -> Record:
        """Remove a record with its snapshot, pinned or not. Raises UsageError."""
        record = self.get(record_id)
        with self._guard:
            self.files.remove(record.target, record.id)
            self._with_index(lambda: self._index.remove([record.id]))
            self._evictions[reason] += 1
        return record

    def drop_file(self, record: Record, *, reason: str) -> Record:
        """Remove a snapshot and keep its record as a census."""
        with self._guard:
            try:
                kept = self.change(record, kind=Kind.CENSUS, file_bytes=0)
            except SnapshotFileError:  # a full disk must not keep us from making room
                return self.remove(record.id, reason=reason)
            self.files.remove(record.target, record.id, keep_record=True)
            self._evictions[reason] += 1
            return kept

    def totals(self) -> Totals:
        """Say what the store holds."""
        free, size = self.files.free_bytes()
        with self._guard:
            records, snapshots, snapshot_bytes = self._with_index(self._index.totals)
            return Totals(records, snapshots, snapshot_bytes, free, size, dict(self._evictions))

    def _with_index(self, ask: Callable[[], _T]) -> _T:
        """Ask the index; make it anew from the files if it is damaged, in memory if the disk is full."""
        try:
            return ask()
        except sqlite3.Error:
            self._renew_index()
            return ask()

    def _renew_index(self) -> Reconciled:
        try:
            self._index.reset()
            found = reconcile(self.files, self._index)
        except (sqlite3.Error, OSError):
            self._index.use_memory()
            found = reconcile(self.files, self._index)
        self._sequence = max(self._sequence, self._index.last_sequence())
        return found

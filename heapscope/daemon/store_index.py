"""The SQLite index of the store: quick answers to which records there are, and how types grew.

Never the truth: every row is made from a file of store_files.py, and a damaged index is made anew. So nothing here waits for the disk.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from heapscope.daemon.model import Kind, Record, Trigger
from heapscope.daemon.store_files import FILE_MODE, Sidecar

VERSION = 1
MAX_NUMBERS = 10_000  # names remembered: targets make new types without end
_COLUMNS = tuple(field.name for field in fields(Record))
_SCHEMA = f"""
CREATE TABLE records ({", ".join("id PRIMARY KEY" if name == "id" else name for name in _COLUMNS)}, stamp) WITHOUT ROWID;
CREATE INDEX by_target ON records (target, slot, sequence);
CREATE TABLE names (number INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE types (record TEXT, name INTEGER, count INTEGER, bytes INTEGER, PRIMARY KEY (name, record)) WITHOUT ROWID;
CREATE INDEX types_of ON types (record);
PRAGMA user_version = {VERSION};
"""


@dataclass(frozen=True, slots=True)
class Point:
    """One type in one record."""

    record_id: str
    captured_at: float
    pid: int
    start_ticks: int
    count: int
    shallow_bytes: int


class Index:
    """One SQLite file. Not thread-safe: the store has the lock. Every method may raise sqlite3.Error."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._base: sqlite3.Connection | None = None
        self._numbers: dict[str, int] = {}

    @property
    def base(self) -> sqlite3.Connection:
        """The open file."""
        assert self._base is not None
        return self._base

    def open(self) -> bool:
        """Open the file; whatever is wrong with it, a new one is made. Return whether that was needed."""
        try:
            is_new = not os.path.exists(self._path)
            self._connect()
            if self._is_sound():
                return False
        except sqlite3.Error:
            is_new = False
        self.reset()
        return not is_new

    def reset(self) -> None:
        """Begin with an empty index."""
        self.close()
        for suffix in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path + suffix)
        self._connect()
        self.base.executescript(_SCHEMA)

    def use_memory(self) -> None:
        """Begin with an empty index in memory, where the disk takes no file."""
        self.close()
        self._base = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._base.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._numbers.clear()
        if self._base is not None:
            with contextlib.suppress(sqlite3.Error):
                self._base.close()
            self._base = None

    def _connect(self) -> None:
        self._base = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        os.chmod(self._path, FILE_MODE)  # what SQLite puts beside it gets the same
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = OFF")

    def _is_sound(self) -> bool:
        if self.base.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            return False
        return bool(self.base.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")

    def stamps(self) -> dict[str, tuple[str, str, bool]]:
        """Return id -> (target, stamp, whether it is a snapshot) of what is indexed."""
        rows = self.base.execute("SELECT id, target, stamp, kind FROM records")
        return {row[0]: (row[1], row[2], row[3] == Kind.SNAPSHOT) for row in rows}

    def put(self, sidecar: Sidecar, stamp: str) -> None:
        """Add a record, or replace it."""
        record = sidecar.record
        values = [getattr(record, name) for name in _COLUMNS]
        marks = ", ".join("?" * (len(values) + 1))
        self.base.execute("BEGIN")
        try:
            self.base.execute(f"REPLACE INTO records VALUES ({marks})", [*values, stamp])  # noqa: S608 - only marks
            self.base.execute("DELETE FROM types WHERE record = ?", [record.id])
            rows = [(record.id, self._number(row.name), row.count, row.shallow_bytes) for row in sidecar.details.types]
            self.base.executemany("REPLACE INTO types VALUES (?, ?, ?, ?)", rows)
            self.base.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self.base.execute("ROLLBACK")
            self._numbers.clear()
            raise

    def _number(self, name: str) -> int:
        """Return the number of a type's name, a new one if need be."""
        known = self._numbers.get(name)
        if known is None:
            self.base.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", [name])
            known = int(self.base.execute("SELECT number FROM names WHERE name = ?", [name]).fetchone()[0])
            if len(self._numbers) >= MAX_NUMBERS:
                self._numbers.clear()
            self._numbers[name] = known
        return known

    def remove(self, ids: Iterable[str]) -> None:
        """Forget records."""
        for record_id in ids:
            self.base.execute("DELETE FROM records WHERE id = ?", [record_id])
            self.base.execute("DELETE FROM types WHERE record = ?", [record_id])

    def records(self, where: Mapping[str, object], limit: int | None) -> list[Record]:
        """Return records, newest first; ``where``: column -> value."""
        assert set(where) <= set(_COLUMNS)
        clause = " AND ".join(f"{name} = ?" for name in where) or "1"
        query = f"SELECT {', '.join(_COLUMNS)} FROM records WHERE {clause} ORDER BY sequence DESC LIMIT ?"  # noqa: S608 - column names only
        return [_record(row) for row in self.base.execute(query, [*where.values(), -1 if limit is None else limit])]

    def ids_beginning(self, start: str) -> list[str]:
        """Return at most two ids that begin so."""
        rows = self.base.execute("SELECT id FROM records WHERE substr(id, 1, ?) = ? LIMIT 2", [len(start), start])
        return [row[0] for row in rows]

    def history(self, target: str, slot: int, type_name: str, since: float) -> list[Point]:
        """Return how a type went, oldest first."""
        rows = self.base.execute(
            "SELECT r.id, r.captured_at, r.pid, r.start_ticks, t.count, t.bytes FROM names n JOIN types t ON t.name = n.number"
            " JOIN records r ON r.id = t.record WHERE n.name = ? AND r.target = ? AND r.slot = ? AND r.captured_at >= ?"
            " ORDER BY r.sequence",
            [type_name, target, slot, since],
        )
        return [Point(*row) for row in rows]

    def totals(self) -> tuple[int, int, int]:
        """Return (records, snapshots among them, bytes of snapshots)."""
        row = self.base.execute(
            "SELECT count(*), count(CASE kind WHEN 'snapshot' THEN 1 END), coalesce(sum(file_bytes), 0) FROM records"
        )
        count, files, size = row.fetchone()
        return count, files, size

    def last_sequence(self) -> int:
        """Return the highest sequence number."""
        return int(self.base.execute("SELECT coalesce(max(sequence), 0) FROM records").fetchone()[0])


def _record(row: tuple[Any, ...]) -> Record:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["kind"] = Kind(values["kind"])
    values["trigger"] = Trigger(values["trigger"])
    values["pinned"] = bool(values["pinned"])
    return Record(**values)

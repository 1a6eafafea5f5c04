"""Makes files and index of the store agree, after a crash or when the index was lost.

Never removes a snapshot or a record that can be read; what a crash left half-done is brought to its end, or undone.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from dataclasses import dataclass, replace

from heapscope.daemon.model import Kind
from heapscope.daemon.store_files import Entry, Sidecar, StoreFiles
from heapscope.daemon.store_index import Index
from heapscope.errors import SnapshotFileError


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was found: records indexed anew, snapshots adopted or taken in, records that lost theirs, files removed."""

    index_rebuilt: bool = False
    indexed: int = 0
    adopted: int = 0
    completed: int = 0
    lost_files: int = 0
    removed: int = 0
    damaged: tuple[str, ...] = ()


def reconcile(files: StoreFiles, index: Index) -> Reconciled:
    """Make the index agree with the files. Raises sqlite3.Error and OSError."""
    known = index.stamps()
    counts: Counter[str] = Counter()
    damaged: list[str] = []
    for entry in list(files.entries()):
        before = known.pop(entry.id, None)
        if before == (entry.target, entry.stamp, entry.has_file):
            continue
        try:
            sidecar, stamp = _settle(files, index, entry, counts)
        except SnapshotFileError:
            damaged.append(entry.id)
            files.set_aside(entry)
            if not entry.has_file:
                continue
            sidecar, stamp = _adopt(files, index, entry)
            counts["adopted"] += 1
        index.put(sidecar, stamp)
    index.remove(known)
    return Reconciled(
        indexed=counts["indexed"],
        adopted=counts["adopted"],
        completed=counts["completed"],
        lost_files=counts["lost_files"],
        damaged=tuple(damaged),
    )


def remove_leftovers(files: StoreFiles) -> int:
    """Remove what a crash left; only at the start, when no worker of ours writes."""
    count = 0
    for path in list(files.leftovers()):
        with contextlib.suppress(OSError):
            os.unlink(path)
            count += 1
    return count


def _settle(files: StoreFiles, index: Index, entry: Entry, counts: Counter[str]) -> tuple[Sidecar, str]:
    if not entry.stamp:
        counts["adopted"] += 1
        return _adopt(files, index, entry)
    sidecar = files.read_sidecar(entry.target, entry.id)
    counts["indexed"] += 1
    if sidecar.record.kind is Kind.CENSUS and entry.has_file:  # a removal that was broken off
        files.remove(entry.target, entry.id, keep_record=True)
    if sidecar.record.kind is Kind.CENSUS or entry.has_file:
        return sidecar, entry.stamp
    return _complete(files, sidecar, entry, counts)


def _adopt(files: StoreFiles, index: Index, entry: Entry) -> tuple[Sidecar, str]:
    sidecar = Sidecar(replace(files.adopted(entry), sequence=index.last_sequence() + 1))
    return sidecar, _write(files, sidecar)


def _write(files: StoreFiles, sidecar: Sidecar) -> str:
    """Write a record; where the disk is full the index alone knows it, and the next start tries again."""
    try:
        return files.write_sidecar(sidecar)
    except OSError:
        return ""


def _complete(files: StoreFiles, sidecar: Sidecar, entry: Entry, counts: Counter[str]) -> tuple[Sidecar, str]:
    """Take in the snapshot that a crash left in incoming; without one, the record is worth a census."""
    record = sidecar.record
    with contextlib.suppress(OSError):
        if os.stat(files.incoming_path(record.id)).st_size == record.file_bytes:
            files.take_in(record)
            counts["completed"] += 1
            return sidecar, entry.stamp
    counts["lost_files"] += 1
    census = Sidecar(replace(record, kind=Kind.CENSUS, file_bytes=0), sidecar.details)
    return census, _write(files, census)

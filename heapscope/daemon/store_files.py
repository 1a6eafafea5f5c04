"""The files of the store: their names, and writing them so that a crash at any moment leaves the old or the new state.

Never reads the index; the files are the truth, and the index (store_index.py) is made from them. Only the daemon's own user may
read any of it: members of its group ask at the control socket, where each has what is theirs.

    STATE/records/TARGET/ID.heapscope     the snapshot, written by a worker
    STATE/records/TARGET/ID.json          the record and its details; a census has only this
    STATE/incoming/ID.heapscope           a snapshot that has no record yet
    STATE/index.sqlite, STATE/lock
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec

from heapscope.daemon.config import NAME
from heapscope.daemon.model import Details, Kind, Record, Trigger
from heapscope.errors import SnapshotFileError

SUFFIX = ".heapscope"  # as snapshot.failures has it, which needs numpy: 30 MB that a daemon does not want
ID = re.compile(r"\d{8}-\d{6}-[0-9a-z]{4}")
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
MAX_SIDECAR_BYTES = 16 << 20
FOLDER_MODE = 0o700
FILE_MODE = 0o600


class Sidecar(msgspec.Struct, frozen=True):
    """The content of ID.json."""

    record: Record
    details: Details = Details()
    schema: int = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One record on disk. ``stamp`` changes when its sidecar does."""

    id: str
    target: str
    stamp: str
    has_file: bool


def new_id(at: float) -> str:
    """Make a name that sorts by time, and that nobody else has."""
    tail = "".join(secrets.choice(_LETTERS) for _ in range(4))
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime(max(0.0, at))) + tail


class StoreFiles:
    """Paths and atomic changes under one folder. Thread-safe: it has no state but the folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.records = os.path.join(folder, "records")
        self.incoming = os.path.join(folder, "incoming")
        self.index = os.path.join(folder, "index.sqlite")
        self.lock = os.path.join(folder, "lock")

    def prepare(self) -> None:
        """Make the folders. Raises OSError."""
        for path in (self.folder, self.records, self.incoming):
            os.makedirs(path, mode=FOLDER_MODE, exist_ok=True)
        for path in (self.records, self.incoming):  # whatever an earlier version, or somebody else, allowed
            os.chmod(path, FOLDER_MODE)

    def incoming_path(self, record_id: str) -> str:
        """Where a worker writes a snapshot."""
        return os.path.join(self.incoming, record_id + SUFFIX)

    def snapshot_path(self, target: str, record_id: str) -> str:
        """Where a snapshot is kept."""
        return os.path.join(self.records, target, record_id + SUFFIX)

    def sidecar_path(self, target: str, record_id: str) -> str:
        """Where a record is kept."""
        return os.path.join(self.records, target, record_id + ".json")

    def write_sidecar(self, sidecar: Sidecar) -> str:
        """Write a record, synced; return its stamp. Raises OSError."""
        record = sidecar.record
        path = self.sidecar_path(record.target, record.id)
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            os.makedirs(folder, mode=FOLDER_MODE, exist_ok=True)
            sync_folder(self.records)
        temporary = f"{path}.{secrets.token_hex(4)}.tmp"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(sidecar))
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        sync_folder(folder)
        return _stamp(path)

    def read_sidecar(self, target: str, record_id: str) -> Sidecar:
        """Read a record.

        Raises:
            SnapshotFileError: it is missing or damaged.
        """
        path = self.sidecar_path(target, record_id)
        try:
            with open(path, "rb") as file:
                sidecar = msgspec.json.decode(file.read(MAX_SIDECAR_BYTES), type=Sidecar)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SnapshotFileError(f"the record {record_id} cannot be read: {error}") from error
        # What the file is called decides: it may have been copied.
        return Sidecar(replace(sidecar.record, id=record_id, target=target), sidecar.details)

    def take_in(self, record: Record) -> None:
        """Move a snapshot from incoming to its place, synced. Raises OSError."""
        path = self.snapshot_path(record.target, record.id)
        os.rename(self.incoming_path(record.id), path)
        sync_folder(os.path.dirname(path))
        sync_folder(self.incoming)

    def remove(self, target: str, record_id: str, *, keep_record: bool = False) -> None:
        """Remove a snapshot, and with it the record unless it is kept as a census. What is gone already is no error."""
        paths = [self.snapshot_path(target, record_id)]
        if not keep_record:
            paths.append(self.sidecar_path(target, record_id))
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        with contextlib.suppress(OSError):
            sync_folder(os.path.dirname(paths[0]))

    def set_aside(self, entry: Entry) -> None:
        """Give an unreadable record another name, for a person to look at."""
        path = self.sidecar_path(entry.target, entry.id)
        os.rename(path, path + ".damaged")

    def entries(self) -> Iterator[Entry]:
        """Yield what is on disk, also snapshots without a record (their stamp is empty)."""
        for target in sorted(os.listdir(self.records)):
            folder = os.path.join(self.records, target)
            if NAME.fullmatch(target) is None or not os.path.isdir(folder):
                continue
            names = set(os.listdir(folder))
            ids = {name.split(".", 1)[0] for name in names if name.endswith((SUFFIX, ".json"))}
            for record_id in sorted(ids):
                if ID.fullmatch(record_id):
                    sidecar = os.path.join(folder, record_id + ".json")
                    stamp = _stamp(sidecar) if record_id + ".json" in names else ""
                    yield Entry(record_id, target, stamp, has_file=record_id + SUFFIX in names)

    def leftovers(self) -> Iterator[str]:
        """Yield what a crash left: temporary files, and everything in incoming."""
        for folder in (self.incoming, *(os.path.join(self.records, name) for name in os.listdir(self.records))):
            if not os.path.isdir(folder):
                continue
            for name in os.listdir(folder):
                if folder == self.incoming or name.endswith(".tmp"):
                    yield os.path.join(folder, name)

    def adopted(self, entry: Entry) -> Record:
        """Make a record for a snapshot that has none: all that is known is its name and size."""
        status = os.stat(self.snapshot_path(entry.target, entry.id))
        return Record(
            entry.id,
            Kind.SNAPSHOT,
            entry.target,
            0,
            status.st_mtime,
            Trigger.API,
            reason="adopted",
            file_bytes=status.st_size,
        )

    def free_bytes(self) -> tuple[int, int]:
        """Return (free for us, size) of the disk."""
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize


def sync_folder(folder: str) -> None:
    """Make renames in a folder last; some network file systems refuse, and keep them all the same."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stamp(path: str) -> str:
    status = os.stat(path)
    return f"{status.st_mtime_ns}:{status.st_size}:{status.st_ino}"

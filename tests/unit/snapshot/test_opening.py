"""Opening in part: what is asked for is read, what is read is right, and nothing else is touched."""

from __future__ import annotations

import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heapscope.errors import SnapshotFileError
from heapscope.snapshot import layout
from heapscope.snapshot.file import load_snapshot, save_snapshot
from heapscope.snapshot.layout import BLOCK_VALUES
from heapscope.snapshot.model import COLUMN_TYPES, Snapshot
from heapscope.snapshot.opening import SnapshotFile
from tests.support.snapshot_files import assemble, column, large_snapshot, raw, same_contents, taken_apart

COUNT = 2 * BLOCK_VALUES + 12_345
GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def large() -> Snapshot:
    """A snapshot of three blocks per column, and more of references."""
    return large_snapshot(COUNT)


@pytest.fixture(scope="module")
def path(large: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its file."""
    path = tmp_path_factory.mktemp("large") / "large.heapscope"
    save_snapshot(large, path)
    return path


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every read of a file goes through here."""
    sizes: list[int] = []
    pread = os.pread

    def counting(descriptor: int, size: int, offset: int) -> bytes:
        data = pread(descriptor, size, offset)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counting)
    return sizes


def assert_same(name: str, found: Any, expected: Any) -> None:
    """Compare one column."""
    assert found.dtype == COLUMN_TYPES[name]
    assert same_contents(found, expected) if name == "fingerprint" else np.array_equal(found, expected)


@pytest.mark.slow
def test_saving_needs_little_memory_besides_the_snapshot(large: Snapshot, tmp_path: Path) -> None:
    """Blocks in flight, and the numbering of fingerprints: no column is copied."""
    tracemalloc.start()
    try:
        save_snapshot(large, tmp_path / "again.heapscope")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A thread works on at most ten arrays of two megabytes each.
    assert peak < 13 * COUNT + 2 * 10 * 8 * BLOCK_VALUES


@pytest.mark.slow
@pytest.mark.parametrize("name", COLUMN_TYPES)
def test_a_column_alone_is_what_was_saved(path: Path, large: Snapshot, name: str) -> None:
    """Over several blocks, with what it is compared with; and read-only."""
    with SnapshotFile(path) as file:
        found = file.column(name)
    assert_same(name, found, getattr(large, name))
    assert not found.flags.writeable


@pytest.mark.slow
def test_all_columns_together_are_what_was_saved(path: Path, large: Snapshot) -> None:
    """The whole snapshot."""
    loaded = load_snapshot(path)
    for name in COLUMN_TYPES:
        assert_same(name, getattr(loaded, name), getattr(large, name))
    assert loaded.types == large.types


@pytest.mark.slow
def test_what_was_loaded_can_be_saved_again(path: Path, tmp_path: Path) -> None:
    """The second file says the same, byte by byte: numbers of contents stay as they are."""
    save_snapshot(load_snapshot(path), tmp_path / "again.heapscope")
    assert (tmp_path / "again.heapscope").read_bytes() == path.read_bytes()


def test_the_type_table_does_not_read_the_objects(path: Path, large: Snapshot, bytes_read: list[int]) -> None:
    """A few kilobytes of a file of megabytes."""
    with SnapshotFile(path) as file:
        table = file.type_table
        assert (file.object_count, file.reference_count) == (large.object_count, large.reference_count)
        assert (file.meta.pid, file.dangling_reference_count) == (1, 0)
    assert sum(bytes_read) < 50_000 < path.stat().st_size // 50
    assert table.types == large.types
    for index in (0, 17, 299):
        members = large.type_index == index
        assert int(table.count[index]) == int(members.sum())
        assert int(table.shallow[index]) == int(large.shallow[members].sum())
        assert int(table.allocated[index]) == int(large.allocated[members].sum())
    assert int(table.count.sum()) == large.object_count


def test_one_column_reads_little_else(path: Path, bytes_read: list[int]) -> None:
    """The header and the blocks of that column."""
    with SnapshotFile(path) as file:
        file.column("shallow")
    data = path.read_bytes()
    shallow = taken_apart(data)["shallow"]
    assert sum(bytes_read) <= len(shallow[3]) + layout.table_end(layout.MAX_SECTIONS)


def test_damage_elsewhere_does_not_hide_the_types(path: Path, tmp_path: Path) -> None:
    """And is named when it is reached."""
    data = bytearray(path.read_bytes())
    sections = taken_apart(bytes(data))
    place = data.index(sections["refcount"][3])
    data[place + 10] ^= 1
    damaged = tmp_path / "damaged.heapscope"
    damaged.write_bytes(data)
    with SnapshotFile(damaged) as file:
        assert int(file.type_table.count.sum()) == COUNT
        file.column("flags")
        with pytest.raises(SnapshotFileError, match="block 0 of its column refcount"):
            file.column("refcount")
        with pytest.raises(SnapshotFileError, match="refcount"):
            file.load()


def test_threads_may_share_a_file(path: Path, large: Snapshot) -> None:
    """Columns at the same time."""
    names = ["shallow", "flags", "type_index", "allocated", "length"] * 2
    with SnapshotFile(path) as file, ThreadPoolExecutor(4) as pool:
        for name, found in zip(names, pool.map(file.column, names), strict=True):
            assert_same(name, found, getattr(large, name))


def test_a_file_of_version_1_has_a_type_table_too() -> None:
    """Computed from its columns."""
    with SnapshotFile(GOLDEN / "snapshot-v1.heapscope") as file:
        table = file.type_table
        assert file.format_version == 1
        snapshot = file.load()
        assert table.count.tolist() == np.bincount(snapshot.type_index, minlength=len(table.types)).tolist()
        assert int(table.shallow.sum()) == snapshot.heap_bytes
        assert int(table.allocated.sum()) == snapshot.allocated_bytes
        assert not file.column("fingerprint").any()


def test_sections_of_later_versions_are_skipped_but_checked(path: Path, tmp_path: Path) -> None:
    """Derived results may be kept in a file; a reader that does not know them loads the rest."""
    kept = {"retained": column(np.arange(1 << 19, dtype="<u8")), "notes": raw(b"hello")}
    sections = taken_apart(path.read_bytes()) | kept
    data = bytearray(assemble(sections))
    later = tmp_path / "later.heapscope"
    later.write_bytes(data)
    assert load_snapshot(later).object_count == COUNT
    data[-1] ^= 1
    later.write_bytes(data)
    with pytest.raises(SnapshotFileError, match="notes"):
        load_snapshot(later)


def test_other_columns_and_closed_files_are_refused(path: Path) -> None:
    """By their own errors."""
    with SnapshotFile(path) as file, pytest.raises(KeyError):
        file.column("type_count")
    with pytest.raises(SnapshotFileError):
        file.column("flags")
    file.close()


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    """Nobody will ever write into it."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SnapshotFileError, match="no regular file"):
        SnapshotFile(tmp_path / "pipe")

"""Snapshot files: what is saved is loaded, and nothing damaged passes."""

from __future__ import annotations

import dataclasses
import os
import struct
from pathlib import Path

import pytest

from heapscope.errors import SnapshotFileError
from heapscope.snapshot.file import load_snapshot, save_snapshot
from heapscope.snapshot.model import COLUMN_TYPES, Snapshot, SnapshotMeta
from tests.support.heap import FIRST_TYPE, Heap, instances_record

META = SnapshotMeta(
    pid=42,
    process_start_time=1.25,
    captured_at=2.5,
    host_name="höst",
    command="python -m app\ud800",
    python_version="3.12.1",
    collector="python-clone",
    injector="ptrace",
    pause_ns=1_000_000,
    capture_ns=5_000_000,
    rss_before_bytes=1 << 33,
    rss_after_bytes=(1 << 33) + 1,
    warnings=("one", "two"),
    coverage=0.97,
    heapscope_version="0.1",
)


def sample() -> Snapshot:
    """Three objects, a root, a class with instances, a dropped reference."""
    heap = Heap()
    heap.type("m.Thing", own_names=["x", "y"], own_kinds=["int", "function"], dictoffset=-1, file="/app/m.py", line=3)
    heap.type("builtins.int", is_heap=False, own_names=None, own_kinds=[])
    first, second, third = heap.object(size=40), heap.object("builtins.int", size=28), heap.object(size=48, length=7)
    first.fingerprint, third.fingerprint = 1, 1
    first.refers_to(second, third, 0x999)
    third.refers_to(first)
    heap.root(first, kind=2, label="frame main")
    facts = instances_record(FIRST_TYPE, 2, states={1: [2, 88, 96]}, attributes={"x": 2, "é": 1})
    heap.instances.append(facts | {"own_sizes": {40: 1, 48: 1}})
    return heap.snapshot(META)


def assert_same(left: Snapshot, right: Snapshot) -> None:
    """Compare everything."""
    for name in ("meta", "types", "instances", "roots", "dangling_reference_count"):
        assert getattr(left, name) == getattr(right, name), name
    for name in COLUMN_TYPES:
        assert getattr(left, name).dtype == getattr(right, name).dtype
        assert getattr(left, name).tolist() == getattr(right, name).tolist(), name


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A saved sample."""
    path = tmp_path / "a.heapscope"
    save_snapshot(sample(), path)
    return path


def test_loading_gives_back_what_was_saved(saved: Path) -> None:
    """Every record and every column, types included."""
    assert_same(load_snapshot(saved), sample())


def test_empty_snapshot_survives_a_file(tmp_path: Path) -> None:
    """Columns of length zero."""
    save_snapshot(Heap().snapshot(), tmp_path / "e.heapscope")
    assert load_snapshot(tmp_path / "e.heapscope").object_count == 0


def test_file_is_private_and_alone(saved: Path) -> None:
    """Mode 0600, and no temporary file beside it."""
    assert saved.stat().st_mode & 0o777 == 0o600
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.slow
def test_every_flipped_byte_is_noticed(saved: Path) -> None:
    """Each byte of the file in turn, all of its bits and a single one."""
    good = saved.read_bytes()
    for position in range(len(good)):
        for mask in (0xFF, 1 << (position % 8)):
            bad = bytearray(good)
            bad[position] ^= mask
            saved.write_bytes(bad)
            with pytest.raises(SnapshotFileError) as caught:
                load_snapshot(saved)
            assert caught.value.hint


@pytest.mark.slow
def test_every_truncation_and_any_excess_is_noticed(saved: Path) -> None:
    """A file of any shorter length, and a longer one."""
    good = saved.read_bytes()
    for size in range(len(good)):
        saved.write_bytes(good[:size])
        with pytest.raises(SnapshotFileError):
            load_snapshot(saved)
    saved.write_bytes(good + b"\0")
    with pytest.raises(SnapshotFileError):
        load_snapshot(saved)


def test_a_newer_format_version_is_named(saved: Path) -> None:
    """The message tells an old heapscope from a damaged file."""
    data = bytearray(saved.read_bytes())
    struct.pack_into("<I", data, 8, 3)
    saved.write_bytes(data)
    with pytest.raises(SnapshotFileError, match="format version is 3, this heapscope reads versions 1 to 2"):
        load_snapshot(saved)


def test_text_and_other_files_are_no_snapshots(tmp_path: Path) -> None:
    """Said so, not guessed at."""
    for content in (b"", b"hello", b"\x89PNG\r\n" * 20, b"\0" * 100):
        (tmp_path / "t").write_bytes(content)
        with pytest.raises(SnapshotFileError, match="no heapscope snapshot"):
            load_snapshot(tmp_path / "t")


def test_all_of_the_meta_record_is_saved(saved: Path) -> None:
    """A field added to it without being parsed would be lost here."""
    assert dataclasses.asdict(load_snapshot(saved).meta)["command"] == META.command
    assert all(value not in (0, "", None, ()) for value in dataclasses.asdict(META).values())

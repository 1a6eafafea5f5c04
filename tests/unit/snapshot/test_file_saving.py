"""Saving is atomic: the whole file or nothing, whatever fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from heapscope.errors import Cancelled, SnapshotFileError
from heapscope.oversight import Oversight
from heapscope.snapshot import blocks, file, layout
from heapscope.snapshot.file import load_snapshot, save_snapshot
from heapscope.snapshot.model import Snapshot
from tests.support.heap import Heap
from tests.support.snapshot_files import large_snapshot


def sample() -> Snapshot:
    """Three objects in a ring."""
    heap = Heap()
    objects = [heap.object() for _ in range(3)]
    for index, item in enumerate(objects):
        item.refers_to(objects[index - 1])
    return heap.snapshot()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A saved sample."""
    path = tmp_path / "a.heapscope"
    save_snapshot(sample(), path)
    return path


def assert_same(left: Snapshot, right: Snapshot) -> None:
    """Compare what tells samples apart."""
    assert left.meta == right.meta
    assert left.reference_targets.tolist() == right.reference_targets.tolist()
    assert left.address.tolist() == right.address.tolist()


def test_what_compresses_beyond_the_limit_is_padded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A legitimate snapshot is never refused for being regular."""
    heap = Heap()
    for _ in range(500):
        heap.object()
    save_snapshot(heap.snapshot(), tmp_path / "small.heapscope")
    monkeypatch.setattr(layout, "FREE_RAW_SIZE", 1)
    monkeypatch.setattr(layout, "MAX_EXPANSION", 2)
    with pytest.raises(SnapshotFileError, match="expand to an absurd size"):
        load_snapshot(tmp_path / "small.heapscope")
    save_snapshot(heap.snapshot(), tmp_path / "padded.heapscope")
    assert load_snapshot(tmp_path / "padded.heapscope").object_count == 500


def test_an_existing_file_is_kept_unless_overwriting_is_asked_for(saved: Path) -> None:
    """And replaced as a whole when it is."""
    before = saved.read_bytes()
    with pytest.raises(SnapshotFileError, match="exists already"):
        save_snapshot(Heap().snapshot(), saved)
    assert saved.read_bytes() == before
    save_snapshot(Heap().snapshot(), saved, overwrite=True)
    assert load_snapshot(saved).object_count == 0
    assert os.listdir(saved.parent) == [saved.name]


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the first look and the end of writing, another program saved under the same name."""
    path = tmp_path / "x.heapscope"
    write = file.write_snapshot

    def write_and_lose(snapshot: Snapshot, stream: Any, oversight: Oversight) -> None:
        write(snapshot, stream, oversight)
        path.write_bytes(b"other")

    monkeypatch.setattr(file, "write_snapshot", write_and_lose)
    with pytest.raises(SnapshotFileError, match="exists already"):
        save_snapshot(sample(), path)
    assert path.read_bytes() == b"other"
    assert os.listdir(tmp_path) == ["x.heapscope"]


def test_file_systems_without_hard_links_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the name is checked again and the file renamed."""

    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    save_snapshot(sample(), tmp_path / "n.heapscope")
    assert_same(load_snapshot(tmp_path / "n.heapscope"), sample())
    assert os.listdir(tmp_path) == ["n.heapscope"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EFBIG])
@pytest.mark.parametrize("call", ["fsync", "link"])
def test_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str) -> None:
    """A full or broken disk is named, and no partial file stays."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(SnapshotFileError, match=os.strerror(number)) as caught:
        save_snapshot(sample(), tmp_path / "f.heapscope")
    assert caught.value.hint
    assert os.listdir(tmp_path) == []


def test_failure_of_a_thread_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of memory while blocks are encoded."""

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(blocks, "encode_block", fail)
    with pytest.raises(SnapshotFileError, match="out of memory") as caught:
        save_snapshot(sample(), tmp_path / "m.heapscope")
    assert caught.value.hint
    assert os.listdir(tmp_path) == []


def test_interruption_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of writing."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_snapshot(sample(), tmp_path / "i.heapscope")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["missing/x.heapscope", ".", "/dev/null", "a\0b", "n" * 300])
def test_paths_that_cannot_be_written_are_refused_with_a_hint(tmp_path: Path, name: str) -> None:
    """Missing folder, folder, device, impossible names."""
    with pytest.raises(SnapshotFileError) as caught:
        save_snapshot(sample(), tmp_path / name, overwrite=True)
    assert caught.value.hint
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["missing", ".", "/dev/null", "a\0b", "n" * 300])
def test_paths_that_cannot_be_read_are_refused_with_a_hint(tmp_path: Path, name: str) -> None:
    """Missing file, folder, device, impossible names."""
    with pytest.raises(SnapshotFileError) as caught:
        load_snapshot(tmp_path / name)
    assert caught.value.hint


def test_saving_can_be_watched_and_given_up(tmp_path: Path) -> None:
    """Progress up to the end; given up at any moment, nothing is left."""
    snapshot = large_snapshot(400_000)
    shares: list[float] = []
    path = tmp_path / "watched.heapscope"
    save_snapshot(snapshot, path, oversight=Oversight(report=shares.append))
    assert len(shares) > 20
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    for asked_before in (0, 1, 5, 20):
        answers = iter([False] * asked_before)
        watcher = Oversight(lambda answers=answers: next(answers, True))
        with pytest.raises(Cancelled):
            save_snapshot(snapshot, tmp_path / "given_up.heapscope", oversight=watcher)
        assert list(tmp_path.iterdir()) == [path]


def test_loading_can_be_watched_and_given_up(tmp_path: Path) -> None:
    """No block is begun after that, and no file stays open."""
    path = tmp_path / "large.heapscope"
    save_snapshot(large_snapshot(400_000), path)
    shares: list[float] = []
    assert load_snapshot(path, Oversight(report=shares.append)).object_count == 400_000
    assert len(shares) > 20
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    before = set(os.listdir("/proc/self/fd"))  # what other tests left open may be closed meanwhile
    for asked_before in (0, 1, 5, 20):
        answers = iter([False] * asked_before)
        with pytest.raises(Cancelled):
            load_snapshot(path, Oversight(lambda answers=answers: next(answers, True)))
    assert set(os.listdir("/proc/self/fd")) - before == set()

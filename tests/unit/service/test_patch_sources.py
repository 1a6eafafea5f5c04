"""Sources for a patch: only regular files, of bounded size, and no link out of another root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heapscope.service import patch_sources
from heapscope.snapshot.model import SnapshotMeta

HERE = SnapshotMeta(host_name=os.uname().nodename)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a file, and with what is none."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "app.py").write_bytes(b"x = 1\n")
    (tmp_path / "link.py").symlink_to(tmp_path / "inside" / "app.py")
    (tmp_path / "out").symlink_to("/")
    os.mkfifo(tmp_path / "pipe.py")
    return tmp_path


def test_a_file_of_this_host_is_read(folder: Path) -> None:
    """By its path; a live target with our root sees the same files."""
    for pid in (None, os.getpid()):
        read = patch_sources.reader_of(HERE, pid)
        assert read(f"{folder}/inside/app.py") == b"x = 1\n"
        assert read(f"{folder}/link.py") == b"x = 1\n"


@pytest.mark.parametrize("name", ["missing.py", "inside", "pipe.py", "inside/app.py\0"])
def test_what_is_no_regular_file_is_absent(folder: Path, name: str) -> None:
    """A pipe does not block."""
    assert patch_sources.reader_of(HERE, None)(f"{folder}/{name}") is None


def test_relative_and_large_files_are_absent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path must be whole; the size is bounded before reading."""
    read = patch_sources.reader_of(HERE, None)
    monkeypatch.chdir(folder)
    assert read("inside/app.py") is None
    monkeypatch.setattr(patch_sources, "MAX_BYTES", 5)
    assert read(f"{folder}/inside/app.py") is None


def test_files_of_another_host_are_absent(folder: Path) -> None:
    """A path there means another file here."""
    read = patch_sources.reader_of(SnapshotMeta(host_name="elsewhere.example.org"), None)
    assert read(f"{folder}/inside/app.py") is None


@pytest.mark.parametrize("path", ["/link.py", "/out/etc/hostname", "/inside/../inside/app.py", "/", "/pipe.py"])
def test_no_link_of_another_root_is_followed(folder: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be resolved in ours."""
    read = patch_sources._read_inside
    assert read(str(folder), "/inside/app.py") == b"x = 1\n"
    assert read(str(folder), path) is None

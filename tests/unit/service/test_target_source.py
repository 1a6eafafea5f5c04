"""Sources are read where the target has them, and whatever a hostile target puts in the way counts as absent."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from heapscope.service import target_source
from heapscope.service.target_source import TargetSources, _live_root
from heapscope.snapshot.model import SnapshotMeta

LATER = 4e9  # a process that starts long after every file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root directory of a target, with one file, and a secret outside of it."""
    (tmp_path / "secret.py").write_text("class Secret: pass\n")
    (tmp_path / "root" / "app").mkdir(parents=True)
    (tmp_path / "root" / "app" / "a.py").write_text("class C:\n    pass\n")
    return tmp_path / "root"


def text_of(root: Path, path: str) -> str | None:
    """Read one file of a target."""
    found = TargetSources(str(root), LATER).read(path)
    return found.text if found else None


def test_a_file_is_read_and_parsed_once(root: Path) -> None:
    """The path is as the target sees it."""
    sources = TargetSources(str(root), LATER)
    module = sources.module("/app/a.py")
    assert module is not None
    assert module.find("C") is not None
    assert not module.is_newer
    (root / "app" / "a.py").unlink()
    assert sources.module("/app/a.py") is module


def test_a_file_that_changed_after_the_start_is_told(root: Path) -> None:
    """The process may run what was there before. A file put in place by renaming counts, whatever its own time is."""
    os.utime(root / "app" / "a.py", (1, 1))
    found = TargetSources(str(root), time.time() - 100).read("/app/a.py")
    assert found is not None
    assert found.is_newer


@pytest.mark.parametrize("link", ["/app", "../app", "/../../app", "."])
def test_links_lead_where_they_lead_the_target(root: Path, link: str) -> None:
    """An absolute link begins at the target's root, and nothing leads above it."""
    (root / "lib").mkdir()
    (root / "lib" / "there").symlink_to("../app" if link == "." else link)
    assert text_of(root, "/lib/there/a.py") == "class C:\n    pass\n"


@pytest.mark.parametrize("target", ["../secret.py", "../../secret.py", "/../secret.py", "../../../../etc/passwd"])
def test_no_link_leads_out(root: Path, target: str) -> None:
    """Not even the last part of a path."""
    (root / "evil.py").symlink_to(target)
    assert text_of(root, "/evil.py") is None


def test_a_link_to_a_secret_by_its_full_path_leads_nowhere(root: Path) -> None:
    """That path is looked up inside of the root."""
    (root / "evil.py").symlink_to(root.parent / "secret.py")
    assert text_of(root, "/evil.py") is None


def test_dots_in_a_path_stay_inside(root: Path) -> None:
    """As the kernel treats the parent of a root."""
    assert text_of(root, "/../secret.py") is None
    assert text_of(root, "/app/../../app/./a.py") == "class C:\n    pass\n"


def test_nothing_but_regular_files_is_opened(root: Path) -> None:
    """A pipe would block, a device may do anything."""
    os.mkfifo(root / "pipe.py")
    (root / "folder.py").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root)
        try:
            server.bind("socket.py")
        finally:
            os.chdir(here)
        for name in ("pipe.py", "folder.py", "socket.py", "absent.py", "app/a.py/more"):
            assert text_of(root, f"/{name}") is None


@pytest.mark.parametrize("path", ["", "app/a.py", "<string>", "/app/a.py\0", "/" + "a/" * 5000, "/" + "x" * 5000])
def test_odd_paths_are_absent(root: Path, path: str) -> None:
    """Paths are the target's words."""
    assert text_of(root, path) is None


def test_endless_links_end(root: Path) -> None:
    """Loops, and links that grow."""
    (root / "loop").symlink_to("loop")
    (root / "grow").symlink_to("grow/" + "a/" * 100)
    assert text_of(root, "/loop/a.py") is None
    assert text_of(root, "/grow/a.py") is None


def test_sizes_and_encodings_are_checked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file is not read, an encoding is the file's own, and bytes that make no sense are absent."""
    (root / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\n# \xe9\n")
    (root / "bad.py").write_bytes(b"# \xff\n")
    (root / "odd.py").write_bytes(b"# coding: no-such-thing\n")
    assert text_of(root, "/latin.py") == "# -*- coding: latin-1 -*-\n# \xe9\n"
    assert text_of(root, "/bad.py") is None
    assert text_of(root, "/odd.py") is None
    monkeypatch.setattr(target_source, "MAX_SIZE", 10)
    assert text_of(root, "/app/a.py") is None


def test_the_number_of_files_is_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target can name any number of files."""
    monkeypatch.setattr(target_source, "MAX_FILES", 0)
    assert TargetSources(str(root), LATER).module("/app/a.py") is None


def test_no_descriptor_is_left_open(root: Path) -> None:
    """Whether reading worked or not."""
    before = set(os.listdir("/proc/self/fd"))  # what other tests left open may be closed meanwhile
    for path in ("/app/a.py", "/absent.py", "/app"):
        text_of(root, path)
    assert set(os.listdir("/proc/self/fd")) - before == set()


def test_files_of_another_host_are_not_looked_for() -> None:
    """The same path may be another file there."""
    here = socket.gethostname()
    path = str(Path(__file__))
    assert TargetSources.of(SnapshotMeta(host_name=here)).read(path) is not None
    assert TargetSources.of(SnapshotMeta(host_name="elsewhere")).read(path) is None


def test_a_number_that_belongs_to_another_process_by_now_has_no_root_to_read_below(tmp_path: Path) -> None:
    """Its files are those of this host then, as after the end of the process."""
    here = socket.gethostname()
    path = str(tmp_path / "module.py")
    Path(path).write_text("x = 1\n")
    stranger = SnapshotMeta(pid=os.getpid(), host_name=here, process_start_time=1.0)
    assert _live_root(stranger) is None
    assert TargetSources.of(stranger).read(path) is not None
    import psutil

    own = SnapshotMeta(pid=os.getpid(), host_name=here, process_start_time=psutil.Process().create_time())
    assert _live_root(own) == f"/proc/{os.getpid()}/root"
    assert TargetSources.of(own).read(path) is not None

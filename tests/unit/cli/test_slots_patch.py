"""slots --patch: which classes are in the diff, what is said about the others, and that no source is touched."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from heapscope.cli.main import main
from heapscope.snapshot.file import save_snapshot
from heapscope.snapshot.model import SnapshotMeta
from tests.support.patching import apply_by_hand
from tests.support.program import Program

SOURCE = b"""\
class Item:
    def __init__(self):
        self.a, self.b = 1, 2


class Odd:
    status = None

    def __init__(self):
        self.a = 1
        self.set = 3

    def set(self): pass


class Shared:
    a = 0

    def go(self): self.a = 1
"""


@pytest.fixture
def run(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that makes the patch of three classes and returns the diff; ``said`` is what stderr got."""
    source = tmp_path / "app.py"
    source.write_bytes(SOURCE)
    program = Program()
    for name, line, attributes in (
        ("Item", 2, ["a", "b"]),
        ("Odd", 9, ["a", "set"]),
        ("Shared", 19, {"a": 7}),
    ):
        names = {"Shared": {"a": "int"}, "Odd": {"status": "NoneType", "set": "function"}}.get(name, {})
        cls = program.cls(f"app.{name}", file=str(source), line=line, names=names)
        program.instances(cls, 10, 112, attributes)
    snapshot = tmp_path / "app.heapscope"
    # The process started after its source was written.
    meta = SnapshotMeta(
        python_version=program.version, host_name=socket.gethostname(), process_start_time=time.time() + 60
    )
    save_snapshot(program.heap.snapshot(meta), snapshot)

    def patch(*words: str, folder: Path = tmp_path, code: int = 0) -> bytes:
        monkeypatch.chdir(folder)
        assert main(["slots", str(snapshot), "--patch", *words]) == code
        out, err = capfdbinary.readouterr()
        patch.said = err.decode()  # type: ignore[attr-defined]
        assert source.read_bytes() == SOURCE
        return out

    return patch


def test_safe_classes_are_patched_unasked(run: Any) -> None:
    """Also one whose default has to move; a class that hides its own method needs a look first, so it is not."""
    diff = run()
    new = apply_by_hand(SOURCE, diff)
    assert b'class Item:\n    __slots__ = ("a", "b")\n' in new
    assert b'class Shared:\n    __slots__ = ("a",)\n' in new
    assert new.count(b"__slots__") == 2
    assert "2 classes changed; apply with: patch -p1 < FILE" in run.said
    assert diff.startswith(b"--- a/app.py\n+++ b/app.py\n")


def test_a_named_class_is_tried_whatever_its_verdict(run: Any) -> None:
    """The verdict is said."""
    new = apply_by_hand(SOURCE, run("--type", "Shared"))
    assert b"    def __init__(self):\n        self.a = 0\n" in new
    assert run("--type", "app.Shared", "--old-pickles").count(b"+    def __setstate__") == 1
    assert run("--type", "Odd") == b""
    assert "app.Odd: check: set is a function of app.Odd, which 10 instances replace" in run.said
    assert "app.Odd: left as it is: set is also a method or property" in run.said
    assert "app.py:13)" in run.said
    assert "nothing to patch" in run.said


def test_names_are_relative_to_the_root_from_elsewhere(run: Any, tmp_path: Path) -> None:
    """And the command that applies it says so."""
    other = tmp_path / "elsewhere"
    other.mkdir()
    diff = run("--type", "Item", folder=other)
    assert diff.startswith(b"--- a" + os.fsencode(tmp_path) + b"/app.py\n")
    assert "patch -p1 -d / < FILE" in run.said


def test_the_diff_goes_into_a_file(run: Any, tmp_path: Path) -> None:
    """As with every other result: never over an existing one unasked."""
    assert run("--type", "Item", "-o", "out.diff") == b""
    assert apply_by_hand(SOURCE, (tmp_path / "out.diff").read_bytes()).count(b"__slots__") == 1
    run("--type", "Item", "-o", "out.diff", code=9)


def test_wrong_words_are_refused(run: Any) -> None:
    """A class that is not there; options without --patch."""
    assert run("--type", "Nobody", code=2) == b""
    assert "no class Nobody has instances" in run.said
    assert main(["slots", "1", "--type", "x"]) == 2


def test_a_terminal_is_not_told_what_to_do() -> None:
    """Sources may hold anything; what is shown is no longer a diff to apply."""
    from heapscope.cli.slots_patch import _harmless

    assert _harmless(b"+x = '\x1b[31m\xff'\t# \xc3\xa9\r\n").count(b"\n") == 1
    assert b"\x1b" not in _harmless(b"+x = '\x1b[31m'\n")
    assert b"\r" not in _harmless(b"+x\r\n")
    assert _harmless(b"") == b""
    assert _harmless("-é\n+x\n".encode()) == "-é\n+x\n".encode()

"""slots --patch on a live process: the diff is of the file that the process runs, and the patched program works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patching import apply_with
from tests.support.pythons import Python, one_per_release, usual_pythons

PROGRAM = Path(__file__).with_name("targets") / "patchable.py"
CHECK = """
import patchable
from patchable import *
things, used, references = make()
assert [type(thing).__name__ for thing in things if hasattr(thing, "__dict__")] == [], things[0]
assert things[0].secret() == [0] and Derived(1).show() == ["_Plain__secret", "more", "number"]
assert Record(1) == Record(1, "nobody") and used[5] == 25 and references[7]().state == "used"
assert Referenced(3).state == "new" and Referenced(3).square == 9
print("works")
"""

pytestmark = [pytest.mark.integration, pytest.mark.apart]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Give a copy of the program in a folder of its own."""
    target = tmp_path / "patchable.py"
    target.write_bytes(PROGRAM.read_bytes())
    return target


@pytest.fixture(params=one_per_release(usual_pythons()), ids=lambda each: each.label)
def python(request: pytest.FixtureRequest) -> Python:
    """Give each interpreter."""
    return request.param  # type: ignore[no-any-return]


def test_the_patched_program_works(python: Python, copied: Path) -> None:
    """Every class has lost its __dict__; the source was not touched by the command."""
    words = [sys.executable, "-m", "heapscope", "slots"]
    names = ["--type", "Plain", "--type", "Derived", "--type", "Record", "--type", "Referenced"]
    with subprocess.Popen([python.path, str(copied)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"ready\n"
            done = subprocess.run(
                [*words, str(process.pid), "--patch", *names], cwd=copied.parent, capture_output=True, check=False
            )
        finally:
            process.stdin.close()
    assert done.returncode == 0, done.stderr.decode()
    assert copied.read_bytes() == PROGRAM.read_bytes()
    apply_with(["patch", "-p1"], copied.parent, done.stdout)
    check = CHECK
    if python.minor < (3, 10):  # a field with a default: no way to slots by the decorator
        assert b"__main__.Record: left as it is: fields with a default" in done.stderr
        check = CHECK.replace("if hasattr(thing", "if type(thing) is not Record and hasattr(thing")
    ran = subprocess.run([python.path, "-c", check], cwd=copied.parent, capture_output=True, text=True, check=False)
    assert ran.stdout == "works\n", ran.stderr

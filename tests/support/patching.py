"""Patches of small sources for tests: written as text, applied by the patch command, run as a module.

Never starts anything but ``patch`` and never leaves a module behind.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from heapscope.analysis.patching.diff import unified_diff
from heapscope.analysis.patching.model import Patch, PatchOptions
from heapscope.analysis.patching.patch import patch_classes
from heapscope.analysis.slots.layout import Version
from heapscope.analysis.slots.model import ChangeKind, ClassChange

FILE = "/srv/app.py"
_number = itertools.count()


def change(type_name: str = "app.C", names: Sequence[str] = ("a",), **more: object) -> ClassChange:
    """Make the change of a class in the one file of a test."""
    values: dict[str, object] = {"kind": ChangeKind.SLOTS, "file": FILE, **more}
    return ClassChange(type_name, names=tuple(names), **values)  # type: ignore[arg-type]


def patch_of(
    source: str, *changes: ClassChange, version: Version = (3, 12), old_pickles: bool = False, together: bool = True
) -> Patch:
    """Patch one source text, with all changes as one plan or each as one of its own."""
    plans = [changes] if together else [(each,) for each in changes]
    options = PatchOptions(version, old_pickles=old_pickles)
    return patch_classes(plans, {FILE: textwrap.dedent(source).encode()}, options)


def patched(source: str, *changes: ClassChange, version: Version = (3, 12), old_pickles: bool = False) -> str:
    """Give the new text of a source; the changes must have been possible, and the diff must give the same text."""
    patch = patch_of(source, *(changes or (change(),)), version=version, old_pickles=old_pickles)
    assert not refusals(patch)
    (file,) = patch.files
    assert apply_by_hand(file.old, unified_diff(patch.files)) == file.new
    return file.new.decode()


def refusals(patch: Patch) -> list[str]:
    """Give the reasons for what was left as it is."""
    return [note.text for note in patch.notes if note.is_refusal]


def refusal(source: str, *changes: ClassChange, version: Version = (3, 12), old_pickles: bool = False) -> str:
    """Give the one reason for leaving a source as it is."""
    patch = patch_of(source, *(changes or (change(),)), version=version, old_pickles=old_pickles)
    assert not patch.files
    (reason, *_) = refusals(patch)
    return reason


def apply_by_hand(old: bytes, diff: bytes) -> bytes:
    """Apply a diff of one file, strictly: every context line must be there, at the line that the hunk names."""
    source, new, at = _lines(old), list[bytes](), 0
    lines = _lines(diff)
    assert lines[0].startswith(b"--- ")
    assert lines[1].startswith(b"+++ ")
    for index, line in enumerate(lines[2:], 2):
        following = lines[index + 1] if index + 1 < len(lines) else b""
        text = line[1:].removesuffix(b"\n") if following.startswith(b"\\") else line[1:]
        if line.startswith(b"@@"):
            start, _, count = line.split()[1][1:].partition(b",")
            first = int(start) - (0 if count == b"0" else 1)
            new += source[at:first]
            at = first
        elif line[:1] in b" -":
            assert source[at] == text
            new += [text] if line[:1] == b" " else []
            at += 1
        elif line.startswith(b"+"):
            new.append(text)
    return b"".join([*new, *source[at:]])


def _lines(data: bytes) -> list[bytes]:
    return [line for line in data.replace(b"\n", b"\n\0").split(b"\0") if line]


def apply_with(command: Sequence[str], folder: Path, diff: bytes) -> None:
    """Have a tool apply a diff in a folder."""
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent), "LC_ALL": "C"}
    done = subprocess.run(command, cwd=folder, input=diff, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def module_of(text: str, name: str = "") -> Iterator[types.ModuleType]:
    """Run a text as a module that pickle can import."""
    module = types.ModuleType(name or f"patched_module_{next(_number)}")
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, FILE, "exec"), vars(module))
        yield module
    finally:
        del sys.modules[module.__name__]

"""Figures of the allocator read from a process's memory are exactly its own, on every interpreter found."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from heapscope.target.pymalloc import SIZE_CLASSES
from tests.support.pythons import Python
from tests.support.read_children import child

pytestmark = [pytest.mark.integration, pytest.mark.apart]

PAUSE_SYSCALL = "34"  # of x86-64
DEADLINE_S = 60.0


@pytest.fixture
def gil_python(any_python: Python) -> Python:
    """Each interpreter with a GIL."""
    if any_python.free_threaded:
        pytest.skip("free-threaded builds have other layouts")
    return any_python


STATS_PROGRAM = """
import os, signal, sys
keep = [object() for _ in range(200000)] + [bytes(size % 700) for size in range(30000)] + [{1: 2} for _ in range(5000)]
del keep[::7]
del keep[: len(keep) // 2]
os.write(1, b"ready\\n")
def finish(tell=sys._debugmallocstats, pause=signal.pause):
    tell()
    pause()
finish()
"""

INTERPRETERS_PROGRAM = """
import os, signal, sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
run = getattr(interpreters, "run_string")
other = interpreters.create()
run(other, "keep = [bytes(100 + size % 300) for size in range(20000)]; import sys; sys._debugmallocstats()")
os.write(1, b"ready\\n")
def finish(tell=sys._debugmallocstats, pause=signal.pause):
    tell()
    pause()
finish()
"""


def wait_until_paused(pid: int) -> None:
    """Wait until the process is inside pause()."""
    deadline = time.monotonic() + DEADLINE_S
    while Path(f"/proc/{pid}/syscall").read_text().split()[0] != PAUSE_SYSCALL:
        assert time.monotonic() < deadline, "the target never came to its end"
        time.sleep(0.01)


def figures_of(text: str) -> list[dict[str, int]]:
    """Read the figures of each report that _debugmallocstats has written."""
    reports = []
    for part in text.split("Small block threshold")[1:]:
        figures = {}
        for line in part.splitlines():
            match = re.match(r"\s*(?:# )?(.*?)\s+=\s+([\d,]+)$", line)
            if match:
                figures[match[1]] = int(match[2].replace(",", ""))
            row = re.match(r"\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$", line)
            if row:
                figures[f"class {row[1]}"] = int(row[4])
                figures["pools"] = figures.get("pools", 0) + int(row[3])
        reports.append(figures)
    return reports


def ending(figures: dict[str, int], pattern: str) -> int:
    """Return the one figure whose name matches."""
    (value,) = [value for name, value in figures.items() if re.search(pattern, name)]
    return value


@pytest.mark.parametrize("allocator", ["pymalloc", "pymalloc_debug"])
def test_figures_of_the_allocator_are_exactly_its_own(gil_python: Python, tmp_path: Path, allocator: str) -> None:
    """Every block, of every size, in a process at rest."""
    path = tmp_path / "stats"
    with (
        path.open("wb") as file,
        child(gil_python, "-c", STATS_PROGRAM, stderr=file.fileno(), PYTHONMALLOC=allocator) as target,
    ):
        wait_until_paused(target.pid)
        found = target.pymalloc()
    (told,) = figures_of(path.read_text())
    assert found is not None
    assert found.warnings == ()
    assert list(found.blocks_by_class) == [told.get(f"class {number}", 0) for number in range(SIZE_CLASSES)]
    assert found.blocks_in_use == sum(found.blocks_by_class) > 100_000
    assert found.arena_count == told["arenas allocated current"]
    assert found.arena_bytes == ending(told, "bytes/arena$")
    assert found.used_pool_count == told["pools"]
    assert found.bytes_in_use == told["bytes in allocated blocks"]
    assert found.free_bytes_in_used_pools == told["bytes in available blocks"]
    assert found.free_bytes_in_empty_pools == ending(told, "unused pools")
    lost = sum(value for name, value in told.items() if name.startswith("bytes lost to") and "arena map" not in name)
    assert found.overhead_bytes == lost


def test_interpreters_with_an_allocator_of_their_own_are_counted(gil_python: Python, tmp_path: Path) -> None:
    """The figures of all interpreters, 3.12 and newer."""
    if gil_python.minor < (3, 12):
        pytest.skip("one allocator for all interpreters until 3.11")
    path = tmp_path / "stats"
    with path.open("wb") as file, child(gil_python, "-c", INTERPRETERS_PROGRAM, stderr=file.fileno()) as target:
        wait_until_paused(target.pid)
        found = target.pymalloc()
        stacks = target.stacks()
    inner, main = figures_of(path.read_text())
    assert found is not None
    # The inner interpreter goes on after its report, until its code ends; the main one does not.
    assert found.arena_count == inner["arenas allocated current"] + main["arenas allocated current"]
    total = inner["bytes in allocated blocks"] + main["bytes in allocated blocks"]
    assert abs(found.bytes_in_use - total) < 20_000 < inner["bytes in allocated blocks"]
    assert {thread.interpreter for thread in stacks.threads} >= {0}
    assert [frame.code.name for frame in stacks.threads[-1].frames] == ["finish", "<module>"]


def test_without_pymalloc_there_are_no_figures(gil_python: Python) -> None:
    """All blocks are malloc's."""
    with child(gil_python, "-c", STATS_PROGRAM, PYTHONMALLOC="malloc") as target:
        wait_until_paused(target.pid)
        assert target.pymalloc() is None

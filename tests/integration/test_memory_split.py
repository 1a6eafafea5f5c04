"""The memory split of real processes: its parts are what the process, its malloc and the kernel say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from heapscope.analysis.memory import MemorySplit, Part, split_memory
from heapscope.analysis.memory_verdict import VerdictKind
from heapscope.service.capture import CaptureOptions, capture
from heapscope.service.memory import quick_memory
from heapscope.snapshot.memory import MallocFacts, MemoryFacts
from heapscope.target.discovery import target_of
from tests.support.pythons import Python, probe
from tests.support.read_children import Child, child
from tests.support.targets import PROGRAMS
from tests.support.third_party import third_party_python

pytestmark = pytest.mark.integration

MEGABYTE = 1 << 20
MOST_APART = 0.02  # the RSS of the kernel and ours
MOST_UNEXPLAINED = 0.03
WRITING = 16 << 10  # what asking and answering takes of malloc's
GUILTY = {
    "registry": VerdictKind.OBJECTS,
    "exceptions": VerdictKind.OBJECTS,
    "native": VerdictKind.ALLOCATOR,
    "callbacks": VerdictKind.OBJECTS,
    "healthy": VerdictKind.OBJECTS,
    "numpy": VerdictKind.NATIVE,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a capture found, and what the process and the kernel said just before."""

    split: MemorySplit
    facts: MemoryFacts
    said: dict[str, int]
    rss_bytes: int

    @property
    def malloc(self) -> MallocFacts:
        """Give malloc's figures."""
        assert self.facts.malloc is not None
        return self.facts.malloc


def program(*fillings: str) -> tuple[str, ...]:
    """Give the arguments that start the target."""
    return (str(PROGRAMS / "memory_split.py"), *fillings)


def ask(target: Child) -> dict[str, int]:
    """Have malloc in the target say what it has."""
    stdin, stdout = target.process.stdin, target.process.stdout
    assert stdin is not None
    assert stdout is not None
    stdin.write(b"\n")
    stdin.flush()
    answer = json.loads(stdout.readline())
    assert isinstance(answer, dict)
    return answer


def rss_of(pid: int) -> int:
    """Give what the kernel counts."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(target: Child, **options: Any) -> Measured:
    """Ask, then capture."""
    said, rss = ask(target), rss_of(target.pid)
    snapshot = capture(target.pid, CaptureOptions(**options))
    assert snapshot.memory is not None, snapshot.meta.warnings
    return Measured(split_memory(snapshot.memory, snapshot), snapshot.memory, said, rss)


def check(found: Measured) -> None:
    """Assert what holds for every process."""
    split = found.split
    assert sum(component.bytes for component in split.components) == split.rss_bytes
    assert min(component.bytes for component in split.components) >= 0
    assert abs(split.rss_bytes - found.rss_bytes) <= MOST_APART * found.rss_bytes
    assert split.unexplained_share <= MOST_UNEXPLAINED
    assert abs(found.malloc.used_bytes - found.said["uordblks"]) <= WRITING
    assert abs(found.malloc.free_bytes - found.said["fordblks"]) <= WRITING
    assert (found.malloc.mapped_blocks, found.malloc.mapped_bytes) == (found.said["hblks"], found.said["hblkhd"])
    assert found.malloc.lost_resident == 0


@pytest.fixture(scope="module")
def native(one_python: Python) -> Iterator[Child]:
    """A process whose malloc keeps nearly everything free."""
    with child(one_python, *program("registry", "native")) as target:
        yield target


@pytest.fixture(scope="module")
def found(native: Child) -> Measured:
    """Its split."""
    return measure(native)


def test_mallocs_figures_are_its_own_to_the_byte(found: Measured) -> None:
    """In use, free, and mappings of their own, as mallinfo2 in the target says; what is not in memory is left out."""
    check(found)
    assert found.malloc.free_bytes > 180_000_000
    assert found.malloc.mapped_bytes > 70 * MEGABYTE
    assert found.malloc.mapped_resident < 50 * MEGABYTE


def test_the_allocator_is_blamed_for_what_it_keeps_free(found: Measured) -> None:
    """malloc_trim can return most of it: all whole pages between the blocks that are left."""
    split = found.split
    assert split.kind is VerdictKind.ALLOCATOR
    assert split.bytes_of(Part.MALLOC_FREE) > 180_000_000
    assert 0.95 * split.bytes_of(Part.MALLOC_FREE) < split.trim_bytes <= split.bytes_of(Part.MALLOC_FREE)


def test_native_blocks_in_use_are_no_objects(found: Measured) -> None:
    """100 blocks of 100 kB, 25,000 small ones, one of 40 MiB; sessions are objects, their larger blobs too."""
    native_bytes = 100 * 100_000 + 25_000 * 48 + 40 * MEGABYTE
    assert native_bytes <= found.split.bytes_of(Part.MALLOC_USED) < native_bytes + 2 * MEGABYTE
    assert found.split.bytes_of(Part.PYTHON_OBJECTS) > 40_000 * 700


def test_malloc_trim_returns_what_is_said(one_python: Python) -> None:
    """Asked of the process itself, afterwards."""
    code = "exec(open({!r}).read().replace('\\nmain()', ''));fill_native();print('ready', flush=True);input();"
    code += "libc.malloc_trim(0);print('trimmed', flush=True);input()"
    with child(one_python, "-c", code.format(program()[0])) as target:
        facts = quick_memory(target_of(target.pid))
        before = rss_of(target.pid)
        assert target.process.stdin is not None
        assert target.process.stdout is not None
        target.process.stdin.write(b"\n")
        target.process.stdin.flush()
        assert target.process.stdout.readline() == b"trimmed\n"
        returned = before - rss_of(target.pid)
    assert facts.malloc is not None
    assert abs(returned - facts.malloc.trim_bytes) < MEGABYTE


def test_figures_without_a_capture_come_at_once_and_agree(native: Child, found: Measured) -> None:
    """PSS and USS too: they are read before a clone shares all pages."""
    facts = quick_memory(target_of(native.pid))
    split = split_memory(facts, None)
    assert not split.python_known
    assert not split.is_frozen
    assert abs(split.rss_bytes - found.split.rss_bytes) < MOST_APART * split.rss_bytes
    # Pages of the interpreter's file are private only as long as no other process runs the same interpreter.
    others = split.bytes_of(Part.FILE)
    assert abs(split.uss_bytes - found.split.uss_bytes) < MOST_APART * split.uss_bytes + others
    assert abs(split.pss_bytes - found.split.pss_bytes) < MOST_APART * split.pss_bytes + others
    assert others < 0.1 * split.rss_bytes
    assert abs(split.bytes_of(Part.MALLOC_FREE) - found.split.bytes_of(Part.MALLOC_FREE)) < MEGABYTE


@pytest.mark.matrix
def test_the_python_walker_gives_the_same_split(native: Child, found: Measured) -> None:
    """It dirties the clone, so the figures are read before; which blocks are objects' it does not say."""
    other = measure(native, collector="python")
    for part in (Part.MALLOC_FREE, Part.PYMALLOC_PARTLY_FREE, Part.FILE, Part.PRIVATE, Part.STACKS):
        assert abs(other.split.bytes_of(part) - found.split.bytes_of(part)) < MEGABYTE
    assert other.facts.pymalloc is not None
    assert other.facts.pymalloc.attributed_bytes is None


@pytest.mark.matrix
def test_the_command_says_the_same(native: Child, found: Measured) -> None:
    """In JSON, with mappings and size classes."""
    command = [sys.executable, "-m", "heapscope", "rss", str(native.pid), "--format", "json"]
    done = subprocess.run([*command, "--mappings", "--size-classes"], check=True, capture_output=True)
    row = json.loads(done.stdout)
    assert row["kind"] == "allocator"
    assert sum(part["bytes"] for part in row["components"]) == row["rss_bytes"]
    assert row["mappings"][0]["path"] == "[heap]"
    assert {"block_bytes", "pools", "blocks", "free_bytes"} <= row["size_classes"][0].keys()
    assert abs(row["trim_bytes"] - found.split.trim_bytes) < MEGABYTE


@pytest.mark.matrix
@pytest.mark.parametrize("filling", [name for name in GUILTY if name != "numpy"])
def test_the_split_of_a_planted_service(any_python: Python, filling: str) -> None:
    """On every interpreter."""
    with child(any_python, *program(filling)) as target:
        found = measure(target)
    check(found)
    if filling != "healthy":
        assert found.split.kind is GUILTY[filling]


@pytest.mark.matrix
def test_numpys_data_is_named() -> None:
    """The target runs in this virtual environment, which has numpy."""
    python = probe(Path(sys.executable))
    assert python is not None
    with child(replace(python, path=Path(sys.executable)), *program("numpy")) as target:
        found = measure(target)
    check(found)
    assert found.split.kind is VerdictKind.NATIVE
    (used,) = [each for each in found.split.components if each.part is Part.MALLOC_USED]
    named = re.search(r"numpy data ([\d.]+)M in ([\d,]+) arrays", "; ".join(used.notes))
    assert named
    assert abs(float(named[1]) * MEGABYTE - 8 * (sum(range(1000, 100000, 1000)) + 5_000_000)) < 2 * MEGABYTE
    assert int(named[2].replace(",", "")) >= 5101


@pytest.mark.thirdparty
def test_the_split_of_a_process_with_pandas() -> None:
    """Frames, their copies, and what a library of its size loads and keeps; the data of all arrays is named."""
    python = probe(Path(third_party_python()))
    assert python is not None
    with child(replace(python, path=Path(third_party_python())), *program("pandas")) as target:
        found = measure(target)
    check(found)
    (used,) = [each for each in found.split.components if each.part is Part.MALLOC_USED]
    named = re.search(r"numpy data ([\d.]+)M in ([\d,]+) arrays", "; ".join(used.notes))
    assert named
    # Four columns of 8 bytes, two of one; fifty copies of a part. What a join shares with them is the library's choice.
    least = (400_000 + 50 * 1000) * (4 * 8 + 2)
    assert least <= float(named[1]) * MEGABYTE < 2 * least
    assert found.split.bytes_of(Part.MALLOC_USED) > least


@pytest.mark.matrix
def test_without_pymalloc_objects_are_malloc_s(one_python: Python) -> None:
    """All of them."""
    with child(one_python, *program("registry"), PYTHONMALLOC="malloc") as target:
        found = measure(target)
    check(found)
    assert found.facts.pymalloc is None
    assert found.split.kind is VerdictKind.OBJECTS

"""The reference walker in builds without a GIL: sizes, counts and references as the interpreter itself tells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from heapscope.wire.protocol import Flag
from tests.agent_matrix.harness import Heap, run_agent
from tests.support.pythons import Python, found_pythons

pytestmark = [pytest.mark.integration, pytest.mark.apart]

_FREE_THREADED = [python for python in found_pythons() if python.free_threaded and (3, 13) <= python.minor <= (3, 15)]

OBJECTS = """
import collections, sys
class Plain:
    def __init__(self): self.a = 1; self.b = 2; self.c = 3
class Slotted:
    __slots__ = ("a", "b", "c")
class Weak:
    __slots__ = ("a", "__weakref__")
class Row(list):
    def __init__(self): self.x = 1
def made(number): return number
KEEP = {
    "list": [1, 2, 3], "grown": list(range(1000)), "tuple": (1, 2, object()), "dict": {"a": 1, 2: 3}, "set": {1, 2, 3},
    "text": "x" * 300, "wide": chr(960) * 300, "bytes": b"y" * 5000, "buffer": bytearray(70000), "plain": Plain(),
    "slotted": Slotted(), "weak": Weak(), "deque": collections.deque(range(200)), "object": object(), "large": 1 << 4000,
    "function": made, "kind": Plain, "huge": list(range(300000)),
}
for name in KEEP: print(name, id(KEEP[name]), sys.getsizeof(KEEP[name]))
three = [KEEP["grown"], KEEP["grown"]]
print("children", *map(id, (KEEP["plain"].a, KEEP["tuple"][2])))
"""
CONSTANTS = ("text", "wide", "bytes", "large", "tuple")
"""Some are constants of the code, which these builds make immortal."""


LOCKED = """
import ctypes
hot, waited = {number: number for number in range(1000)}, {1: 2}
def set_locks(*bits):
    for item, value in zip((hot, waited), bits):
        ctypes.c_uint8.from_address(id(item) + 10).value = value
def call(run_in_fork):
    set_locks(1, 3)  # as if a thread held them that does not exist in the fork
    child = run_in_fork()
    set_locks(0, 0)
    return child
print("hot", id(hot))
print("waited", id(waited))
"""


@pytest.fixture(
    scope="module",
    params=[*_FREE_THREADED, *([] if _FREE_THREADED else [None])],
    ids=lambda each: each.label if each else "none",
)
def heap(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Heap:
    """One walk under each such interpreter."""
    python: Python | None = request.param
    if python is None:
        pytest.skip("no free-threaded interpreter found")
    return run_agent(python.path, OBJECTS, tmp_path_factory.mktemp("walk"))


def mimalloc_block(request: int) -> int:
    """Return the size of the block by going through mimalloc's classes one by one (MI_BIN: 16, 32 .. 64, then 80, 96 ..)."""
    if request > 128 << 10:
        return -(-request // 4096) * 4096
    if request <= 64:
        return -(-request // 16) * 16
    low = 64
    while low * 2 < request:
        low *= 2
    return next(low + step * low // 4 for step in range(1, 5) if low + step * low // 4 >= request)


def test_the_walk_ends_well_and_says_what_it_does_not_know(heap: Heap) -> None:
    """One warning, and no object, type or reference that is not there."""
    assert heap.error is None
    assert heap.status == 0
    assert heap.end["objects"] == len(heap.objects)
    assert [text.partition(":")[0] for text in heap.end["warnings"]] == ["free-threaded build"]
    assert {row.type_address for row in heap.objects.values()} <= set(heap.types)
    assert all(target in heap.objects for row in heap.objects.values() for target in row.references)


def test_sizes_are_those_of_getsizeof(heap: Heap) -> None:
    """No collector head in front; the words of a managed dict are counted, and so are inline values."""
    for name, (address, size) in one_by_one(heap):
        assert (name, heap.objects[address].shallow) == (name, size)


def test_blocks_are_those_of_mimalloc(heap: Heap) -> None:
    """Objects of one block; those of two are compared by their sum."""
    for name, (address, size) in one_by_one(heap):
        row = heap.objects[address]
        assert row.allocated >= row.shallow
        if name in ("tuple", "text", "wide", "bytes", "plain", "slotted", "weak", "object", "large"):
            assert (name, row.allocated) == (name, mimalloc_block(size))
    buffer = heap.objects[heap.lines["huge"][0]]
    assert buffer.allocated == mimalloc_block(56) + mimalloc_block(buffer.shallow - 56)


def test_states_of_instances_are_unknown_not_guessed(heap: Heap) -> None:
    """Their attributes are seen as references all the same."""
    for name in ("plain", "slotted", "weak"):
        row = heap.objects[heap.lines[name][0]]
        assert row.state in (("unknown",) if name == "plain" else ("unknown", "none"))
    integer, thing = heap.lines["children"]
    assert integer in heap.objects[heap.lines["plain"][0]].references
    assert thing in heap.objects[heap.lines["tuple"][0]].references


def test_reference_counts_are_whole_and_immortal_objects_are_told_apart(heap: Heap) -> None:
    """Deferred counting adds a huge number to the counts of functions and types, which must not make them immortal."""
    for name, (address, _) in one_by_one(heap):
        row = heap.objects[address]
        if name not in CONSTANTS:
            assert not row.flags & Flag.IMMORTAL, name
            assert 0 <= row.refcount < 1 << 20, name
        if name not in (*CONSTANTS, "function", "kind"):
            assert (name, row.refcount) == (name, 3 if name == "grown" else 1)
    assert heap.objects[heap.lines["children"][0]].flags & Flag.IMMORTAL


def test_there_are_no_generations(heap: Heap) -> None:
    """Everything that the collector sees is in the one that there is."""
    tracked = [row for row in heap.objects.values() if row.flags & Flag.TRACKED]
    assert tracked
    assert sum(row.generation != 2 for row in tracked) <= len(heap.roots)


@pytest.mark.parametrize(
    "python", [each for each in _FREE_THREADED if each.minor >= (3, 14)], ids=lambda each: each.label
)
def test_objects_that_a_stopped_thread_has_locked_are_walked(python: Python, tmp_path: Path) -> None:
    """Held, and held with others waiting: asking for the lock would wait for ever. 3.13, never attached to, lists fewer dicts."""
    found = run_agent(python.path, LOCKED, tmp_path)
    assert (found.error, found.status) == (None, 0)
    lengths = [found.objects[found.lines[name][0]].length for name in ("hot", "waited")]
    assert lengths == [1000, 1]


def one_by_one(heap: Heap) -> list[tuple[str, list[int]]]:
    """Return name and (address, size) of each object that the script named."""
    return [(name, numbers) for name, numbers in heap.lines.items() if name != "children"]

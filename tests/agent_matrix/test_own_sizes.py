"""Blocks of instances that have items: by size, as the interpreter itself asked its allocator for them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from heapscope.wire.protocol import MAX_OWN_SIZES
from tests.agent_matrix.harness import run_agent
from tests.support.pythons import Python, found_pythons, one_per_release

pytestmark = pytest.mark.integration

_SUPPORTED = one_per_release(python for python in found_pythons() if not python.free_threaded)

ITEMS = """
import sys, tracemalloc
class Number(int): __slots__ = ()
class Row(tuple): __slots__ = ()
class Data(bytes): __slots__ = ()
class Plain: __slots__ = ("item",)
class Many(tuple): __slots__ = ()
VALUES = {
    Number: (0, 1, -1, (1 << 30) - 1, 1 << 30, -(1 << 60), 10 ** 50, 7, 8),
    Row: ((), (1,), (1, 2), (1, 2, 3), (4, 5, 6), tuple(range(100)), tuple(range(1000))),
    Data: (b"", b"a", b"1234567", b"12345678", b"123456789", bytes(5000)),
    Plain: (),
}
KEEP = []
def size_of(kind, value):
    made = [None] * 1000  # many, so that what the measuring itself takes does not count
    KEEP.append(made)
    before = tracemalloc.get_traced_memory()[0]
    for place in range(1000):
        made[place] = kind(value)
    return (tracemalloc.get_traced_memory()[0] - before) // 1000
tracemalloc.start()
for kind, values in VALUES.items():
    print(kind.__name__, *[size_of(kind, value) for value in values])
tracemalloc.stop()
many = [Many(range(number)) for number in range(MOST + 1)]
del many[0]
MORE
""".replace("MOST", str(MAX_OWN_SIZES))


@pytest.mark.parametrize("python", _SUPPORTED, ids=lambda python: python.label)
def test_own_blocks_have_the_size_that_was_asked_for(python: Python, tmp_path: Path) -> None:
    """GC head included; none for a class without items."""
    heap = run_agent(python.path, ITEMS.replace("MORE", "plain = Plain()"), tmp_path)
    assert heap.error is None
    for name in ("Number", "Row", "Data"):
        facts = heap.instances_of("__main__." + name)
        expected = {size: 1000 * count for size, count in Counter(heap.lines[name]).items()}
        assert (name, facts["own_sizes"]) == (name, expected)
        assert sum(size * count for size, count in facts["own_sizes"].items()) == sum(
            figures[1] for figures in facts["states"].values()
        )
    assert heap.instances_of("__main__.Plain")["own_sizes"] == {}
    assert len(heap.instances_of("__main__.Many")["own_sizes"]) == MAX_OWN_SIZES


def test_too_many_sizes_are_none(tmp_path: Path) -> None:
    """Sizes of some instances could be taken for those of all."""
    heap = run_agent(_SUPPORTED[-1].path, ITEMS.replace("MORE", "many.append(Many())"), tmp_path)
    facts = heap.instances_of("__main__.Many")
    assert facts["count"] == MAX_OWN_SIZES + 1
    assert facts["own_sizes"] == {}

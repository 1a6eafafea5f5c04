"""Fingerprints and generations of the reference walker under every CPython found, against what the target says itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from heapscope.wire.protocol import Flag
from tests.agent_matrix.harness import Heap, run_agent
from tests.support.pythons import Python, found_pythons, one_per_release

pytestmark = [pytest.mark.integration, pytest.mark.apart]

_SUPPORTED = one_per_release(
    python for python in found_pythons() if (3, 8) <= python.minor <= (3, 15) and not python.free_threaded
)
_WORD = (1 << 64) - 1


@pytest.fixture(params=_SUPPORTED, ids=lambda python: python.label)
def python(request: pytest.FixtureRequest) -> Python:
    """One interpreter after another."""
    found: Python = request.param
    return found


def run(python: Python, script: str, folder: Path) -> Heap:
    """Run, and see that nothing of the target ran."""
    heap = run_agent(python.path, script, folder)
    assert heap.error is None
    assert heap.status == 0
    assert "touched" not in heap.lines
    return heap


CONTENTS = """
import sys
is_watched = False
def trap(name, value):
    def method(*args):
        if is_watched:
            import os
            os.write(1, b"touched 1\\n")
        return value
    return method
class Meta(type):
    __hash__ = trap("hash", 5)
    __eq__ = trap("eq", False)
class Text(str, metaclass=Meta):
    __hash__ = trap("hash", 7)
    __eq__ = trap("eq", False)
class Keyed(dict): pass
def show(name, *values): print(name, *[id(value) for value in values], flush=True)
def tell(name, *values): print(name, *values, flush=True)
text, again = "".join(["dup", "licate"]), "".join(["dup", "licate"])
data, wide = b"some bytes %d" % 17, "\\u0416" * 1000
empty, shape = {}, {"key-%d" % 1: 1, "key-%d" % 2: 2}
same, other = {"key-%d" % 2: 5, "key-%d" % 1: 6}, {"key-%d" % 1: 1}
large = {"large-%d" % number: None for number in range(5000)}
numbers, mixed = {1: 2, 2: 3}, {"a": 1, 2: 3}
subclass = {"a": 1, Text("b"): 2}
only_subclass = {Text("c"): 1}
keyed, number = Keyed(x=1), 12345678901
odd = Text("odd")
show("texts", text, again, data, wide)
tell("text_hashes", hash(text), hash(again), hash(data), hash(wide))
show("dicts", empty, shape, same, other, large)
tell("dict_hashes", 0, *[sum(map(hash, item)) for item in (shape, same, other, large)])
show("none", numbers, mixed, subclass, only_subclass, keyed, number, odd, [1], ("a",), Text)
is_watched = True
"""


def test_fingerprints_are_the_hashes_of_the_target_and_none_where_they_could_run_code(
    python: Python, tmp_path: Path
) -> None:
    """Exact str, bytes, and dicts with exact str keys; nothing else, and no method of hostile types is called."""
    heap = run(python, CONTENTS, tmp_path)
    for kind in ("text", "dict"):
        found = [heap.objects[address].fingerprint for address in heap.lines[kind + "s"]]
        assert found == [value & _WORD for value in heap.lines[kind + "_hashes"]]
    first, again, *_ = heap.lines["texts"]
    assert first != again
    assert heap.objects[first].fingerprint == heap.objects[again].fingerprint != 0
    objects = [heap.objects.get(address) for address in heap.lines["none"]]
    assert [row.fingerprint for row in objects if row is not None] == [0] * len(
        [row for row in objects if row is not None]
    )
    assert sum(row is not None for row in objects) >= 8


GENERATIONS = """
import gc
gc.disable()
class Item:
    pass
frozen = [Item() for _ in range(3)]
FREEZE
old = [Item() for _ in range(40)]
gc.collect()
middle = [Item() for _ in range(30)]
gc.collect(0)
young = [Item() for _ in range(20)]
atom, untracked = "text", (1, 2)
names = ("frozen", "old", "middle", "young")
def where():
    print("items", *[id(item) for name in names for item in globals()[name]])
    for generation in (0, 1, 2):
        # The first of many: whoever reads this looks at the pipe only after the walk.
        print("generation%d" % generation, *[id(item) for item in gc.get_objects(generation=generation)[:600]])
    print("untracked", id(atom), id(untracked), flush=True)
def call(function):
    where()
    return function()
"""


@pytest.mark.parametrize("freeze", ["", "gc.collect(); gc.freeze()"], ids=["plain", "frozen"])
def test_generations_are_those_that_the_collector_tells(python: Python, tmp_path: Path, freeze: str) -> None:
    """Of each object that it knows; none of frozen and untracked objects, and nothing of ours is in the heap."""
    heap = run(python, GENERATIONS.replace("FREEZE", freeze), tmp_path)
    told = {
        address: generation for generation in (0, 1, 2) for address in heap.lines.get(f"generation{generation}", [])
    }
    compared = {
        address: (row.generation, told[address])
        for address, row in heap.objects.items()
        if address in told and row.flags & Flag.TRACKED
    }
    assert len(compared) >= 90
    assert {address: pair for address, pair in compared.items() if pair[0] != pair[1]} == {}
    items = [heap.objects[address] for address in heap.lines["items"]]
    assert len({row.generation for row in items[3:]}) > 1
    assert all(bool(row.flags & Flag.FROZEN) == bool(freeze) and row.generation == 0 for row in items[:3] if freeze)
    assert not any(row.flags & Flag.FROZEN for row in items[3:])
    for address in heap.lines["untracked"]:
        assert address not in heap.objects or not heap.objects[address].flags & (Flag.TRACKED | Flag.GENERATION_MASK)

"""The reference walker under every CPython found: sizes, states, references, and no code of the target."""

from __future__ import annotations

from pathlib import Path

import pytest

from heapscope.wire.protocol import Flag, RootKind
from tests.agent_matrix.harness import Heap, run_agent
from tests.support.pythons import Python, found_pythons, one_per_release

pytestmark = [pytest.mark.integration, pytest.mark.apart]

_SUPPORTED = one_per_release(
    python for python in found_pythons() if (3, 8) <= python.minor <= (3, 15) and not python.free_threaded
)
_COLUMN = {(3, 8): 0, (3, 9): 0, (3, 10): 0, (3, 11): 1, (3, 12): 2, (3, 13): 3, (3, 14): 4, (3, 15): 4}

SHAPES = """
class DataItem:
    def __init__(self): self.a = 1; self.b = 2; self.c = 3
class Slotted:
    __slots__ = ("a", "b", "c")
class Eight:
    def __init__(self): self.a = self.b = self.c = self.d = self.e = self.f = self.g = self.h = 1
ATTRIBUTES = "class %s:\\n def __init__(self):\\n  self." + " = self.".join("n%d" % number for number in range(31)) + " = 1"
exec(ATTRIBUTES % "ThirtyOne")
exec(ATTRIBUTES.replace(" = self.n30", "") % "Thirty")
class Read(DataItem): pass
class Row(list):
    def __init__(self): self.x = 1; self.y = 2
class Base: pass
class Mixed(Base):
    __slots__ = ("a", "b", "c")
    def __init__(self): self.x = 1; self.y = 2
class Weak:
    __slots__ = ("a", "b", "c", "__weakref__")
def make(kind, count=200):
    return [kind() for _ in range(count)][100:]
items, slotted, eight, thirty, weak = make(DataItem), make(Slotted), make(Eight), make(Thirty), make(Weak)
thirty_one, mixed, rows = make(ThirtyOne), make(Mixed), make(Row)
read = make(Read)
for one in read: one.__dict__
import weakref
reference = weakref.ref(weak[0])
"""
# allocator bytes per instance: 3.8-3.10, 3.11, 3.12, 3.13, 3.14 and later (measured with tracemalloc)
EXPECTED = {
    "DataItem": (160, 112, 96, 96, 96),
    "Slotted": (64, 64, 64, 64, 64),
    "Eight": (192, 160, 144, 144, 144),
    "Thirty": (448, 1664, 1648, 1920, 336),
    "ThirtyOne": (448, 1664, 1648, 1920, 1184),
    "Mixed": (192, 112, 112, 432, 112),
    "Read": (160, 176, 160, 160, 160),
    "Row": (192, 416, 416, 432, 112),
    "Weak": (64, 64, 80, 80, 80),
}


@pytest.fixture(params=_SUPPORTED, ids=lambda python: python.label)
def python(request: pytest.FixtureRequest) -> Python:
    """One interpreter after another."""
    found: Python = request.param
    return found


def run(python: Python, script: str, folder: Path) -> Heap:
    """Run and check what holds for every walk."""
    heap = run_agent(python.path, script, folder)
    assert heap.error is None
    assert heap.status == 0
    assert heap.end["objects"] == len(heap.objects)
    assert heap.end["references"] == heap.reference_total
    assert heap.end["warnings"] == []
    assert {row.type_address for row in heap.objects.values()} <= set(heap.types)
    assert all(target in heap.objects for row in heap.objects.values() for target in row.references)
    return heap


def test_instances_cost_what_the_allocator_says(python: Python, tmp_path: Path) -> None:
    """Bytes per instance equal the measured table, for each way to hold attributes."""
    heap = run(python, SHAPES, tmp_path)
    for name, expected in EXPECTED.items():
        facts = heap.instances_of("__main__." + name)
        allocated = sum(figures[2] for figures in facts["states"].values())
        assert facts["count"] == 100
        if name == "Row" and python.minor < (3, 11):
            assert allocated == 100 * 192
        else:
            assert (name, allocated) == (name, 100 * expected[_COLUMN[python.minor]])
    assert heap.instances_of("__main__.DataItem")["attributes"] == {"a": 100, "b": 100, "c": 100}
    assert len(heap.instances_of("__main__.Thirty")["attributes"]) == 30
    assert heap.instances_of("__main__.Weak")["weakly_referenced"] == 1


GRAPH = """
import sys, types
class Item:
    def __init__(self): self.alpha = "value-of-alpha"
class Keyed(dict): pass
item = Item()
item.__dict__
mapping = {"key-%d" % 1: "value", ("tuple", "key"): 3}
keyed = Keyed({"inner-%d" % 1: object()})
keyed.extra = object()
def function(): return "a constant " "of code"
chain = None
for number in range(100000): chain = [chain]
nested = ()
for number in range(2000): nested = (nested,)
numbers = range(10 ** 20, 10 ** 21)
big = list(range(1000)) * 1200
huge = 1 << 100000
def show(name, *values): print(name, *[id(value) for value in values])
show("item", item, item.__dict__, item.alpha)
show("mapping", mapping, *(list(mapping) + list(mapping.values())))
show("keyed", keyed, list(keyed)[0], list(keyed.values())[0], keyed.__dict__, keyed.extra)
show("code", function.__code__, function.__code__.co_consts, function.__code__.co_names)
show("numbers", numbers, numbers.start)
show("big", big)
show("huge", huge)
show("int", int, int.__dict__["bit_length"])
print("size", id(huge), sys.getsizeof(huge), id(mapping), sys.getsizeof(mapping), id(big), sys.getsizeof(big))
print("refs", id(huge), sys.getrefcount(huge))
"""


def test_references_that_the_collector_hides_are_there(python: Python, tmp_path: Path) -> None:
    """Text keys, contents of code, materialised dicts, ranges, static types' dicts; deep and huge things work."""
    heap = run(python, GRAPH, tmp_path)
    lines, objects = heap.lines, heap.objects
    item, item_dict, value = lines["item"]
    assert item_dict in objects[item].references
    assert value in objects[item_dict].references
    mapping, *expected = lines["mapping"]
    assert objects[mapping].references == expected
    assert objects[mapping].length == 2
    keyed, key, inner, keyed_dict, _ = lines["keyed"]
    assert objects[keyed].references[:2] == [key, inner]
    assert keyed_dict in objects[keyed].references
    code, consts, names = lines["code"]
    assert {consts, names} <= set(objects[code].references)
    assert lines["numbers"][1] in objects[lines["numbers"][0]].references
    assert len(objects[lines["big"][0]].references) == objects[lines["big"][0]].length == 1_200_000
    kind, method = lines["int"]
    assert any(method in objects[held].references for held in objects[kind].references)
    sizes = lines["size"]
    for address, size in zip(sizes[::2], sizes[1::2], strict=True):
        assert objects[address].shallow == size
    # getrefcount in the script counts its argument once more
    assert objects[lines["refs"][0]].refcount == lines["refs"][1] - 1


HOSTILE = """
import sys
touched = []
def trap(name):
    def method(*args, **kwargs):
        touched.append(name)
        import os
        os.write(1, b"touched 1\\n")
        raise RuntimeError(name)
    return method
NAMES = ("__getattribute__", "__sizeof__", "__hash__", "__eq__", "__len__", "__repr__", "__iter__", "__bool__", "__dir__")
class Meta(type):
    pass
body = {name: trap(name) for name in NAMES}
body["__class__"] = property(trap("__class__"))
class Both:
    __slots__ = ("a", "__dict__")
Item = Meta("Item", (), dict(body))
ListItem = Meta("ListItem", (list,), dict(body))
DictItem = Meta("DictItem", (dict,), dict(body))
StrItem = Meta("StrItem", (str,), dict(body))
IntItem = Meta("IntItem", (int,), dict(body))
Failure = Meta("Failure", (ValueError,), dict(body))
Odd = type("Odd", (), {"__module__": 17, "__qualname__": "Odd\\udc80"})
both = Both(); both.b = 1
held = [Item(), ListItem(), DictItem(), StrItem("text"), IntItem(7), Failure("x"), Odd(), both]
for one in held[:6]:
    object.__setattr__(one, "attribute", 1)
dict.__setitem__(held[2], "k", "v"); list.append(held[1], 5)
for name in NAMES[:4] + ("__repr__",):
    type.__setattr__(Meta, name, trap("meta " + name))
print("count", len(held))
"""


def test_no_code_of_the_target_runs(python: Python, tmp_path: Path) -> None:
    """Every special method of hostile classes and metaclasses would say so on stdout."""
    heap = run(python, HOSTILE, tmp_path)
    assert "touched" not in heap.lines
    assert heap.lines["count"] == [8]
    for name in ("Item", "ListItem", "DictItem", "StrItem", "IntItem", "Failure"):
        facts = heap.instances_of("__main__." + name)
        assert (name, facts["count"], facts["attributes"]) == (name, 1, {"attribute": 1})
    (odd,) = [record for record in heap.types.values() if record["name"].startswith("Odd")]
    assert odd["name"] == "Odd\\udc80"


UNFINISHED = """
import struct, sys
def function(): return "a constant of code"
class Namespace(dict):
    def __delitem__(self, key): print("touched 1", flush=True)
    __setitem__ = lambda self, key, value: dict.__setitem__(self, key, value)
class Meta(type):
    __prepare__ = classmethod(lambda *_: Namespace())
def call(child):
    def run():
        class Made(metaclass=Meta):
            names = child()
            def method(self): return __class__
        return Made.names
    return run()
raw = struct.Struct.__new__(struct.Struct)
table = getattr(function.__code__, "co_linetable" if sys.version_info >= (3, 10) else "co_lnotab")
print("raw", id(raw), id(table), id(function.__code__))
"""


def test_objects_that_were_never_initialised_and_class_bodies_that_run_do_no_harm(
    python: Python, tmp_path: Path
) -> None:
    """No getter crashes on them, and no code of a namespace runs."""
    heap = run(python, UNFINISHED, tmp_path)
    assert "touched" not in heap.lines
    raw, table, code = heap.lines["raw"]
    if python.minor < (3, 14):  # 3.14 makes none without a format
        assert 16 <= heap.objects[raw].shallow <= 128
    assert table in heap.objects[code].references


FROZEN = """
import gc
gc.collect(); gc.freeze()
def call(function):
    secret = ["only a local of a running frame"]
    print("secret", id(secret), id(gc.__dict__), flush=True)
    return function()
class Later: pass
"""


def test_frozen_objects_and_locals_of_running_frames_are_seen(python: Python, tmp_path: Path) -> None:
    """gc.freeze() hides nothing, and the locals of a frame hang on it."""
    heap = run(python, FROZEN, tmp_path)
    secret, gc_dict = heap.lines["secret"]
    assert heap.objects[gc_dict].flags & Flag.FROZEN
    assert not heap.objects[secret].flags & Flag.FROZEN
    (holder,) = [row for row in heap.objects.values() if secret in row.references]
    labels = {root[2] for root in heap.roots if root[0] == RootKind.FRAME and root[1] == holder.address}
    assert [label.split(":")[0] for label in labels] == ["call target.py"]
    assert holder.flags & Flag.BOUNDARY


def test_a_deadline_in_the_past_ends_with_an_error_frame(tmp_path: Path) -> None:
    """The clone gives up by itself and says why."""
    python = _SUPPORTED[0]
    heap = run_agent(python.path, "x = 1", tmp_path, options={"deadline_s": -1})
    assert heap.error is not None
    assert heap.error["code"] == "deadline"
    assert heap.status == 256

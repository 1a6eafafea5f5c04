"""The engine's commands and the Python API on real processes: they agree with what the process knows of itself."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import heapscope
from heapscope.errors import ExitCode, UsageError
from heapscope.service.heap import Heap
from tests.support.command_line import run_heapscope
from tests.support.pythons import Python, found_pythons, one_per_release
from tests.support.targets import clean_environment

pytestmark = [pytest.mark.integration, pytest.mark.apart]

ROOT = str(Path(__file__).resolve().parents[2])

# The sizes are asked for once before, for that makes modules and caches.
PROGRAM = """
import collections, functools, gc, json, sys, threading, time, types
gc.disable()
class Session:
    def __init__(self, number):
        self.number, self.name, self.parts = number + 10**12, "session %d" % number, [None] * number
class Slotted:
    __slots__ = ("item",)
    def __init__(self, item):
        self.item = item
class Names(dict):
    pass
registry = {number + 10**12: Session(number) for number in range(500)}
asked = Session(3); asked.__dict__
many = Session(5)
for number in range(50):
    setattr(many, "extra%d" % number, number * 1.5)
names = Names(a=Slotted("x" * 77)); names.own = 1.25
def closure():
    held = ["held %d" % number for number in range(9)]
    return lambda: held
def generate():
    local = ["local %d" % number for number in range(9)]
    yield local
suspended = generate(); next(suspended)
queue = collections.deque(Session(number) for number in range(99))
held = functools.partial(closure(), 1.5)
things = dict(registry=registry, asked=asked, many=many, names=names, queue=queue, held=held, suspended=suspended,
              method=many.__init__, space=types.SimpleNamespace(a=[1.5]), loop=[])
things["loop"].append(things["loop"])
for number in range(7):
    lost = Slotted(None); lost.item = lost
del lost
facts = {}
if WITH_SIZES:
    import heapscope
    for turn in range(2):
        facts = {name: [id(item), heapscope.shallow_size(item), heapscope.recursive_size(item)]
                 for name, item in things.items()}
else:
    facts = {name: [id(item), 0, 0] for name, item in things.items()}
print(json.dumps(facts), flush=True)
threading.Event().wait()
"""

# Prints by shape: bytes that tracemalloc saw, and the recursive size of the same objects.
TRACED = """
import gc, json, tracemalloc
import heapscope
class Plain:
    def __init__(self):
        self.a = self.b = self.c = None
class Many:
    def __init__(self):
        for number in range(40):
            setattr(self, "name%d" % number, None)
class Slotted:
    __slots__ = ("a", "b")
class Items(list):
    pass
class Names(dict):
    pass
class Pair(tuple):
    pass
def asked():
    made = Plain(); made.__dict__; return made
def replaced():
    made = Plain(); made.__dict__ = {"other": None}; return made
def late():
    made = Plain(); made.d = made.e = None; return made
def noted():
    made = Items([None] * 10); made.note = None; return made
shapes = dict(plain=Plain, many=Many, slotted=Slotted, asked=asked, replaced=replaced, late=late, noted=noted,
              names=lambda: Names({1: None}), pair=lambda: Pair((None,) * 5), error=lambda: ValueError(None),
              kind=lambda: object(), nested=lambda: [{"a": [None] * 9} for _ in range(3)])
facts = {}
for name, make in shapes.items():
    kept = [make() for _ in range(100)]
    kept = [None] * 3000
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(len(kept)):
        kept[number] = make()
    traced = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    facts[name] = [traced, heapscope.recursive_size(*kept)]
print(json.dumps(facts))
"""


@contextmanager
def running(python: Path | str, *, with_sizes: bool) -> Iterator[tuple[int, dict[str, list[int]]]]:
    """Run the program; give its pid and what it says of its objects: address, shallow and recursive size."""
    environment = clean_environment() | ({"PYTHONPATH": ROOT} if with_sizes else {})
    words = [os.fspath(python), "-c", PROGRAM.replace("WITH_SIZES", str(with_sizes))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            yield process.pid, json.loads(process.stdout.readline())
        finally:
            process.kill()


def ask(*words: str) -> Any:
    """Run a command and return its JSON."""
    done = run_heapscope(*words, "--format", "json")
    assert done.returncode == ExitCode.OK, done.stderr
    return json.loads(done.stdout)


MODERN = one_per_release(python for python in found_pythons() if python.minor >= (3, 11) and not python.free_threaded)


@pytest.mark.parametrize("python", MODERN, ids=lambda python: python.label)
def test_sizes_of_own_objects_are_those_of_a_capture(python: Python) -> None:
    """Shallow and recursive, of everything that holds attributes, items, cells or locals."""
    with running(python.path, with_sizes=True) as (pid, facts):
        heap = heapscope.capture(pid)
    sizes = {name: [address, *_sizes(heap, address)] for name, (address, _, _) in facts.items()}
    assert sizes == facts


@pytest.mark.parametrize("python", MODERN, ids=lambda python: python.label)
def test_sizes_of_own_objects_are_those_that_tracemalloc_sees(python: Python) -> None:
    """Within one percent, however instances keep their attributes."""
    environment = clean_environment() | {"PYTHONPATH": ROOT}
    done = subprocess.run([python.path, "-c", TRACED], env=environment, capture_output=True, check=True)
    facts = json.loads(done.stdout)
    assert len(facts) == 12
    for name, (traced, counted) in facts.items():
        assert counted == pytest.approx(traced, rel=0.01), name


def _sizes(heap: Heap, address: int) -> tuple[int, int]:
    found = heap.object(address)
    return found.shallow_size, found.recursive_size


def test_the_commands_agree_on_a_capture(one_python: Python, tmp_path: Path) -> None:
    """Who holds the registry, why it lives, what it is; all from one file."""
    path = str(tmp_path / "x.heapscope")
    with running(one_python.path, with_sizes=False) as (pid, facts):
        assert run_heapscope("snapshot", str(pid), "-o", path).returncode == ExitCode.OK
        direct = ask("paths", str(pid), "--type", "__main__.Session")
    address = f"{facts['registry'][0]:#x}"
    types = {row["type"]: row for row in ask("types", path)}
    sessions = types["__main__.Session"]
    assert sessions["count"] == 601
    assert sessions["retained_bytes"] >= sessions["shallow_bytes"] > 0
    facts_of = ask("object", path, address)
    assert facts_of["type"] == "builtins.dict"
    assert facts_of["length"] == 500
    assert facts_of["path"].startswith(("module __main__", "thread", "frame"))
    assert {each["type"]: each["count"] for each in facts_of["referents"]["types"]}["__main__.Session"] == 500
    below = ask("dominators", path, "--under", address, "--depth", "1")
    assert ("__main__.Session", 500) in {(row["type"], row["count"]) for row in below}
    assert sum(row["retained_bytes"] for row in below) + facts_of["shallow_bytes"] == facts_of["retained_bytes"]
    ways = ask("paths", path, "--type", "__main__.Session")
    assert ways[0]["count"] == 500
    assert ways[0]["steps"][-2]["address"] == address
    assert sum(way["count"] for way in ways) == 601
    assert next(way["path"] for way in direct) == ways[0]["path"]


def test_garbage_is_the_last_row_of_the_tree(one_python: Python, tmp_path: Path) -> None:
    """Seven objects that only refer to themselves."""
    path = str(tmp_path / "x.heapscope")
    with running(one_python.path, with_sizes=False) as (pid, _):
        assert run_heapscope("snapshot", str(pid), "-o", path).returncode == ExitCode.OK
    rows = ask("dominators", path, "--depth", "2")
    at = next(number for number, row in enumerate(rows) if row["root_kind"] == "garbage")
    assert {row["type"]: row["count"] for row in rows[at + 1 :]}["__main__.Slotted"] == 7
    tops = [row["retained_bytes"] for row in rows if row["depth"] == 1]
    heap = heapscope.open(path)
    assert sum(tops) == heap.snapshot.heap_bytes
    assert tops[:-1] == sorted(tops[:-1], reverse=True)


def test_this_process_itself_is_refused() -> None:
    """Its own objects can be sized, but a capture needs somebody else."""
    with pytest.raises(UsageError):
        heapscope.capture(os.getpid())

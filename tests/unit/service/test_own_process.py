"""Sizes of objects of this process are what the allocator was asked for, and asking changes nothing."""

from __future__ import annotations

import collections
import gc
import os
import sys
import tracemalloc
import types
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pympler import asizeof

import heapscope
from heapscope.service import own_process

MADE = 1000
NONE_BYTES = 0 if sys.version_info >= (3, 12) else 16  # since then immortal, which is a boundary
WARM = 100  # the first instances of a class are larger


class Plain:
    """A class like most."""

    def __init__(self, item: object = None) -> None:
        self.item = item
        self.other = None
        self.third = None


class Slotted:
    """No dict."""

    __slots__ = ("item", "other")

    def __init__(self) -> None:
        self.item = self.other = None


class SomeList(list[Any]):
    """A container with attributes."""


class SomeDict(dict[Any, Any]):
    """A mapping of its own type."""


class SomeError(Exception):
    """Holds its traceback."""


def with_dict() -> Plain:
    """Make an instance whose dict somebody has asked for."""
    made = Plain()
    vars(made)
    return made


def with_own_keys() -> Plain:
    """Make an instance with so many attributes that it keeps keys of its own."""
    made = Plain()
    for number in range(40):
        setattr(made, f"name{number}", None)
    return made


def list_with_attribute() -> SomeList:
    """Make a list with items and an attribute."""
    made = SomeList([None] * 20)
    made.note = None  # type: ignore[attr-defined]
    return made


def closure() -> Callable[[], object]:
    """Make a function that holds something."""
    held = [None] * 30
    return lambda: held


def raised() -> SomeError:
    """Make an exception that holds a frame with a local."""
    local = [None] * 50
    try:
        raise SomeError(local)
    except SomeError as error:
        return error


def suspended() -> Any:
    """Make a generator that holds a local."""

    def generate() -> Any:
        local = [None] * 50
        yield local

    made = generate()
    next(made)
    return made


SHAPES: dict[str, Callable[[], object]] = {
    "plain": Plain,
    "slots": Slotted,
    "list attribute": lambda: Plain([None] * 9),
    "dict asked for": with_dict,
    "keys of its own": with_own_keys,
    "list subclass": list_with_attribute,
    "dict subclass": lambda: SomeDict({1: None}),
    "ordered dict": lambda: collections.OrderedDict(a=None),
    "exception": raised,
    "closure": closure,
    "generator": suspended,
    "dict": lambda: dict.fromkeys(range(100)),
    "set": lambda: set(range(50)),
    "nested": lambda: [{"a": [None] * number} for number in range(4)],
    "bytearray": lambda: bytearray(1000),
    "namespace": lambda: types.SimpleNamespace(a=None, b=None),
    "method": lambda: Plain().__init__,  # type: ignore[misc]
}


@pytest.mark.parametrize("shape", SHAPES)
def test_tracemalloc_agrees_within_one_percent(shape: str) -> None:
    """Thousand objects of a shape take what they are said to take."""
    make = SHAPES[shape]
    warm = [make() for _ in range(WARM)]
    kept: list[object] = [None] * MADE
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(MADE):
            kept[number] = make()
        traced = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert heapscope.recursive_size(*kept) == pytest.approx(traced, rel=0.01)
    del warm


def values(unique: int) -> st.SearchStrategy[Any]:
    """Give built-in values that no interpreter keeps for ever: those a recursive size would leave out."""
    scalars = st.one_of(
        st.floats(allow_nan=False),
        st.integers(1 << 40, 1 << 90),
        st.integers(0, 99).map(lambda number: f"text {number} {unique}"),
        st.binary(min_size=2, max_size=40),
    )
    keys = st.integers(0, 99).map(lambda number: f"key {number} {unique}")
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=5),
            st.lists(inner, min_size=1, max_size=5).map(tuple),
            st.dictionaries(keys, inner, max_size=9),
            st.sets(scalars, max_size=9),
        ),
        max_leaves=30,
    )


@settings(deadline=None)
@given(values(7))
def test_asizeof_agrees_on_built_in_containers(value: Any) -> None:
    """Inside its safe domain: no instances, nothing immortal, nothing deep."""
    if type(value) in (list, dict, set, tuple):
        assert heapscope.recursive_size(value) == asizeof.asizeof(value, align=1)


def test_no_dict_is_created() -> None:
    """Not one block more is allocated for the instances; asking for their dicts would."""
    kept = [Plain() for _ in range(MADE)]
    heapscope.recursive_size(*kept)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        first = heapscope.recursive_size(*kept)
        for one in kept[:100]:
            heapscope.shallow_size(one)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        for one in kept:
            vars(one)
        asked = tracemalloc.get_traced_memory()[0] - before - grown
    finally:
        tracemalloc.stop()
    assert grown < 16 * MADE
    assert asked > 32 * MADE
    assert heapscope.recursive_size(*kept) > first


def test_no_code_of_the_objects_runs() -> None:
    """Whatever a class overrides."""

    def fail(*_: object) -> Any:
        raise AssertionError("called")

    names = ("__sizeof__", "__len__", "__getattribute__", "__hash__", "__eq__", "__iter__", "__bool__", "__repr__")
    for base in (object, list, dict, str, int, tuple):
        kind = type("Evil", (base,), dict.fromkeys((*names, "__class__"), property(fail)) | {"__sizeof__": fail})
        made = base.__new__(kind)
        assert heapscope.shallow_size(made) > 0
        assert heapscope.recursive_size(made, [made]) > 0


def test_each_object_counts_once() -> None:
    """Also what is asked about twice, and cycles."""
    shared = ["x" * 1000 + str(id(gc))]
    loop: list[Any] = [shared, shared]
    loop.append(loop)
    alone = heapscope.recursive_size(shared)
    assert heapscope.recursive_size(loop) == alone + heapscope.shallow_size(loop)
    assert heapscope.recursive_size(loop, loop, shared) == heapscope.recursive_size(loop)
    assert heapscope.recursive_size() == 0


def test_boundaries_are_not_entered_unless_asked_about() -> None:
    """Modules, classes, code, functions of modules, immortal objects, targets of weak references."""
    target = Plain([None] * 1000)
    held = [gc, Plain, closure.__code__, test_no_dict_is_created, None, len, weakref.ref(target)]
    alone = heapscope.shallow_size(held) + heapscope.shallow_size(held[-1])
    assert heapscope.recursive_size(held) == alone + NONE_BYTES
    assert heapscope.recursive_size(Plain) > heapscope.shallow_size(Plain) > 500
    # A function made at run time refers to the namespace of this module.
    assert heapscope.recursive_size(closure()) < 2000


def test_depth_does_not_matter() -> None:
    """A chain of a hundred thousand."""
    chain: Any = None
    for _ in range(100_000):
        chain = [chain]
    assert heapscope.recursive_size(chain) == 100_000 * heapscope.shallow_size([None]) + NONE_BYTES
    while chain is not None:
        chain = chain[0]


def test_a_dict_alone_costs_what_it_costs_with_its_instance() -> None:
    """Keys that a dict shares with the class are the class's."""
    one = Plain()
    names = vars(one)
    assert heapscope.recursive_size(one) == heapscope.shallow_size(one) + heapscope.recursive_size(names)


def test_nothing_stays_open_and_nothing_is_kept() -> None:
    """No descriptor, no reference."""
    item = Plain()
    heapscope.recursive_size(item)
    before, count = set(os.listdir("/proc/self/fd")), sys.getrefcount(item)
    for _ in range(5):
        heapscope.recursive_size(item)
    assert set(os.listdir("/proc/self/fd")) - before == set()  # what other tests left open may be closed meanwhile
    assert sys.getrefcount(item) == count


def test_without_proc_sizes_are_still_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only hidden blocks of instances are missing then."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "refused")

    monkeypatch.setattr(own_process, "_verified", [])
    monkeypatch.setattr(own_process._OwnMemory, "open", refuse)
    for _ in range(2):
        assert heapscope.recursive_size([[], {}]) == sum(map(heapscope.shallow_size, ([None, None], [], {})))
        assert heapscope.shallow_size(Plain()) >= sys.getsizeof(Plain())

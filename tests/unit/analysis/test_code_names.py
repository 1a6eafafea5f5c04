"""Namespaces of classes and names in code, found by following references."""

from __future__ import annotations

import dataclasses

import numpy as np

from heapscope.analysis.code_names import CodeNames, Place
from heapscope.analysis.namespaces import Namespaces
from heapscope.snapshot.model import CodeTable, Snapshot, TypeInfo
from heapscope.wire.protocol import Flag
from tests.support.heap import Heap, HeapObject


class Code:
    """A heap in which classes, functions and code can be made as walkers record them."""

    def __init__(self) -> None:
        self.heap = Heap()
        for name in ("dict", "tuple", "code", "function", "cell", "str", "int", "property", "bytes"):
            self.heap.type(f"builtins.{name}", is_heap=False, own_names=None)
        self.heap.type("builtins.type", is_heap=False, own_names=None)

    def texts(self, *names: str) -> HeapObject:
        """Make a tuple of names."""
        return self.heap.object("builtins.tuple", length=len(names)).refers_to(*map(self.heap.text, names))

    def code(self, *names: str, constants: tuple[HeapObject, ...] = (), variables: tuple[str, ...] = ()) -> HeapObject:
        """Make a code object: constants, names, then bytes and variables."""
        held = self.heap.object("builtins.tuple", length=len(constants)).refers_to(*constants)
        noise = self.heap.object("builtins.bytes")
        return self.heap.object("builtins.code").refers_to(noise, held, self.texts(*names), self.texts(*variables))

    def function(self, code: HeapObject, *closure: HeapObject) -> HeapObject:
        """Make a function: code, globals, name, closure."""
        cells = [self.heap.object("builtins.cell").refers_to(each) for each in closure]
        held = self.heap.object("builtins.tuple", length=len(cells)).refers_to(*cells)
        return self.heap.object("builtins.function").refers_to(code, self.heap.object("builtins.dict"), held)

    def cls(self, name: str, **values: HeapObject) -> HeapObject:
        """Make a class with a namespace."""
        space = self.heap.object("builtins.dict", length=len(values))
        space.refers_to(*map(self.heap.text, values), *values.values())
        item = self.heap.object("builtins.type", flags=Flag.IS_TYPE).refers_to(self.texts(), space)
        names = list(values)
        self.heap.type(name, own_names=names, own_kinds=["?"] * len(names))
        self.heap.types[name]["address"] = item.address
        return item

    def snapshot(self) -> Snapshot:
        """Build it."""
        return self.heap.snapshot()


def index(snapshot: Snapshot, item: HeapObject) -> int:
    """Give the object index of an object."""
    return int(np.flatnonzero(snapshot.address == item.address)[0])


def info_of(snapshot: Snapshot, name: str) -> TypeInfo:
    """Give a type."""
    return next(info for info in snapshot.types if info.name == name)


def test_a_namespace_maps_names_to_objects() -> None:
    """In the order in which the type was recorded."""
    made = Code()
    value, other = made.heap.object("builtins.int"), made.heap.object("builtins.int")
    made.cls("m.C", a=value, b=other)
    snapshot = made.snapshot()
    found = Namespaces(snapshot).of(info_of(snapshot, "m.C"))
    assert found == {"a": index(snapshot, value), "b": index(snapshot, other)}


def test_a_namespace_with_unknown_keys_is_not_guessed() -> None:
    """Keys that are no text are not recorded: every position behind one would be wrong."""
    made = Code()
    made.cls("m.C", a=made.heap.object("builtins.int"))
    made.heap.types["m.C"] |= {"own_names": ["a", "b"], "own_kinds": ["int", "int"]}
    snapshot = made.snapshot()
    assert Namespaces(snapshot).of(info_of(snapshot, "m.C")) == {}


def test_code_is_found_behind_decorators() -> None:
    """A function, a property, and what a wrapper closed over; not what its globals hold."""
    made = Code()
    plain, inner, wrapper, strange = made.code(), made.code(), made.code(), made.code()
    wrapped = made.function(wrapper, made.function(inner))
    namespace = made.heap.objects[[item.type_name for item in made.heap.objects].index("builtins.dict")]
    namespace.refers_to(made.function(strange))
    made.cls(
        "m.C",
        f=made.function(plain),
        p=made.heap.object("builtins.property").refers_to(made.function(plain)),
        w=wrapped,
        n=made.heap.object("builtins.int"),
    )
    snapshot = made.snapshot()
    found = Namespaces(snapshot).codes(info_of(snapshot, "m.C"))
    at = {name: index(snapshot, item) for name, item in (("plain", plain), ("inner", inner), ("wrapper", wrapper))}
    assert {name: set(codes) for name, codes in found.items()} == {
        "f": {at["plain"]},
        "p": {at["plain"]},
        "w": {at["inner"], at["wrapper"]},
    }


def test_a_method_that_closes_over_its_class_is_told() -> None:
    """As every method that calls super() without arguments does."""
    made = Code()
    cls = made.cls("m.C")
    method, other = made.function(made.code("super"), cls), made.function(made.code(), made.heap.object("builtins.int"))
    snapshot = made.snapshot()
    namespaces, wanted = Namespaces(snapshot), index(snapshot, cls)
    assert namespaces.closes_over(index(snapshot, method), wanted)
    assert not namespaces.closes_over(index(snapshot, other), wanted)


def test_names_constants_and_variables_of_code() -> None:
    """The first two tuples are constants and names, whatever lies between; nested code is found through constants."""
    made = Code()
    inner = made.code("__dict__", "items")
    outer = made.code("vars", "json", constants=(inner, made.heap.text("__slots__")), variables=("self", "__class__"))
    empty = made.code()
    snapshot = made.snapshot()
    codes = CodeNames(snapshot)
    at, within = index(snapshot, outer), index(snapshot, inner)
    assert codes.names_of(at) == {"vars", "json"}
    assert codes.constants_of(at) == {"__slots__"}
    assert codes.variables_of(at) == {"self", "__class__"}
    assert codes.names_of(index(snapshot, empty)) == frozenset()
    assert codes.with_nested([at]) == [at, within]
    assert codes.using("__dict__", "vars").tolist() == sorted([at, within])
    assert codes.using("__slots__").tolist() == []
    assert codes.using("__slots__", constants=True).tolist() == [at]
    assert codes.using("absent").tolist() == []
    assert codes.is_known


def test_code_without_known_names_is_not_called_known() -> None:
    """What the Python walker records."""
    made = Code()
    made.code("vars")
    made.heap.names.clear()
    assert not CodeNames(made.snapshot()).is_known


def test_places_come_from_the_code_table() -> None:
    """And are cleaned where they are shown."""
    made = Code()
    first, second = made.code(), made.code()
    plain = made.snapshot()
    at = index(plain, second)
    one = np.array([at], dtype=np.uint32)
    table = CodeTable(one, np.array([7], dtype=np.uint32), np.zeros(1, dtype=np.uint32), ("C.f\x1b",), ("/srv/a.py",))
    codes = CodeNames(dataclasses.replace(plain, codes=table))
    assert codes.place_of(at) == Place("C.f\x1b", "/srv/a.py", 7)
    assert str(codes.place_of(at)) == r"C.f\x1b /srv/a.py:7"
    assert codes.place_of(index(plain, first)) == Place()
    assert str(Place()) == ""

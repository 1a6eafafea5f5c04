"""Places: where the code behind an object was written, and which file is a module's."""

from __future__ import annotations

import pytest

from heapscope.analysis.code_names import CodeNames, Place
from heapscope.analysis.places import Places, place_text
from heapscope.analysis.roots import find_roots
from heapscope.wire.protocol import Flag, RootKind
from tests.support.heap import Heap, HeapObject


class Program:
    """One module, whose members are added."""

    def __init__(self, label: str = "app.store") -> None:
        self.heap = Heap()
        self.label = label
        self.module = self.heap.object("builtins.module")
        self.namespace = self.heap.object("builtins.dict")
        self.module.refers_to(self.namespace)
        self.heap.root(self.module, RootKind.MODULE, label)

    def function(self, file: str, line: int = 3, *, is_own: bool = True) -> HeapObject:
        """Add a function that was written there; one that is imported has the globals of its own module."""
        namespace = self.namespace if is_own else self.heap.object("builtins.dict")
        function = self.heap.object("builtins.function").refers_to(self.heap.code(file, line, "f"), namespace)
        self.namespace.refers_to(function)
        return function

    def cls(self, file: str, line: int = 5, module: str = "") -> HeapObject:
        """Add a class, by default one of this module."""
        name = f"{module or self.label}.C{len(self.heap.objects)}"
        address = self.heap.type(name, module=module or self.label, file=file, line=line)
        cls = HeapObject(address, "builtins.type", 1000, Flag.IS_TYPE, 0)
        self.heap.type("builtins.type", is_heap=False)
        self.heap.objects.append(cls)
        self.namespace.refers_to(cls)
        return cls

    def place(self, item: HeapObject) -> str:
        """Ask for one place."""
        snapshot = self.heap.snapshot()
        return Places(snapshot, find_roots(snapshot)).of(self.heap.objects.index(item))


def test_a_module_is_where_most_of_its_own_members_are() -> None:
    """What it imported has no say, however much that is."""
    program = Program()
    program.function("/srv/parts.py")
    program.cls("/srv/parts.py")
    program.function("/srv/other.py")
    for _ in range(5):
        program.function("/usr/lib/functools.py", is_own=False)
        program.cls("/usr/lib/enum.py", module="enum")
    assert program.place(program.module) == "/srv/parts.py"


@pytest.mark.parametrize("file", ["/srv/app/store.py", "/srv/app/store/__init__.py"])
def test_a_file_that_is_called_like_the_module_is_its_file(file: str) -> None:
    """Though more of its functions were made elsewhere, by decorators of its own package."""
    program = Program()
    for _ in range(3):
        program.function("/srv/app/made.py")
    program.function(file)
    assert program.place(program.module) == file


def test_a_module_of_which_nothing_is_known_has_no_place() -> None:
    """Data alone, or imports alone."""
    program = Program()
    program.namespace.refers_to(program.heap.object("builtins.list"))
    program.function("/usr/lib/functools.py", is_own=False)
    assert program.place(program.module) == ""


def test_what_has_code_is_where_its_code_is() -> None:
    """Functions, generators, frames with and without an object, code itself; an instance where its class is, a class where it is."""
    program = Program()
    code = program.heap.code("/srv/a.py", 8, "run")
    holders = [program.heap.object(f"builtins.{kind}").refers_to(code) for kind in ("function", "generator", "frame")]
    holders.append(program.heap.object("app.Stands", flags=Flag.SYNTHETIC).refers_to(code))
    assert [program.place(each) for each in (code, *holders)] == ["/srv/a.py:8"] * 5
    cls = program.cls("/srv/b.py", 5)
    name = next(name for name, record in program.heap.types.items() if record["address"] == cls.address)
    assert program.place(cls) == "/srv/b.py:5"
    assert program.place(program.heap.object(name)) == "/srv/b.py:5"


def test_code_is_found_behind_many_variables() -> None:
    """The references of a frame begin with what its variables hold."""
    program = Program()
    many = [program.heap.object("builtins.list") for _ in range(200)]
    frame = program.heap.object("builtins.frame").refers_to(*many, program.heap.code("/srv/a.py", 8, "run"))
    assert program.place(frame) == "/srv/a.py:8"
    snapshot = program.heap.snapshot()
    places = Places(snapshot, find_roots(snapshot), CodeNames(snapshot))
    assert places.code_of(program.heap.objects.index(frame)) == Place("run", "/srv/a.py", 8)
    assert places.code_of(program.heap.objects.index(many[0])) == Place()


def test_a_place_is_written_as_far_as_it_is_known() -> None:
    """Without a line the file alone, without a file nothing."""
    assert [place_text("a.py", 3), place_text("a.py", 0), place_text("", 3)] == ["a.py:3", "a.py", ""]

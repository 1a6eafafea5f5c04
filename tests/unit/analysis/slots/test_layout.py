"""The layout rules give the bytes that were measured on real interpreters, and names are written as the language wants."""

from __future__ import annotations

import pytest

from heapscope.analysis.origins import Origin, files_by_package, origin_of
from heapscope.analysis.slots import names as slot_names
from heapscope.analysis.slots.layout import block_bytes, is_native_layout, native_base, parse_version, slotted_bytes
from heapscope.snapshot.model import TypeInfo
from tests.support.heap import Heap

OBJECT = TypeInfo(address=1, name="builtins.object", basicsize=16)
LIST = TypeInfo(address=2, name="builtins.list", basicsize=40)
VERSIONS = [(3, minor) for minor in range(8, 16)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("base", "names", "measured"),
    [(None, 3, 64), (OBJECT, 3, 64), (OBJECT, 8, 96), (OBJECT, 30, 272), (OBJECT, 31, 288), (LIST, 2, 80)],
)
def test_slotted_instances_cost_what_was_measured(
    version: tuple[int, int], base: TypeInfo | None, names: int, measured: int
) -> None:
    """The same on every version as long as nothing is weakly referenced."""
    assert slotted_bytes(base, names, weakref=False, version=version) == measured


@pytest.mark.parametrize("version", VERSIONS)
def test_weakref_slot_costs_more_from_312_on(version: tuple[int, int]) -> None:
    """8 bytes inside the object up to 3.11, a pre-header of 16 later."""
    assert slotted_bytes(OBJECT, 3, weakref=True, version=version) == (64 if version <= (3, 11) else 80)


def test_base_with_a_weakref_list_needs_no_second_one() -> None:
    """A set can be weakly referenced as it is."""
    base = TypeInfo(address=3, name="builtins.set", basicsize=200, weaklistoffset=192)
    assert slotted_bytes(base, 1, weakref=True, version=(3, 13)) == block_bytes(16 + 200 + 8)


def test_variable_size_bases_take_no_slots() -> None:
    """int, tuple and bytes."""
    assert (
        slotted_bytes(TypeInfo(address=4, name="builtins.int", itemsize=4), 1, weakref=False, version=(3, 12)) is None
    )


@pytest.mark.parametrize(
    ("requested", "block"), [(0, 16), (1, 16), (16, 16), (17, 32), (512, 512), (513, 528), (528, 544)]
)
def test_blocks_are_rounded_as_the_allocator_does(requested: int, block: int) -> None:
    """Classes of 16 bytes up to 512, then malloc's chunks."""
    assert block_bytes(requested) == block


@pytest.mark.parametrize(
    ("text", "version"),
    [("3.8.18", (3, 8)), ("3.13.0", (3, 13)), ("3.15.0a1", (3, 15)), ("", (3, 12)), ("x.y", (3, 12)), ("3.²", (3, 12))],
)
def test_versions_are_read_with_care(text: str, version: tuple[int, int]) -> None:
    """What is no version gives the cautious assumption."""
    assert parse_version(text) == version


def test_native_base_is_the_largest_layout_among_the_ancestors() -> None:
    """Neither a class statement's type nor a small mixin decides."""
    heap = Heap()
    base = heap.type("builtins.object", is_heap=False, basicsize=16)
    native = heap.type("builtins.dict", is_heap=False, basicsize=48)
    mixin = heap.type("m.Mixin", has_slots=True, basicsize=16)
    heap.type("m.C", mro=[0, mixin, native, base], dictoffset=-1, basicsize=64)
    snapshot = heap.snapshot()
    found = native_base(snapshot, snapshot.types[3])
    assert found is not None
    assert found.name == "builtins.dict"
    assert native_base(snapshot, snapshot.types[0]) is None


def test_heap_types_made_by_c_code_count_as_native() -> None:
    """They carry a flag from 3.10 on, or have neither slots nor a dict."""
    assert is_native_layout(TypeInfo(address=1, name="a", is_heap=True, tp_flags=1 << 8, own_names=("__dict__",)))
    assert is_native_layout(TypeInfo(address=1, name="a", is_heap=True, own_names=("append",)))
    assert not is_native_layout(TypeInfo(address=1, name="a", is_heap=True, own_names=("x",), dictoffset=-1))
    assert not is_native_layout(TypeInfo(address=1, name="a", is_heap=True, own_names=(), has_slots=True))


@pytest.mark.parametrize(
    ("name", "class_name", "spelled"),
    [
        ("_Cache__data", "m.Cache", "__data"),
        ("_Cache__data", "m.outer.<locals>._Cache", "__data"),
        ("_Other__data", "m.Cache", "_Other__data"),
        ("_Cache__data__", "m.Cache", "_Cache__data__"),
        ("_Cache__", "m.Cache", "_Cache__"),
        ("___x", "m.__", "___x"),
        ("data", "m.Cache", "data"),
    ],
)
def test_private_names_are_spelled_as_inside_the_class(name: str, class_name: str, spelled: str) -> None:
    """The interpreter mangles them again."""
    assert slot_names.unmangle(name, class_name) == spelled


def test_slots_line_is_python() -> None:
    """One name needs a comma; none gives the empty tuple; foreign text never reaches the line."""
    assert slot_names.slots_line(["a"], "m.C") == '__slots__ = ("a",)'
    assert slot_names.slots_line(["a", "_C__b"], "m.C") == '__slots__ = ("a", "__b")'
    assert slot_names.slots_line([], "m.C") == "__slots__ = ()"
    assert slot_names.slots_line(['a"); evil("'], "m.C") == ""
    assert slot_names.slots_line(["class"], "m.C") == ""


@pytest.mark.parametrize(
    ("path", "module", "origin"),
    [
        ("/srv/app/models.py", "models", Origin.APPLICATION),
        ("/srv/app/logging.py", "logging", Origin.APPLICATION),
        ("/srv/.venv/lib/python3.12/site-packages/flask/app.py", "flask.app", Origin.THIRD_PARTY),
        ("/usr/lib/python3/dist-packages/yaml/nodes.py", "yaml.nodes", Origin.THIRD_PARTY),
        ("/usr/lib/python3.11/logging/__init__.py", "logging", Origin.STANDARD_LIBRARY),
        ("/opt/py/lib/python3.13t/threading.py", "threading", Origin.STANDARD_LIBRARY),
        ("<frozen importlib._bootstrap>", "importlib._bootstrap", Origin.STANDARD_LIBRARY),
        ("", "collections.abc", Origin.STANDARD_LIBRARY),
        ("<string>", "decimal", Origin.STANDARD_LIBRARY),
        ("", "builtins", Origin.BUILT_IN),
        ("", "__main__", Origin.APPLICATION),
        ("", "orders", Origin.APPLICATION),
        ("", "", Origin.APPLICATION),
    ],
)
def test_owner_is_decided_by_path_then_by_module(path: str, module: str, origin: Origin) -> None:
    """Nothing is opened: the target's file system may not be ours."""
    assert origin_of(TypeInfo(address=1, name=f"{module}.C", module=module, is_heap=True, file=path)) is origin


def test_classes_without_code_belong_to_their_package() -> None:
    """A class without methods has no file of its own."""
    with_file = TypeInfo(address=1, name="lib.a.A", module="lib.a", is_heap=True, file="/x/site-packages/lib/a.py")
    bare = TypeInfo(address=2, name="lib.b.B", module="lib.b", is_heap=True)
    assert origin_of(bare, files_by_package([with_file, bare])["lib"]) is Origin.THIRD_PARTY
    assert origin_of(TypeInfo(address=3, name="builtins.int")) is Origin.BUILT_IN


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("/usr/lib/python3.12/enum.py", "app.colors"),
        ("/usr/lib/python3.12/collections/__init__.py", "__main__"),
        ("/srv/.venv/lib/python3.12/site-packages/sqlalchemy/orm/state.py", "app.models"),
    ],
)
def test_functions_that_a_library_lent_do_not_make_a_class_foreign(file: str, module: str) -> None:
    """An enumeration, a named tuple and a mapped class have functions of a library, and nothing else with a file."""
    info = TypeInfo(address=1, name=f"{module}.A", module=module, is_heap=True, file=file)
    assert origin_of(info, files_by_package([info]).get("app", "")) is Origin.APPLICATION

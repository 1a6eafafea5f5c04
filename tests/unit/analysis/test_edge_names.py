"""What references are called."""

from __future__ import annotations

from heapscope.analysis.edge_names import EdgeNames
from heapscope.wire.protocol import DictState, Flag
from tests.support.heap import Heap


def test_keys_of_a_module_s_dict_are_its_attributes() -> None:
    """And the same dict elsewhere has keys."""
    heap = Heap()
    key, value = heap.text("REGISTRY"), heap.object("m.Thing")
    names = heap.object("builtins.dict", length=1).refers_to(key, value)
    module = heap.object("builtins.module").refers_to(names)
    held = EdgeNames(heap.snapshot())
    key_index, value_index, names_index, module_index = (
        heap.objects.index(each) for each in (key, value, names, module)
    )
    assert held.is_namespace(module_index, names_index)
    assert held.name(names_index, value_index, module_index) == ".REGISTRY"
    assert held.name(names_index, value_index) == "['REGISTRY']"
    assert held.name(names_index, key_index) == "key"
    assert held.name(module_index, names_index) == ""


def test_a_key_whose_text_is_not_known_stays_without_name() -> None:
    """Keys of the application's data are not recorded."""
    heap = Heap()
    key, value = heap.object("builtins.str"), heap.object("m.Thing")
    heap.object("builtins.dict", length=1).refers_to(key, value)
    assert EdgeNames(heap.snapshot()).name(2, 1) == "[]"


def test_an_instance_without_a_dict_names_its_attributes_by_its_shape() -> None:
    """Each object of the type with that fingerprint, and no other."""
    heap = Heap()
    first, second = heap.object("builtins.int"), heap.object("builtins.list", length=0)
    things = [heap.object("m.Thing", fingerprint=mark).refers_to(first, second) for mark in (7, 7, 8, 0)]
    heap.object("m.Other", fingerprint=7).refers_to(first, second)
    heap.shapes.append((things[0], ["age", "items"]))
    held = EdgeNames(heap.snapshot())
    assert [held.name(index, 1) for index in (2, 3, 4, 5, 6)] == [".items", ".items", "", "", ""]
    assert held.name(2, 0) == ".age"


def test_the_dict_of_an_instance_is_its_namespace() -> None:
    """A heap type's instance that has one; not any holder of a dict."""
    heap = Heap()
    key, value = heap.text("name"), heap.object("m.Thing")
    names = heap.object("builtins.dict", length=1).refers_to(key, value)
    heap.object("m.Owner", flags=DictState.SPLIT << Flag.DICT_STATE_SHIFT).refers_to(names)
    heap.object("m.Plain").refers_to(names)
    held = EdgeNames(heap.snapshot())
    assert held.name(2, 1, 3) == ".name"
    assert held.name(2, 1, 4) == "['name']"


def test_positions_and_variables() -> None:
    """Of a list, and of a frame."""
    heap = Heap()
    first, second = heap.object("m.Thing"), heap.object("m.Thing")
    items = heap.object("builtins.list", length=2).refers_to(first, second)
    frame = heap.object("builtins.frame", flags=Flag.SYNTHETIC).refers_to(items, first)
    heap.root(frame, 2, "run app.py:3", jobs=items)
    held = EdgeNames(heap.snapshot())
    assert held.name(2, 1) == "[1]"
    assert held.name(3, 2) == "jobs"
    assert held.name(3, 0) == ""


def test_a_way_is_named_step_by_step() -> None:
    """Also where it leaves out the namespace of a module."""
    heap = Heap()
    key, value = heap.text("REGISTRY"), heap.object("m.Thing")
    items = heap.object("builtins.list", length=1).refers_to(value)
    names = heap.object("builtins.dict", length=1).refers_to(key, items)
    heap.object("builtins.module").refers_to(names)
    held = EdgeNames(heap.snapshot())
    assert held.along([4, 3, 2, 1]) == ["", "", ".REGISTRY", "[0]"]
    assert held.along([4, 2, 1]) == ["", ".REGISTRY", "[0]"]
    assert held.along([4, 2, 1], [True, True, False]) == ["", ".REGISTRY", "[]"]
    assert held.along([]) == []


def test_a_dict_that_an_attribute_holds_is_no_namespace() -> None:
    """Its keys are keys, also where the class's instances could have a dict."""
    heap = Heap()
    key, value = heap.text("x"), heap.object("m.Thing")
    items = heap.object("builtins.dict", length=1).refers_to(key, value)
    for state in (DictState.INLINE, DictState.MATERIALISED):
        flags = state << Flag.DICT_STATE_SHIFT
        owner = heap.object("m.Owner", fingerprint=9, flags=flags).refers_to(items)
        heap.shapes.append((owner, ["items"]))
    held = EdgeNames(heap.snapshot())
    assert held.along([3, 2, 1]) == ["", ".items", "['x']"]
    assert held.along([4, 2, 1]) == ["", ".items", "['x']"]


def test_slots_that_are_all_filled_are_a_shape_without_a_fingerprint() -> None:
    """Which is the usual case; other instances of the class have a fingerprint, and objects of other types no names."""
    heap = Heap()
    first, second = heap.object("builtins.int"), heap.object("builtins.list", length=0)
    full = heap.object("m.Slotted").refers_to(first, second)
    partly = heap.object("m.Slotted", fingerprint=9).refers_to(second)
    unknown = heap.object("m.Slotted", fingerprint=1).refers_to(second)
    heap.object("m.Other").refers_to(first, second)
    heap.shapes += [(full, ["age", "items"]), (partly, ["items"])]
    held = EdgeNames(heap.snapshot())
    assert [held.name(index, 1) for index in (2, 3, 4, 5)] == [".items", ".items", "", ""]
    assert held.name(2, 0) == ".age"
    assert heap.objects[4] is unknown

"""Slots advice: the right saving, and every blocker that types and instances can show."""

from __future__ import annotations

from typing import Any

import pytest

from heapscope.wire.protocol import DictState
from tests.support.program import Program

MEASURED = [
    # attributes, then allocated bytes per instance: version: (with a dict, slotted)
    (3, {"3.8.18": (160, 64), "3.11.7": (112, 64), "3.12.1": (96, 64), "3.13.0": (96, 64), "3.14.0": (96, 64)}),
    (8, {"3.10.13": (192, 96), "3.11.7": (160, 96), "3.12.1": (144, 96), "3.13.0": (144, 96), "3.15.0": (144, 96)}),
    (30, {"3.9.18": (448, 272), "3.11.7": (1664, 272), "3.12.1": (1648, 272), "3.13.0": (1920, 272)}),
    (31, {"3.10.13": (448, 288), "3.11.7": (1664, 288), "3.12.1": (1648, 288), "3.14.0": (1184, 288)}),
]


@pytest.mark.parametrize(
    ("attribute_count", "version", "now", "slotted"),
    [(names, version, *sizes) for names, table in MEASURED for version, sizes in table.items()],
)
def test_savings_are_those_measured(attribute_count: int, version: str, now: int, slotted: int) -> None:
    """Real allocator bytes per instance on real interpreters."""
    program = Program(version)
    program.instances(program.cls(), 1000, now, [f"a{number}" for number in range(attribute_count)])
    row = program.row()
    assert (row.bytes_now, row.bytes_slots, row.saves_bytes) == (now * 1000, slotted * 1000, (now - slotted) * 1000)
    assert row.verdict == "safe"
    assert row.blockers == ()


def test_a_plain_class_is_safe_and_fully_described() -> None:
    """What a person needs to act on it."""
    program = Program()
    program.instances(program.cls(), attributes={"b": 100, "a": 100})
    row = program.row()
    assert row.type_name == "app.Item"
    assert row.instances == row.dict_instances == 100
    assert row.attributes == ("a", "b")
    assert row.slots_line == '__slots__ = ("a", "b")'
    assert row.states == {"values": 100}
    assert (row.file, row.line) == ("/srv/app.py", 7)


@pytest.mark.parametrize(("version", "each"), [("3.11.7", 64), ("3.12.1", 80)])
def test_weakly_referenced_instances_keep_a_weakref_slot(version: str, each: int) -> None:
    """It is part of the line and of the size."""
    program = Program(version)
    program.instances(program.cls(), 10, 112, weakly_referenced=1)
    row = program.row()
    assert row.bytes_slots == 10 * each
    assert row.saves_low_bytes == row.saves_bytes
    assert row.slots_line == '__slots__ = ("a", "b", "c", "__weakref__")'
    assert "weakly referenced" in row.notes[0]
    assert row.verdict == "safe"


def test_low_estimate_keeps_the_weakref_slot() -> None:
    """When nobody refers weakly now, the choice is the reader's."""
    program = Program("3.13.0")
    program.instances(program.cls(), 10, 96)
    assert (program.row().saves_low_bytes, program.row().saves_bytes) == (160, 320)


def test_list_subclass_is_computed_from_its_native_base() -> None:
    """432 bytes become 80 on 3.13."""
    program = Program("3.13.0")
    native = program.heap.type("builtins.list", is_heap=False, basicsize=40, own_names=None)
    program.instances(program.cls(bases=(native,)), 10, 432, ("a", "b"))
    assert program.row().bytes_slots == 800


def test_existing_slots_count_once() -> None:
    """A slot of a base class and the same attribute name are one slot; its line does not repeat it."""
    program = Program()
    base = program.cls(
        "app.Base", has_slots=True, dictoffset=0, names={"a": "member_descriptor", "z": "member_descriptor"}
    )
    program.instances(program.cls(bases=(base,)), attributes=("a", "b"))
    row = program.row()
    assert row.bytes_slots == 100 * 64
    assert row.slots_line == '__slots__ = ("b",)'
    assert row.verdict == "safe"


def test_classes_are_ranked_by_saving_then_instances() -> None:
    """And few instances can be left out."""
    program = Program()
    program.instances(program.cls("app.Small"), 10)
    program.instances(program.cls("app.Large"), 1000)
    program.instances(program.cls("app.Slotted", has_slots=True, dictoffset=0), 5, states={DictState.NONE: [5, 80, 80]})
    assert [row.type_name for row in program.rows()] == ["app.Large", "app.Small"]
    assert [row.type_name for row in program.rows(min_instances=11)] == ["app.Large"]


def blockers_of(program: Program) -> tuple[str, str]:
    """The verdict, and the blockers as one text."""
    row = program.row()
    return row.verdict, " | ".join(row.blockers)


@pytest.mark.parametrize(
    ("changes", "facts", "verdict", "words"),
    [
        ({"name": "lib.Item", "file": "/x/site-packages/lib.py"}, {}, "no", "not your code: third party"),
        ({"name": "ast.Item", "file": "/usr/lib/python3.12/ast.py"}, {}, "no", "not your code: standard library"),
        ({"tp_flags": 1 << 30}, {}, "no", "an exception"),
        ({"tp_flags": 1 << 31}, {}, "no", "a metaclass"),
        ({"names": {"__mapper__": "Mapper"}}, {}, "no", "SQLAlchemy"),
        ({"names": {"__pydantic_fields__": "dict"}}, {}, "no", "pydantic"),
        ({"names": {"b": "int"}}, {}, "fixable", "b has a default in app.Item"),
        ({"names": {"b": "property"}}, {}, "fixable", "b is also a property"),
        ({"names": {"b": "function"}}, {}, "check", "b is a function of app.Item, which 100 instances replace"),
        ({"names": {"x": "functools.cached_property"}}, {}, "fixable", "cached_property needs a __dict__: x"),
        ({"names": {"__getstate__": "function"}}, {}, "check", "pickling or copying may use __dict__: __getstate__"),
        ({"names": {"__reduce__": "function"}}, {}, "check", "__reduce__"),
        ({"names": {"__setattr__": "function"}}, {}, "check", "__setattr__ may use __dict__"),
        ({"subclasses": 1}, {}, "check", "a subclass: without"),
        ({"subclasses": 4}, {}, "check", "4 subclasses: without"),
        ({}, {"attributes": {"a": 100, "rare": 3}}, "check", "not on every instance: rare"),
        ({}, {"attributes": {"a": 100, "two words": 100}}, "no", "no identifiers: two words"),
        ({}, {"attributes": {"a": 100, "x\x1b[2J": 100}}, "no", r"x\x1b[2J"),
        ({}, {"attributes": {"__doc__": 100}}, "no", "reserved names: __doc__"),
        ({}, {"attributes": {"__orig_class__": 100}}, "check", "__orig_class__"),
        ({}, {"attributes_truncated": True}, "no", "used as a dictionary"),
        ({}, {"replaced_dicts": 2}, "no", "2 instances was replaced"),
        ({}, {"each": 64}, "no", "saves nothing"),
        ({}, {"each": 48}, "no", "saves nothing"),
    ],
)
def test_blockers_are_found_and_said_plainly(
    changes: dict[str, Any], facts: dict[str, Any], verdict: str, words: str
) -> None:
    """One hazard at a time."""
    program = Program()
    program.instances(program.cls(**changes), **facts)
    found, text = blockers_of(program)
    assert words in text
    assert found == verdict
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("metaclass", "verdict", "words"),
    [
        ("enum.EnumMeta", "no", "an Enum"),
        ("enum.EnumType", "no", "an Enum"),
        ("django.db.models.base.ModelBase", "no", "ORM model"),
        ("pydantic._internal.ModelMetaclass", "no", "pydantic"),
        ("sqlalchemy.orm.decl_api.DeclarativeMeta", "no", "SQLAlchemy"),
        ("app.Registry", "check", "its metaclass Registry"),
        ("abc.ABCMeta", "safe", ""),
    ],
)
def test_metaclasses_are_judged_by_name(metaclass: str, verdict: str, words: str) -> None:
    """Without importing any framework."""
    program = Program()
    meta = program.heap.type(metaclass, itemsize=40)
    program.instances(program.cls(metatype=meta))
    found, text = blockers_of(program)
    assert (found, words in text) == (verdict, True)


def test_a_base_class_with_a_dict_must_be_converted_too() -> None:
    """Own code can be changed; names of its private attributes belong into its own line."""
    program = Program()
    base = program.cls("app.Base")
    program.instances(program.cls(bases=(base,)), attributes=("a", "_Base__b", "_Item__c"))
    row = program.row()
    assert row.verdict == "fixable"
    assert row.blockers == ("its base class app.Base needs __slots__ as well, or nothing is saved",)
    assert row.slots_line == '__slots__ = ("__c", "a")'


def test_a_foreign_base_class_with_a_dict_rules_slots_out() -> None:
    """It would keep giving every instance a __dict__."""
    program = Program()
    base = program.cls("lib.Base", file="/x/site-packages/lib.py")
    program.instances(program.cls(bases=(base,)))
    verdict, text = blockers_of(program)
    assert verdict == "no"
    assert "lib.Base keeps a __dict__ and is not your code: third party" in text


def test_two_bases_with_dicts_can_conflict() -> None:
    """Only one of them may have names."""
    program = Program()
    bases = program.cls("app.A"), program.cls("app.B")
    program.instances(program.cls(bases=bases))
    verdict, text = blockers_of(program)
    assert verdict == "check"
    assert "only one of them" in text


def test_defaults_of_a_slotted_base_are_hidden_by_a_slot() -> None:
    """Reading an unset attribute then fails instead of finding the default."""
    program = Program()
    base = program.cls("app.Base", has_slots=True, dictoffset=0, names={"a": "int"})
    program.instances(program.cls(bases=(base,)))
    verdict, text = blockers_of(program)
    assert verdict == "check"
    assert "a hides a class attribute of app.Base" in text


@pytest.mark.parametrize(
    ("native", "words"),
    [
        ({"name": "builtins.int", "itemsize": 4, "basicsize": 24}, "subclass of builtins.int cannot have named slots"),
        (
            {"name": "functools.partial", "dictoffset": 40, "basicsize": 56},
            "functools.partial has a __dict__ of its own",
        ),
        ({"name": "_thread._local", "basicsize": 64}, "keeps a __dict__ per thread"),
    ],
)
def test_native_bases_that_rule_slots_out(native: dict[str, Any], words: str) -> None:
    """Variable size, a dict of their own, a dict per thread."""
    program = Program()
    base = program.heap.type(is_heap=False, own_names=None, **native)
    program.instances(program.cls(bases=(base,)), each=400)
    verdict, text = blockers_of(program)
    assert verdict == "no"
    assert words in text


@pytest.mark.parametrize(
    ("version", "weakly", "line"),
    [
        ("3.12.1", 0, "@dataclass(slots=True)"),
        ("3.12.1", 1, "@dataclass(slots=True, weakref_slot=True)"),
        ("3.10.13", 1, '__slots__ = ("a", "b", "c", "__weakref__")'),
        ("3.9.18", 0, '__slots__ = ("a", "b", "c")'),
    ],
)
def test_dataclasses_are_told_their_own_way(version: str, weakly: int, line: str) -> None:
    """The decorator's option exists from 3.10 on, that for weak references from 3.11 on."""
    program = Program(version)
    cls = program.cls(names={"__dataclass_fields__": "dict", "b": "int"})
    program.instances(cls, each=160, weakly_referenced=weakly)
    assert program.row().slots_line == line


def test_attrs_classes_are_told_their_own_way() -> None:
    """attrs.define makes slots."""
    program = Program()
    program.instances(program.cls(names={"__attrs_attrs__": "tuple"}))
    assert program.row().slots_line == "@attrs.define"

"""Dataclasses and attrs classes: slots by the decorator, or by hand where the version has no other way."""

from __future__ import annotations

import copy
import pickle
import sys

import pytest

from heapscope.analysis.slots.layout import Version
from heapscope.analysis.slots.model import ChangeKind
from tests.support.patching import change, module_of, patch_of, patched, refusal

DATACLASS = ChangeKind.DATACLASS
HERE = sys.version_info[:2]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from dataclasses import dataclass\n@dataclass\n", "@dataclass(slots=True)\n"),
        ("from dataclasses import dataclass\n@dataclass()\n", "@dataclass(slots=True)\n"),
        ("import dataclasses\n@dataclasses.dataclass  # yes\n", "@dataclasses.dataclass(slots=True)  # yes\n"),
        ("import dataclasses as d\n@d.dataclass(frozen=True)\n", "@d.dataclass(frozen=True, slots=True)\n"),
        ("from dataclasses import dataclass as dc\n@dc(eq=False,)\n", "@dc(eq=False, slots=True,)\n"),
        ("import dataclasses\n@dataclasses.dataclass(slots=False)\n", "@dataclasses.dataclass(slots=True)\n"),
        (
            "from dataclasses import dataclass\n@dataclass(\n    eq=False,\n    order=False,\n)\n",
            "@dataclass(\n    eq=False,\n    order=False,\n    slots=True,\n)\n",
        ),
        ("import dataclasses\n@final\n@dataclasses.dataclass\n", "@final\n@dataclasses.dataclass(slots=True)\n"),
    ],
)
def test_the_decorator_gets_the_argument(before: str, after: str) -> None:
    """However it is named and written."""
    body = "class C:\n    a: int = 0\n"
    head = before.partition("\n")[0] + "\n"
    assert patched(before + body, change(kind=DATACLASS)) == head + after + body


def test_weak_references_need_3_11() -> None:
    """weakref_slot came later than slots."""
    source = "from dataclasses import dataclass\n@dataclass\nclass C:\n    a: int\n"
    wanted = change(kind=DATACLASS, keeps_weakref=True)
    assert "@dataclass(slots=True, weakref_slot=True)" in patched(source, wanted, version=(3, 11))
    assert "3.11" in refusal(source, wanted, version=(3, 10))


@pytest.mark.parametrize("version", [(3, 8), (3, 9)])
def test_older_versions_get_a_line_if_no_field_has_a_default(version: Version) -> None:
    """In the order of the fields; a default conflicts with the slot."""
    source = "from dataclasses import dataclass\n@dataclass\nclass C:\n    b: int\n    a: str\n"
    assert '    __slots__ = ("b", "a")\n    b: int\n' in patched(
        source, change(names=("a", "b"), kind=DATACLASS), version=version
    )
    source += "    c: int = 0\n"
    assert "fields with a default (c)" in refusal(
        source, change(names=("a", "b", "c"), kind=DATACLASS), version=version
    )


def test_a_frozen_dataclass_by_hand_can_be_copied_and_pickled() -> None:
    """Its state cannot be set the usual way."""
    source = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass C:\n    b: int\n    a: str\n"
    with module_of(patched(source, change(names=("a", "b"), kind=DATACLASS), version=(3, 9))) as module:
        made = module.C(1, "x")
        made_again = [copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))]
        assert made_again == [made] * 3
        assert not hasattr(made, "__dict__")


def test_super_names_the_class_where_the_decorator_makes_another() -> None:
    """Before 3.14; also in a class in a function or in another class."""
    source = """
        from dataclasses import dataclass
        class Base:
            __slots__ = ()
            def hi(self): return 1
        class Outer:
            @dataclass
            class C(Base):
                a: int = 0
                def hi(self): return super().hi() + self.a
                def type_of(self): return self.__class__
    """
    wanted = change("app.Outer.C", kind=DATACLASS)
    text = patched(source, wanted)
    assert "super(Outer.C, self).hi()" in text
    with module_of(text) as module:
        assert module.Outer.C(2).hi() == 3
        assert not hasattr(module.Outer.C(), "__dict__")
    assert "super().hi()" in patched(source, wanted, version=(3, 14))
    assert "__class__" in refusal(source.replace("self.__class__", "__class__"), wanted)


def test_attributes_that_are_no_fields_are_refused() -> None:
    """Only fields get slots; those of bases count."""
    source = """
        from dataclasses import dataclass
        from typing import ClassVar
        @dataclass
        class B:
            b: int
        @dataclass
        class C(B):
            a: int
            c: ClassVar[int] = 3
            def __post_init__(self): self.total = 1
    """
    assert "total: set" in refusal(source, change(names=("a", "total"), kind=DATACLASS))
    assert "total: set" in refusal(source, change(names=("a",), kind=DATACLASS))
    source = source.replace("self.total", "self.a")
    assert "c: set" in refusal(source, change(names=("a", "c"), kind=DATACLASS))
    assert "slots=True" in patched(source, change(names=("a", "b"), kind=DATACLASS))


@pytest.mark.parametrize(
    ("decorator", "reason"),
    [
        ("@dataclass(slots=True)", "makes slots already"),
        ("@dataclass(slots=SLOTS)", "computed"),
        ("@dataclass(**OPTIONS)", "computed"),
        ("@other", "not known by its import"),
        ("", "not known by its import"),
    ],
)
def test_other_decorators_are_refused(decorator: str, reason: str) -> None:
    """Nothing is guessed about them."""
    source = f"from dataclasses import dataclass\n{decorator}\nclass C:\n    a: int\n"
    assert reason in refusal(source, change(kind=DATACLASS))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import attr\n@attr.s\n", "@attr.s(slots=True)\n"),
        ("import attr\n@attr.s(auto_attribs=True)\n", "@attr.s(auto_attribs=True, slots=True)\n"),
        ("from attr import attrs\n@attrs()\n", "@attrs(slots=True)\n"),
        ("import attrs\n@attrs.define(slots=False)\n", "@attrs.define(slots=True)\n"),
    ],
)
def test_attrs_gets_the_argument(before: str, after: str) -> None:
    """The new decorators have slots unless told otherwise."""
    body = "class C:\n    a = attr.ib()\n    b: int = 3\n".replace("attr.ib", "attr.ib" if "attr\n" in before else "ib")
    head = before.partition("\n")[0] + "\n"
    assert patched(before + body, change(names=("b",), kind=ChangeKind.ATTRS)) == head + after + body


def test_attrs_classes_with_slots_are_left_alone() -> None:
    """There is nothing to do, or more than a decorator can."""
    source = "import attrs\n@attrs.define\nclass C:\n    a: int\n"
    assert "makes slots already" in refusal(source, change(kind=ChangeKind.ATTRS))
    assert "no field" in refusal(source, change(names=("a", "x"), kind=ChangeKind.ATTRS))
    assert "change the decorator" in refusal(source, change())


def test_a_frozen_dataclass_loads_old_pickles() -> None:
    """Its own state methods would take a dict for a list of values."""
    source = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass C:\n    a: int\n    b: str = ''\n"
    with module_of(source, "frozen_module") as module:
        old = pickle.dumps(module.C(1, "x"))
    wanted = change(names=("a", "b"), kind=DATACLASS)
    with module_of(patched(source, wanted, version=HERE, old_pickles=True), "frozen_module") as module:
        assert pickle.loads(old) == module.C(1, "x") == pickle.loads(pickle.dumps(module.C(1, "x")))
    assert patch_of(source, wanted, version=(3, 10), old_pickles=True).files == ()


def test_a_dataclass_loads_old_pickles() -> None:
    """A dict as state has nowhere to go without a __setstate__; copies still work."""
    source = "from dataclasses import dataclass, field\n@dataclass\nclass C:\n    a: int\n    b: list = field(default_factory=list)\n"
    with module_of(source, "record_module") as module:
        old = pickle.dumps(module.C(1, [2]))
    text = patched(source, change(names=("a", "b"), kind=DATACLASS), version=HERE, old_pickles=True)
    with module_of(text, "record_module") as module:
        assert pickle.loads(old) == module.C(1, [2]) == pickle.loads(pickle.dumps(module.C(1, [2])))
        assert copy.copy(module.C(1)) == copy.deepcopy(module.C(1)) == module.C(1)
        assert not hasattr(module.C(1), "__dict__")

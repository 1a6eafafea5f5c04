"""What source text says of classes: attributes, uses of __dict__, decorators, slots."""

from __future__ import annotations

import textwrap

import pytest

from heapscope.analysis.slots.class_source import MAX_TEXT, parse_module
from heapscope.analysis.slots.source_model import ClassSource, ModuleSource, Receiver, UseKind


def module_of(text: str) -> ModuleSource:
    """Parse a text that can be parsed."""
    found = parse_module(textwrap.dedent(text))
    assert found is not None
    return found


def class_of(text: str, name: str = "C", line: int = 0) -> ClassSource:
    """Parse a text and find a class."""
    found = module_of(text).find(name, line)
    assert found is not None
    return found


def kinds(text: str) -> list[tuple[UseKind, Receiver]]:
    """List the uses in a text, but for attributes that are set and read on classes."""
    plain = (UseKind.SET, UseKind.CLASS_ATTRIBUTE)
    return [(use.kind, use.receiver) for use in module_of(text).uses if use.kind not in plain]


def test_attributes_set_on_self_are_told_from_others() -> None:
    """By whatever name ``self`` goes, in nested functions, tuples, loops and with statements."""
    found = class_of(
        """
        class C:
            def __init__(this, other):
                this.a, (this.b, *this.c) = 1, (2, 3)
                for this.d in ():
                    pass
                with open("x") as this.e:
                    this.f: int = 1
                other.no = 1
                def later():
                    this.g = 1
                this.annotated_only: int
                setattr(this, "h", 1)
            @staticmethod
            def s(this):
                this.no = 1
            @classmethod
            def k(cls):
                cls.no = 1
        """
    )
    assert set(found.stored) == {*"abcdefgh"}


def test_what_init_always_sets_is_told_from_what_it_may_set() -> None:
    """A default may be dropped only for the first."""
    found = class_of(
        """
        class C:
            def __init__(self, x):
                self.always = 1
                with x:
                    self.also = 1
                if x:
                    self.maybe = 1
            def other(self):
                self.elsewhere = 1
        """
    )
    always = [name for name in ("always", "also", "maybe", "elsewhere") if found.sets_always(name)]
    assert always == ["always", "also"]


@pytest.mark.parametrize(
    ("statement", "kind", "receiver"),
    [
        ("self.__dict__", UseKind.DICT_READ, Receiver.SELF),
        ("vars(self)", UseKind.DICT_READ, Receiver.SELF),
        ("getattr(self, '__dict__')", UseKind.DICT_READ, Receiver.SELF),
        ("other.__dict__", UseKind.DICT_READ, Receiver.OTHER),
        ("vars(other[0])", UseKind.DICT_READ, Receiver.OTHER),
        ("type(self).__dict__", UseKind.DICT_READ, Receiver.CLASS),
        ("self.__class__.__dict__", UseKind.DICT_READ, Receiver.CLASS),
        ("C.__dict__", UseKind.DICT_READ, Receiver.CLASS),
        ("self.__dict__['a'] = 1", UseKind.DICT_WRITE, Receiver.SELF),
        ("del self.__dict__['a']", UseKind.DICT_WRITE, Receiver.SELF),
        ("vars(self).update(a=1)", UseKind.DICT_WRITE, Receiver.SELF),
        ("self.__dict__ = {}", UseKind.DICT_REPLACE, Receiver.SELF),
        ("self.__class__ = C", UseKind.CLASS_ASSIGN, Receiver.SELF),
        ("del self.a", UseKind.DELETE, Receiver.SELF),
        ("delattr(self, 'a')", UseKind.DELETE, Receiver.SELF),
        ("self.a += 1", UseKind.AUGMENT, Receiver.SELF),
        ("setattr(self, name, 1)", UseKind.SETATTR, Receiver.SELF),
        ("object.__setattr__(self, name, 1)", UseKind.SETATTR, Receiver.SELF),
        ("super().__setattr__(name, 1)", UseKind.SETATTR, Receiver.SELF),
        ("setattr(other, name, 1)", UseKind.SETATTR, Receiver.OTHER),
        ("weakref.ref(self)", UseKind.WEAK, Receiver.SELF),
        ("pickle.dumps(other, 0)", UseKind.PICKLE_OLD, Receiver.OTHER),
        ("pickle.dump(other, file, protocol=1)", UseKind.PICKLE_OLD, Receiver.OTHER),
        ("lambda o: o.__dict__", UseKind.DICT_READ, Receiver.OTHER),
    ],
)
def test_uses_are_told_apart(statement: str, kind: UseKind, receiver: Receiver) -> None:
    """One statement, one use: a dict that is written to is not read as well."""
    assert kinds(f"class C:\n    def m(self, other):\n        {statement}\n") == [(kind, receiver)]


@pytest.mark.parametrize(
    "statement", ["vars()", "pickle.dumps(self, 4)", "pickle.dumps(self)", "setattr(self, 'a', 1)"]
)
def test_what_is_harmless_is_no_use(statement: str) -> None:
    """Names of locals, new protocols, constant names."""
    assert kinds(f"class C:\n    def m(self, other):\n        {statement}\n") == []


def test_class_statements_are_described() -> None:
    """Decorators with arguments, bases, annotations, slots, what bodies bind, what reducers return."""
    found = class_of(
        """
        @dataclasses.dataclass(frozen=True)
        class C(Base, metaclass=M):
            __slots__ = ("a", "__b")
            x: int
            y: int = 1
            def __reduce__(self):
                return C, (self.x,)
            def m(self):
                return super().m()
        """
    )
    assert (found.bases, found.annotations, found.slots) == (("Base",), ("x", "y"), ("a", "__b"))
    assert [(one.name, dict(one.arguments)) for one in found.decorators] == [
        ("dataclasses.dataclass", {"frozen": "True"})
    ]
    assert (dict(found.reduces), found.supers) == ({"__reduce__": 2}, ("C.m",))
    assert found.names == {"__slots__", "y", "__reduce__", "m"}
    assert found.line == 2


def test_classes_are_found_by_qualified_name() -> None:
    """In functions and classes; of two with one name, by a line."""
    text = """
        def f():
            class C:
                class D:
                    pass
        if x:
            class E:
                a = 1
        else:
            class E:
                b = 1
        """
    assert class_of(text, "f.<locals>.C.D").qualname == "f.C.D"
    assert module_of(text).find("E") is None
    assert class_of(text, "E", 11).names == {"b"}


@pytest.mark.parametrize(
    "text", ["class C(:", "\0", "x = " + "(" * 10_000, "x = " + "-" * 100_000 + "1", " " * (MAX_TEXT + 1)]
)
def test_what_cannot_be_parsed_is_no_source(text: str) -> None:
    """Hostile text is absent text."""
    assert parse_module(text) is None

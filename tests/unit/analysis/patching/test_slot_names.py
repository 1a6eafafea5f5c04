"""What gets a slot beside what was observed, and what a hierarchy does to it."""

from __future__ import annotations

import pytest

from tests.support.patching import change, module_of, patch_of, patched, refusal, refusals


def test_what_methods_set_gets_a_slot_though_no_instance_has_it() -> None:
    """An error path that has not run yet must not fail; a note says what it costs."""
    source = """
        class C:
            last = None
            def __init__(self): self.a = 1
            def fail(self, error):
                self.error = error
                self.count += 1
                self.last = error
                with open(error) as self.file: pass
                for self.x, self.y in (): pass
    """
    text = patched(source)
    assert '("a", "error", "count", "last", "file", "x", "y")' in text
    assert "self.last = None" in text
    notes = [note.text for note in patch_of(source, change()).notes]
    assert "methods set error, count, last, file, x, y, which no instance has: a slot each, of 8 bytes" in notes


def test_properties_and_other_takers_get_none() -> None:
    """What the class does with the assignment is its own business."""
    source = """
        class B:
            @property
            def q(self): return 1
            @q.setter
            def q(self, value): pass
        class C(B):
            field = Field()
            both = property(lambda self: 1, lambda self, value: None)
            @property
            def p(self): return 1
            @p.setter
            def p(self, value): self.a = value
            def __init__(self): self.p = self.q = self.field = self.both = 1
            @staticmethod
            def s(other): other.z = 1
            @classmethod
            def c(cls): cls.z = 1
    """
    text = patched(source, change("app.B", ()), change())
    assert text.count("__slots__") == 2
    assert '__slots__ = ("a",)' in text
    assert any("something of that name" in note.text for note in patch_of(source, change()).notes)


def test_nothing_is_added_where_a_base_is_unknown() -> None:
    """It may have a property of that name: a note says what to look at."""
    source = "from other import Base\nclass C(Base):\n    def f(self): self.a = self.x = 1\n"
    assert '("a",)' in patched(source)
    assert any("its base other.Base" in note.text for note in patch_of(source, change()).notes)
    known = "from collections.abc import Sized\nclass C(Sized):\n    def f(self): self.a = self.x = 1\n"
    assert '("a", "x")' in patched(known)


def test_names_that_a_base_declares_are_not_repeated() -> None:
    """Nor what its methods set; private names are each class's own."""
    source = """
        class B:
            def __init__(self): self.a = self.__p = 1
        class C(B):
            def __init__(self): self.a = self.b = self.__p = 2
    """
    text = patched(source, change("app.B", ("_B__p",)), change(names=("a", "b", "_C__p")))
    assert 'class B:\n    __slots__ = ("a", "__p")' in text
    assert 'class C(B):\n    __slots__ = ("b", "__p")' in text


def test_a_class_attribute_that_hides_the_slot_of_a_base_moves() -> None:
    """It would make the slot read-only."""
    source = """
        class B:
            def __init__(self): self.a = self.b = 1
        class C(B):
            b = 2
            kind = "c"
            def __init__(self): self.seen = self.b; super().__init__()
    """
    text = patched(source, change("app.B", ("a", "b")), change(names=("seen",)))
    with module_of(text) as module:
        made = module.C()
        assert (made.seen, made.b, made.kind) == (2, 1, "c")
    method = source.replace("b = 2", "def b(self): pass")
    assert "method or property" in refusal(method, change("app.B", ("a", "b")), change(names=("seen",)))


MIXED = """
class A: pass
class B: pass
class C(A, B): pass
"""


def test_two_bases_with_slots_are_refused() -> None:
    """No class could have both; one with names and one without is fine."""
    patch = patch_of(MIXED, change("app.A", ("x",)), change("app.B", ("y",)), together=False)
    assert not patch.files
    assert refusals(patch) == [
        "C has two bases with slots: this one and B",
        "C has two bases with slots: this one and A",
    ]
    with module_of(patched(MIXED, change("app.A", ("x",)), change("app.B", ()), change("app.C", ()))) as module:
        assert not hasattr(module.C(), "__dict__")
    slotted = MIXED.replace("class B: pass", "class B: __slots__ = ('z',)")
    assert "two bases" in refusal(slotted, change("app.A", ("x",)))


@pytest.mark.parametrize("decorator", ["@six.add_metaclass(M)", "@add_metaclass(M)"])
def test_a_metaclass_by_decorator_is_one(decorator: str) -> None:
    """It makes the class anew."""
    source = f"import six\nfrom six import add_metaclass\n{decorator}\nclass C: pass\n"
    assert "metaclass" in refusal(source)


def test_the_argument_of_a_generic_is_said_to_be_lost() -> None:
    """It is set by typing itself, which ignores that there is no place."""
    source = "import typing\nT = typing.TypeVar('T')\nclass C(typing.Generic[T]):\n    def __init__(self): self.a = 1\n"
    wanted = change(names=("a", "__orig_class__"))
    with module_of(patched(source, wanted)) as module:
        assert not hasattr(module.C[int](), "__dict__")
    assert any("__orig_class__" in note.text for note in patch_of(source, wanted).notes)

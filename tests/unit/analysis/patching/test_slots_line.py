"""The __slots__ statement: where it goes, how it is written, what it is merged with."""

from __future__ import annotations

import pytest

from tests.support.patching import change, patched, refusal

GOLDEN = {
    "behind the docstring, a blank line around it": (
        '''
        class C:
            """Says what it is."""

            def __init__(self):
                self.a = 1
        ''',
        '''
        class C:
            """Says what it is."""

            __slots__ = ("a",)

            def __init__(self):
                self.a = 1
        ''',
    ),
    "first of all without a docstring, and comments stay with their line": (
        """
        class C(object):  # old style
            # how it begins
            def __init__(self):
                self.a = 1  # one
            # the end
        """,
        """
        class C(object):  # old style
            __slots__ = ("a",)

            # how it begins
            def __init__(self):
                self.a = 1  # one
            # the end
        """,
    ),
    "as close to the docstring as what was there": (
        '''
        class C:
            """Doc."""
            limit = 3
            def __init__(self): self.a = 1
        ''',
        '''
        class C:
            """Doc."""
            __slots__ = ("a",)
            limit = 3
            def __init__(self): self.a = 1
        ''',
    ),
    "in place of a body behind the colon": (
        """
        class C: pass
        class D: x = 1
        """,
        """
        class C:
            __slots__ = ("a",)
        class D: x = 1
        """,
    ),
    "a body behind the colon becomes a block": (
        """
        class C: x = 1  # one
        """,
        """
        class C:
            __slots__ = ("a",)
            x = 1  # one
        """,
    ),
    "a lone docstring": (
        '''
        class C:
            """Doc."""
        ''',
        '''
        class C:
            """Doc."""

            __slots__ = ("a",)
        ''',
    ),
    "single quotes and two spaces where the file has them": (
        """
        NAMES = ['x', 'y']
        class C:
          def __init__(self):
            self.a = 1
        """,
        """
        NAMES = ['x', 'y']
        class C:
          __slots__ = ('a',)

          def __init__(self):
            self.a = 1
        """,
    ),
    "merged with a tuple": (
        """
        class C(Base):
            __slots__ = ("b", "c")  # two
        """,
        """
        class C(Base):
            __slots__ = ("b", "c", "a")  # two
        """,
    ),
    "merged with a tuple of one": (
        """
        class C:
            __slots__ = ("b",)
        """,
        """
        class C:
            __slots__ = ("b", "a")
        """,
    ),
    "merged with several lines": (
        """
        class C:
            __slots__ = (
                "b",  # first
                "c",  # second
            )
        """,
        """
        class C:
            __slots__ = (
                "b",  # first
                "c",  # second
                "a",
            )
        """,
    ),
    "merged with a list, a text and a dict": (
        """
        class C:
            __slots__ = ["b"]
        class D:
            __slots__ = "b"
        class E:
            __slots__ = {"b": "what it is"}
        """,
        """
        class C:
            __slots__ = ["b", "a"]
        class D:
            __slots__ = ("b", "a")
        class E:
            __slots__ = {"b": "what it is", "a": None}
        """,
    ),
    "merged with a tuple without brackets": (
        """
        class C:
            __slots__ = "b", "c"
        """,
        """
        class C:
            __slots__ = "b", "c", "a"
        """,
    ),
    "empty, and with a __dict__ that is no longer needed": (
        """
        class C:
            __slots__ = ()
        class D:
            __slots__ = ("b", "__dict__")
        """,
        """
        class C:
            __slots__ = ("a",)
        class D:
            __slots__ = ("b", "a")
        """,
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_statement_is_written_as_in_the_file(name: str) -> None:
    """Before and after, to the character."""
    import textwrap

    before, after = (textwrap.dedent(text) for text in GOLDEN[name])
    changes = [change(f"app.{name}") for name in "CDE" if f"class {name}" in after and "x = 1\nclass" not in after]
    changes = changes if "class D: x" not in before else [change()]
    assert patched(before, *changes) == after


def test_long_lines_are_wrapped_one_name_each() -> None:
    """As black does, and only when the line with its indentation is too long."""
    fitting = [f"name_{index}" for index in range(7)]
    text = patched("class C: pass\n", change(names=fitting))
    assert text == 'class C:\n    __slots__ = ("name_0", "name_1", "name_2", "name_3", "name_4", "name_5", "name_6")\n'
    nested = "def f():\n    class A:\n        class B:\n            class C:\n                x = 1\n"
    text = patched(nested, change("app.f.<locals>.A.B.C", fitting))
    lines = [f'                    "{name}",\n' for name in fitting]
    assert "                __slots__ = (\n" + "".join(lines) + "                )\n                x = 1\n" in text


def test_kept_slots_stand_last() -> None:
    """Weak references and a dict for the rest."""
    text = patched("class C: pass\n", change(keeps_weakref=True, keeps_dict=True))
    assert text == 'class C:\n    __slots__ = ("a", "__weakref__", "__dict__")\n'


def test_private_names_are_spelled_as_in_the_class() -> None:
    """Observed names are mangled; those of another class stay as they are."""
    names = ["_C__mine", "_Other__theirs", "_plain"]
    text = patched("class C: pass\n", change(names=names))
    assert '__slots__ = ("__mine", "_Other__theirs", "_plain")' in text
    assert '("__x",)' in patched("class _C: pass\n", change("app._C", ["_C__x"]))


def test_names_come_in_the_order_in_which_the_class_sets_them() -> None:
    """What __init__ sets first, then what other methods set, then the rest as given."""
    source = """
        class C:
            def reset(self):
                self.late = None
            def __init__(self):
                self.b, self.z = 1, 2
                self.a: int = 1
    """
    assert '("b", "z", "a", "late", "extra")' in patched(source, change(names=["a", "b", "extra", "late", "z"]))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("class C:\n    __slots__ = Base.__slots__ + ('b',)\n", "computed"),
        ("class C:\n    __slots__ = ('b', 3)\n", "other things"),
        ("class C:\n    if X:\n        __slots__ = ('b',)\n", "one statement"),
        ("class C:\n    __slots__ = ()\n    __slots__ += ('b',)\n", "one statement"),
        ("class C(metaclass=M): pass\n", "metaclass"),
        ("class C(**options): pass\n", "metaclass"),
        ("class C(enum.Enum): pass\n", "Enum"),
        ("class C(NamedTuple): pass\n", "tuple"),
        ("class C(tuple): pass\n", "subclass of tuple"),
        ("class C(*BASES): pass\n", "computed"),
        ("class C:\n    def a(self): pass\n", "method or property"),
        ("class C:\n    @property\n    def a(self): pass\n", "method or property"),
        ("class D: pass\n", "not in the file"),
        ("class C:\n", "does not parse"),
    ],
)
def test_what_is_not_certain_is_refused(source: str, reason: str) -> None:
    """With the reason; the file stays as it is."""
    assert reason in refusal(source)


@pytest.mark.parametrize("name", ["a-b", "class", "__doc__", "x y", 'a", "b'])
def test_names_that_cannot_be_slots_are_refused(name: str) -> None:
    """They come from a target: nothing of them gets into code."""
    assert "names" in refusal("class C: pass\n", change(names=[name]))


def test_an_abstract_class_is_no_reason() -> None:
    """ABCMeta leaves __slots__ alone."""
    assert "__slots__" in patched("import abc\nclass C(metaclass=abc.ABCMeta): pass\n")
    assert "__slots__" in patched("from abc import ABCMeta as M\nclass C(metaclass=M): pass\n")


def test_a_class_that_says_it_already_changes_nothing() -> None:
    """No diff, no note."""
    from tests.support.patching import patch_of

    patch = patch_of("class C:\n    __slots__ = ('a',)\n", change())
    assert (patch.files, patch.notes) == ((), ())

"""Class attributes with a slot's name: moved into __init__, seen as before, or refused."""

from __future__ import annotations

import textwrap

import pytest

from tests.support.patching import change, module_of, patch_of, patched, refusal

GOLDEN = {
    "set first of all, with its comments": (
        '''
        class C:
            """Doc."""

            # what it is doing
            a = None  # nothing yet
            limit = 3

            def __init__(self, x):
                """Doc."""
                super().__init__()
                self.x = x
        ''',
        '''
        class C:
            """Doc."""

            __slots__ = ("x", "a")
            limit = 3

            def __init__(self, x):
                """Doc."""
                # what it is doing
                self.a = None  # nothing yet
                super().__init__()
                self.x = x
        ''',
    ),
    "an annotation stays": (
        """
        class C:
            a: int = 0  # how many
            x: str

            def __init__(self): self.x = ""
        """,
        """
        class C:
            __slots__ = ("x", "a")
            a: int  # how many
            x: str

            def __init__(self):
                self.a = 0
                self.x = ""
        """,
    ),
    "an __init__ is made where none is": (
        """
        class C:
            a = x = -1

            def go(self):
                self.a = self.x = 2
        """,
        """
        class C:
            __slots__ = ("a", "x")

            def __init__(self):
                self.a = -1
                self.x = -1

            def go(self):
                self.a = self.x = 2
        """,
    ),
    "two statements in a line": (
        """
        class C:
            a = 1; limit = 3; x = None
            def __init__(this, **rest):
                pass
        """,
        """
        class C:
            __slots__ = ("a", "x")
            limit = 3
            def __init__(this, **rest):
                this.a = 1
                this.x = None
        """,
    ),
    "one of two targets": (
        """
        class C:
            a = limit = 3
            def __init__(self, x):
                self.x = x
        """,
        """
        class C:
            __slots__ = ("x", "a")
            limit = 3
            def __init__(self, x):
                self.a = 3
                self.x = x
        """,
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_default_moves(name: str) -> None:
    """Before and after, to the character."""
    before, after = (textwrap.dedent(text) for text in GOLDEN[name])
    wanted = change(names=("a", "x"), moved_defaults=("a",))
    assert patched(before, wanted) == after


def test_a_shared_object_stays_shared() -> None:
    """It is made once, where it was, and every instance begins with the same one."""
    source = """
        class C:
            first = 2
            a = [first]
            def add(self, x): self.a.append(x); return self
            def own(self): self.a = []
    """
    text = patched(source, change(moved_defaults=("a",)))
    assert "_default_a = [first]" in text
    with module_of(text) as module:
        one, other = module.C(), module.C()
        assert one.add(3).a is other.a
        assert not hasattr(one, "__dict__")


def test_the_default_is_there_before_the_rest_of_init_runs() -> None:
    """Also for what a base class's __init__ reads and sets."""
    source = """
        class B:
            def __init__(self):
                self.seen = self.a
                self.a = "set by the base"
        class C(B):
            a = "default"
            def __init__(self):
                super().__init__()
    """
    text = patched(source, change("app.B", ("seen",)), change(moved_defaults=("a",)))
    with module_of(text) as module:
        made = module.C()
        assert (made.seen, made.a) == ("default", "set by the base")
        assert not hasattr(made, "__dict__")


def test_a_new_init_passes_arguments_on() -> None:
    """A base class takes them; a note says that the signature is another one."""
    source = """
        class B:
            def __init__(self, x, *, y=2): self.x, self.y = x, y
        class C(B):
            a = None
            def go(self): self.a = 1
    """
    changes = change("app.B", ("x", "y")), change()
    patch = patch_of(source, *changes)
    assert any("passes all arguments on" in note.text for note in patch.notes)
    with module_of(patched(source, *changes)) as module:
        made = module.C(1, y=3)
        assert (made.x, made.y, made.a) == (1, 3, None)


def test_own_setattr_does_not_see_the_default() -> None:
    """A class attribute never went through it."""
    source = """
        class C:
            a = None
            def __init__(self): self.a = 1
            def __setattr__(self, name, value):
                LOG.append((name, value))
                super().__setattr__(name, value)
        LOG = []
    """
    with module_of(patched(source)) as module:
        assert module.C().a == 1
        assert module.LOG == [("a", 1)]


@pytest.mark.parametrize(
    ("body", "after", "reason"),
    [
        ("a = 1\n    b = a + 1", "", "class body reads"),
        ("a = 1\n    def f(self, x=a): pass", "", "class body reads"),
        ("a = 1\n    def f(self): return type(self).a", "", "read from the class itself"),
        ("a = 1\n    @classmethod\n    def f(cls): return cls.a", "", "read from the class itself"),
        ("a = 1", "print(C.a)", "read from the class itself"),
        ("a = 1\n    def f(self): del self.a", "", "deleted"),
        ("a = 1", "class D(C):\n    a = 2", "subclass D has a value"),
        ("a = 1\n    def __init__(self): pass", "class D(C):\n    def __init__(self): self.b = 1", "miss the defaults"),
        ("a = 1\n    def __new__(cls, x): return object.__new__(cls)", "", "__new__"),
        ("a, b = 1, 2", "", "one assignment"),
        ("if X:\n        a = 1", "", "plain assignment"),
        ("a = 1\n    a = 2", "", "one assignment"),
        ("a = 1\n    a += 2", "", "one assignment"),
        ("a = Field()", "", "no constant"),
        ("from x import a", "", "one assignment"),
        ("class a: pass", "", "one assignment"),
    ],
)
def test_more_than_a_default_is_refused(body: str, after: str, reason: str) -> None:
    """What the class itself is asked for, or what cannot be set in __init__."""
    assert reason in refusal(f"class C:\n    {body}\n{after}\n")


def test_a_base_in_another_file_may_have_an_init() -> None:
    """Nothing is known about it, so none is made."""
    assert "Base is in another file" in refusal("class C(Base):\n    a = 1\n")
    assert "self.a = 1" in patched("class C(Base):\n    a = 1\n    def __init__(self): super().__init__()\n")

"""functools.cached_property without a __dict__."""

from __future__ import annotations

import textwrap

import pytest

from tests.support.patching import change, module_of, patched, refusal

BEFORE = '''
from functools import cached_property

class C:
    def __init__(self, x):
        self.x = x

    # how large
    @cached_property
    def area(self) -> int:
        """The area."""
        if not self.x:  # nothing
            return 0
        return self.x ** 2

    other = 3
'''
AFTER = '''
from functools import cached_property

class C:
    __slots__ = ("x", "_area")

    def __init__(self, x):
        self.x = x

    # how large
    @property
    def area(self) -> int:
        """The area."""
        try:
            return self._area
        except AttributeError:
            pass
        value = self.__compute_area()
        self._area = value
        return value

    def __compute_area(self) -> int:
        if not self.x:  # nothing
            return 0
        return self.x ** 2

    other = 3
'''


def test_it_becomes_a_property_that_keeps_its_value_in_a_slot() -> None:
    """Before and after, to the character; the observed cached value is no slot of that name."""
    assert patched(BEFORE, change(names=("x", "area"), cached_properties=("area",))) == AFTER
    assert patched(BEFORE, change(names=("x",))) == AFTER


def test_it_computes_once() -> None:
    """And again after the value was deleted, as the original."""
    source = """
        import functools
        class C:
            count = 0
            @functools.cached_property
            def area(self):
                C.count += 1
                return C.count
            def forget(self):
                del self.area
    """
    with module_of(patched(source, change(names=()))) as module:
        made = module.C()
        assert (made.area, made.area) == (1, 1)
        made.forget()
        assert made.area == 2
        made.area = 7
        assert made.area == 7
        with pytest.raises(AttributeError):
            module.C().forget()
        assert not hasattr(made, "__dict__")


def test_an_error_while_computing_is_the_only_one() -> None:
    """It is not shown as happening while another was handled, and nothing is kept."""
    source = """
        from functools import cached_property as cp
        class C:
            @cp
            def area(self): return self.missing
            def __getattr__(self, name): raise AttributeError("no " + name)
    """
    with module_of(patched(source, change(names=("x",)))) as module:
        made = module.C()
        made.x = 1
        with pytest.raises(AttributeError, match="no "):
            _ = made.area


def test_getattr_is_not_asked_for_the_empty_slot() -> None:
    """It would answer for any name."""
    source = """
        from functools import cached_property
        class C:
            @cached_property
            def area(self): return 4
            def __getattr__(self, name): return "anything"
    """
    with module_of(patched(source, change(names=()))) as module:
        assert module.C().area == 4


def test_super_finds_the_computation_of_the_base() -> None:
    """Each class computes by a private method of its own."""
    source = """
        from functools import cached_property
        class B:
            @cached_property
            def area(self): return 1
        class C(B):
            @cached_property
            def area(self): return super().area + 1
    """
    with module_of(patched(source, change("app.B", ()), change(names=()))) as module:
        assert (module.C().area, module.B().area) == (2, 1)


def test_names_in_use_are_avoided() -> None:
    """The slot gets another name."""
    source = BEFORE.replace("self.x = x", "self.x = self._area = x")
    text = patched(source, change(names=("x", "_area")))
    assert '"_cached_area"' in text


@pytest.mark.parametrize(
    "text",
    [
        "from django.utils.functional import cached_property\nclass C:\n    @cached_property\n    def a(self): pass\n",
        "from functools import cached_property\nclass C:\n    @other\n    @cached_property\n    def a(self): pass\n",
        "from functools import cached_property\nclass C:\n    a = cached_property(lambda self: 1)\n",
        "from functools import cached_property\nclass C:\n    if X:\n        @cached_property\n        def a(self): pass\n",
    ],
)
def test_others_of_that_name_are_refused(text: str) -> None:
    """Frameworks have their own, which keep values elsewhere."""
    assert "functools.cached_property alone" in refusal(textwrap.dedent(text), change(cached_properties=("a",)))

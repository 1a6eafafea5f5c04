"""A native base with a __dict__ of its own."""

import types


class Example(types.SimpleNamespace):
    pass


def build():
    return [Example(a=1)]


def after():
    class C(types.SimpleNamespace):
        __slots__ = ("a",)

    assert not hasattr(C(), "__dict__"), "has a __dict__ from the native base"

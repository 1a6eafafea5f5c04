"""A protocol as a base class."""

import typing


class Named(typing.Protocol):
    def f(self): ...


class Example(Named):
    def __init__(self):
        self.a = 1

    def f(self):
        return 1


def build():
    return [Example()]


def after():
    class C(Named):
        __slots__ = ("a",)

        def f(self):
            return 1

    assert not hasattr(C(), "__dict__"), "the protocol brings a __dict__"

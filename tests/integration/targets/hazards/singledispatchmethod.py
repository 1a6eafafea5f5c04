"""functools.singledispatchmethod."""

import functools


class Example:
    def __init__(self):
        self.a = 1

    @functools.singledispatchmethod
    def f(self, x):
        return "o"


@Example.f.register(int)
def whole(self, x):
    return "i"


def build():
    return [Example()]


def after():
    class C:
        __slots__ = ("a",)
        f = Example.__dict__["f"]

    assert C().f(1) == "i"

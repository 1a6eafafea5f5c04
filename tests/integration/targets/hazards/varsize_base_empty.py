"""A named tuple's subclass without attributes."""

import collections


class Example(collections.namedtuple("P", "x y")):
    pass


def build():
    return [Example(1, 2)]


def after():
    class C(collections.namedtuple("P", "x y")):
        __slots__ = ()

    assert not hasattr(C(1, 2), "__dict__")

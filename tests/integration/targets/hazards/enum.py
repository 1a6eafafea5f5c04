"""An enumeration."""

import enum


class Example(enum.Enum):
    A = 1
    B = 2


def build():
    return list(Example)


def after():
    class E(enum.Enum):
        __slots__ = ("_value_", "_name_", "__objclass__", "_sort_order_")
        A = 1

    assert not hasattr(E.A, "__dict__"), "still has a __dict__"

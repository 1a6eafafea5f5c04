"""Weak references to instances."""

import weakref


class Example:
    def __init__(self):
        self.a = 1


def build():
    made = Example()
    return [made, weakref.ref(made)]


def after():
    class C:
        __slots__ = ("a",)

    weakref.ref(C())

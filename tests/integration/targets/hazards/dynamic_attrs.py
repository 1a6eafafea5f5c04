"""Attributes that other code sets."""


class Example:
    pass


class Late:
    def __init__(self):
        self.a = 1

    def later(self):
        self.b = 2


def build():
    made = Example()
    made.anything = 1
    return [made, Late()]


def after():
    class C:
        __slots__ = ("a",)

    C().anything = 1

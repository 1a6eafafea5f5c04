"""Objects that become another class."""


class Example:
    def __init__(self):
        self.x = 1


class Other:
    def __init__(self):
        self.y = 1


def change(item):
    item.__class__ = Other


def build():
    return [Example(), Other()]


def after():
    class A:
        __slots__ = ("x",)

    class B:
        __slots__ = ("y",)

    made = A()
    made.__class__ = B

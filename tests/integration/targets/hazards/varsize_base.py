"""A subclass of tuple with an attribute."""


class Example(tuple):
    pass


def build():
    made = Example()
    made.a = 1
    return [made]


def after():
    class C(tuple):
        __slots__ = ("a",)

    C().a = 1

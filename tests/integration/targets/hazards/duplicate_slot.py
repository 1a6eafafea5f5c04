"""A slot that the base class has already."""


class Base:
    __slots__ = ("a",)


class Example(Base):
    __slots__ = ("a", "b")


def build():
    return [Example()]


def after():
    words = Example.__basicsize__ - Base.__basicsize__
    assert words == 8, "basicsize grows by %d" % words

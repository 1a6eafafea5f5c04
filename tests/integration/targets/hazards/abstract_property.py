"""A slot in place of an abstract property."""

import abc


class Interface(abc.ABC):
    __slots__ = ()

    @property
    @abc.abstractmethod
    def x(self): ...


class Example(Interface):
    __slots__ = ("x", "__dict__")


def build():
    made = Example()
    made.x = 1
    return [made]


def after():
    class C(Interface):
        __slots__ = ("x",)

    made = C()
    made.x = 1
    assert made.x == 1

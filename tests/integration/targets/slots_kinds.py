"""Shapes of classes that differ in their kind: abstract and generic classes, protocols, enums, metaclasses, several bases.

Never measures. Keeps to the syntax of Python 3.8. ``kind`` is "plain" or "twin", see slots_measure.Shape.
"""

import abc
import enum
import typing

from slots_measure import Shape
from slots_native import made_with

T = typing.TypeVar("T")


def abstract(kind):
    """An abstract class, which has slots, and one that implements it."""

    class Base(abc.ABC):
        if kind == "twin":
            __slots__ = ()

        @abc.abstractmethod
        def run(self):
            """Do nothing."""

    class Leaf(Base):
        if kind == "twin":
            __slots__ = ("a", "b")

        def __init__(self):
            self.a = self.b = None

        def run(self):
            """Do nothing."""

    return Leaf


def generic(kind):
    """A generic class."""

    class Box(typing.Generic[T]):
        if kind == "twin":
            __slots__ = ("a", "b")

        def __init__(self):
            self.a = self.b = None

    return Box


INT_BOX = {}


def parameterise(cls):
    """Make the alias, which typing keeps."""
    INT_BOX[cls] = cls[int]


def parameterised(cls, number):
    """An instance that remembers its type argument, where it can."""
    return INT_BOX[cls]()


def protocol(kind):
    """A class that says which protocol it follows; from 3.9.7 on Protocol itself has slots."""

    class Runs(typing.Protocol):
        if kind == "twin":
            __slots__ = ()

        def run(self):
            """Do nothing."""

    class Leaf(Runs):
        if kind == "twin":
            __slots__ = ("a", "b")

        def __init__(self):
            self.a = self.b = None

    return Leaf


class Meta(type):
    """A metaclass that only counts."""

    def __new__(meta, name, bases, space):
        """Make the class."""
        return super().__new__(meta, name, bases, space)


def with_metaclass(kind):
    """A class with a metaclass."""

    class Made(metaclass=Meta):
        if kind == "twin":
            __slots__ = ("a", "b", "c")

        def __init__(self):
            self.a = self.b = self.c = None

    return Made


def mixins(kind):
    """Two bases without instances, of which one may keep its names."""

    class Left:
        if kind == "twin":
            __slots__ = ()

        def set_left(self):
            self.a = self.b = None

    class Right:
        if kind == "twin":
            __slots__ = ()

        def set_right(self):
            self.c = None

    class Both(Left, Right):
        if kind == "twin":
            __slots__ = ("a", "b", "c", "d")

        def __init__(self):
            self.set_left()
            self.set_right()
            self.d = None

    return Both


def diamond(kind):
    """A base twice over."""

    class Top:
        if kind == "twin":
            __slots__ = ("a",)

        def __init__(self):
            self.a = None

    class Left(Top):
        if kind == "twin":
            __slots__ = ()

    class Right(Top):
        if kind == "twin":
            __slots__ = ()

    class Bottom(Left, Right):
        if kind == "twin":
            __slots__ = ("b",)

        def __init__(self):
            super().__init__()
            self.b = None

    return Bottom


def list_and_mixin(kind):
    """A mixin beside a built-in type."""

    class Mixin:
        if kind == "twin":
            __slots__ = ()

    class Listed(Mixin, list):
        if kind == "twin":
            __slots__ = ("a",)

    return Listed


def members(kind):
    """An enum, which keeps its dict."""
    return enum.Enum("Many", {}, module=__name__)


def member(cls, number):
    """What enum does for a member."""
    made = object.__new__(cls)
    made._value_ = made._name_ = made.__objclass__ = None
    return made


KINDS = [
    Shape("abstract", abstract),
    Shape("generic", generic),
    Shape("generic_parameterised", generic, parameterised, prepare=parameterise),
    Shape("protocol", protocol),
    Shape("enum", members, member, kinds=("plain",)),
    Shape("metaclass", with_metaclass),
    Shape("mixins", mixins),
    Shape("diamond", diamond),
    Shape("list_and_mixin", list_and_mixin, made_with("a")),
]

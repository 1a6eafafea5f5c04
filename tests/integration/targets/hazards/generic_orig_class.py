"""A generic class whose argument is asked for."""

import typing

T = typing.TypeVar("T")


class Example(typing.Generic[T]):
    def __init__(self):
        self.a = 1


def build():
    return [Example[int]()]


def after():
    class C(typing.Generic[T]):
        __slots__ = ("a",)

    C[int]().__orig_class__

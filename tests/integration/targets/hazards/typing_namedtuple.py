"""A named tuple."""

import typing


class Example(typing.NamedTuple):
    a: int


def build():
    return [Example(1)]


def after():
    class P(typing.NamedTuple):
        __slots__ = ("a",)
        a: int

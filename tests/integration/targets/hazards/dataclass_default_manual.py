"""A dataclass with a default."""

import dataclasses


@dataclasses.dataclass
class Example:
    x: int = 1


def build():
    return [Example()]


def after():
    @dataclasses.dataclass
    class C:
        __slots__ = ("x",)
        x: int = 1

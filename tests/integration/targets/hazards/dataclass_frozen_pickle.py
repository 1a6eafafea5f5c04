"""A frozen dataclass."""

import copy
import dataclasses


@dataclasses.dataclass(frozen=True)
class Example:
    x: int


def build():
    return [Example(1)]


def after():
    @dataclasses.dataclass(frozen=True)
    class C:
        __slots__ = ("x",)
        x: int

    copy.copy(C(1))

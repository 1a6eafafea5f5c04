"""A dataclass whose methods call super()."""

import dataclasses
import sys

AVAILABLE = sys.version_info >= (3, 10)


class A:
    __slots__ = ()

    def hi(self):
        return 1


@dataclasses.dataclass
class Example(A):
    x: int = 1

    def hi(self):
        return super().hi()


def build():
    return [Example()]


def after():
    @dataclasses.dataclass(slots=True)
    class C(A):
        x: int = 1

        def hi(self):
            return super().hi()

    C().hi()

"""A dataclass with weak references to instances."""

import dataclasses
import sys
import weakref

AVAILABLE = sys.version_info >= (3, 10)


@dataclasses.dataclass
class Example:
    x: int = 1


def build():
    made = Example()
    return [made, weakref.ref(made)]


def after():
    @dataclasses.dataclass(slots=True)
    class C:
        x: int = 1

    weakref.ref(C())

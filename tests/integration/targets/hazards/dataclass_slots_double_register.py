"""A base class that registers what is derived from it."""

import dataclasses
import sys

AVAILABLE = sys.version_info >= (3, 10)
REGISTERED = []


class Base:
    __slots__ = ()

    def __init_subclass__(cls, **given):
        REGISTERED.append(cls)


@dataclasses.dataclass
class Example(Base):
    x: int = 1


def build():
    return [Example()]


def after():
    REGISTERED.clear()

    @dataclasses.dataclass(slots=True)
    class C(Base):
        x: int = 1

    assert len(REGISTERED) == 1, "registered %d times" % len(REGISTERED)

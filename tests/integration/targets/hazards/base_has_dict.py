"""A base class without slots: the application's own, and one that is not."""

import json


class Base:
    pass


class Example(Base):
    def __init__(self):
        self.x = 1


class Foreign(json.JSONDecoder):
    pass


def build():
    return [Example(), Foreign()]


def after():
    class A:
        pass

    class B(A):
        __slots__ = ("x",)

    assert not hasattr(B(), "__dict__"), "still has a __dict__"

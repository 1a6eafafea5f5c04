"""Deleting an attribute to fall back to the default."""


class Base:
    __slots__ = ()
    x = "default"


class Example(Base):
    def __init__(self):
        self.x = 1

    def reset(self):
        del self.x


def build():
    return [Example()]


def after():
    class C(Base):
        __slots__ = ("x",)

    made = C()
    made.x = 1
    del made.x
    assert made.x == "default"

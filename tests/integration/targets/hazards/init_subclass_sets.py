"""A hook that sets a class attribute of the same name."""


class Base:
    __slots__ = ()

    def __init_subclass__(cls):
        cls.name = "default"


class Example(Base):
    def __init__(self):
        self.name = "x"


def build():
    return [Example()]


def after():
    class C(Base):
        __slots__ = ("name",)

    C().name = "x"

"""A metaclass, and a kind of module."""

import types


class Example(type):
    pass


class Module(types.ModuleType):
    pass


def build():
    return [Example("Made", (), {}), Module("made")]


def after():
    class M(type):
        __slots__ = ("a",)

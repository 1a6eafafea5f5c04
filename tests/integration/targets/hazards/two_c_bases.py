"""A mixin beside a native base."""


class Example:
    def __init__(self):
        self.a = 1


class Joined(Example, dict):
    pass


def build():
    return [Example(), Joined()]


def after():
    class M:
        __slots__ = ("a",)

    class C(M, dict):
        pass

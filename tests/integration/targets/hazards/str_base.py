"""A subclass of str with an attribute."""


class Example(str):
    def __init__(self, text):
        self.a = 1


def build():
    return [Example("x")]


def after():
    class C(str):
        __slots__ = ("a",)

    made = C("x")
    made.a = 1

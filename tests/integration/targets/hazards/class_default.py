"""A default in the class with the name of an attribute."""


class Example:
    status = None

    def __init__(self):
        self.status = 1


def build():
    return [Example()]


def after():
    class C:
        __slots__ = ("status",)
        status = None

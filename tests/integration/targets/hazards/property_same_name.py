"""A property in front of an entry in __dict__ with its own name."""


class Example:
    def __init__(self):
        self.__dict__["x"] = 1

    @property
    def x(self):
        return self.__dict__["x"]


def build():
    return [Example()]


def after():
    class C:
        __slots__ = ("x",)

        @property
        def x(self):
            return 1

"""An object that is its own __dict__."""


class Example(dict):
    def __init__(self):
        self.__dict__ = self


class Shared:
    state = {"a": 1}

    def __init__(self):
        self.__dict__ = self.state


def build():
    return [Example(), Shared(), Shared()]


def after():
    class C(dict):
        __slots__ = ("a",)

        def __init__(self):
            self.__dict__ = self

    C()

"""A private attribute."""


class Example:
    def __init__(self):
        self.__x = 1


def build():
    return [Example()]


def after():
    class C:
        __slots__ = ("__x",)

        def __init__(self):
            self.__x = 1

    assert C()._C__x == 1

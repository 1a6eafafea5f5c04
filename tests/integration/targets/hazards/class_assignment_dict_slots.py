"""Objects that become a subclass."""


class Example:
    def __init__(self):
        self.x = 1

    def promote(self):
        self.__class__ = Promoted


class Promoted(Example):
    pass


def build():
    return [Example(), Promoted()]


def after():
    class A:
        __slots__ = ("x",)

    class B(A):
        pass

    made = A()
    made.__class__ = B

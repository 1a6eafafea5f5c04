"""A subclass without slots."""


class Example:
    def __init__(self):
        self.a = 1


class Sub(Example):
    pass


def build():
    return [Example(), Sub()]


def after():
    class A:
        __slots__ = ("a",)

    class B(A):
        pass

    assert not hasattr(B(), "__dict__"), "the subclass has a __dict__"

"""Two bases with layouts."""


class Left:
    def __init__(self):
        self.left = 1


class Right:
    __slots__ = ("right",)


class Example(Left):
    def __init__(self):
        self.left = 1


class Joined(Example, Right):
    pass


def build():
    return [Example(), Joined()]


def after():
    class A:
        __slots__ = ("a",)

    class B:
        __slots__ = ("b",)

    class C(A, B):
        pass

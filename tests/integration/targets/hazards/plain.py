"""Nothing stands in the way: no hazard, and none is found."""


class Example:
    def __init__(self, a, b):
        self.a = a
        self.b = b

    def total(self):
        return self.a + self.b

    def __repr__(self):
        return "%s(%r)" % (self.__class__.__name__, self.a)


def build():
    return [Example(1, 2)]


def after():
    class C:
        __slots__ = ("a", "b")

    C().a = 1

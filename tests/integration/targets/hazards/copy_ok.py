"""Plain copies."""

import copy


class Example:
    def __init__(self):
        self.a = [1]


def twice(item):
    return copy.copy(item), copy.deepcopy(item)


def build():
    return [Example()]


def after():
    class C:
        __slots__ = ("a", "b")

        def __init__(self):
            self.a = [1]

    one, two = twice(C())
    assert one.a == [1] and two.a == [1] and not hasattr(two, "b")

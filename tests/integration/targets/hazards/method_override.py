"""An instance with a method of its own."""


class Example:
    def m(self):
        return 1


def build():
    made = Example()
    made.m = lambda: 2
    return [made]


def after():
    class C:
        __slots__ = ("a",)

        def m(self):
            return 1

    C().m = lambda: 2

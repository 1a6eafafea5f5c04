"""An exception."""


class Example(Exception):
    def __reduce__(self):
        return Example, ()


def build():
    made = Example()
    made.code = 1
    return [made]


def after():
    class E(Exception):
        __slots__ = ("code",)

    made = E()
    made.code = 1
    made.other = 2
    assert not made.__dict__, "still has a __dict__"

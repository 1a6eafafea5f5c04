"""An attribute that code deletes."""


class Example:
    def __init__(self):
        self.x = 1

    def close(self):
        del self.x


def build():
    return [Example()]


def after():
    class C:
        __slots__ = ("x",)

    try:
        del C().x
    except AttributeError:
        return
    raise AssertionError

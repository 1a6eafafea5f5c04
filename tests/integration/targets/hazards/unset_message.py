"""An attribute that some instances do not have."""


class Example:
    def __init__(self, number):
        self.number = number
        if number:
            self.a = 1

    def __getattr__(self, name):
        return "default"


def build():
    return [Example(0), Example(1)]


def after():
    class C:
        __slots__ = ("a",)

        def __getattr__(self, name):
            return "default"

    assert C().a == "default"

"""Attributes by computed names."""


class Example:
    def __init__(self, **given):
        for name, value in given.items():
            setattr(self, name, value)


def build():
    return [Example(a=1)]


def after():
    class C:
        __slots__ = ("a",)

        def __init__(self, **given):
            for name, value in given.items():
                setattr(self, name, value)

    C(a=1, rare=2)

"""An attribute that every class has itself."""


class Example:
    "doc"


def build():
    made = Example()
    made.__doc__ = "x"
    return [made]


def after():
    class C:
        "doc"

        __slots__ = ("__doc__",)

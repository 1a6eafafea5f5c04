"""Keys in __dict__ that are no names, or no text."""


class Example:
    pass


class Numbered:
    pass


def build():
    made = Example()
    made.__dict__["a-b"] = 1
    other = Numbered()
    other.__dict__[3] = 1
    return [made, other]


def after():
    class C:
        __slots__ = ("a-b",)

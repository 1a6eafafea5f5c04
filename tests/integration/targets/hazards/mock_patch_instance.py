"""A test double in place of a method."""

from unittest import mock


class Example:
    def m(self):
        return 1


def build():
    made = Example()
    patch = mock.patch.object(made, "m")
    patch.start()
    return [made, patch]


def after():
    class C:
        __slots__ = ("a",)

        def m(self):
            return 1

    with mock.patch.object(C(), "m"):
        pass

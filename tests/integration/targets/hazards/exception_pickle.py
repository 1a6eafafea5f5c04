"""An exception with an attribute."""

import copy


class Example(Exception):
    def __init__(self, text):
        super().__init__(text)
        self.code = 5


class Slotted(Exception):
    __slots__ = ("code",)


def build():
    return [Example("x")]


def after():
    made = Slotted("x")
    made.code = 5
    assert copy.copy(made).code == 5

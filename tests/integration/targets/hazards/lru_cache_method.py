"""A method with a cache."""

import functools


class Example:
    def __init__(self):
        self.a = 1

    @functools.lru_cache(None)
    def f(self):
        return 1


def build():
    return [Example()]


def after():
    class C:
        __slots__ = ("a",)

        @functools.lru_cache(None)
        def f(self):
            return 1

    assert C().f() == 1

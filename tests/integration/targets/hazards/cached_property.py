"""functools.cached_property, and one that somebody wrote."""

import functools


class cached:
    def __init__(self, function):
        self.function = function

    def __get__(self, instance, owner=None):
        value = instance.__dict__[self.function.__name__] = self.function(instance)
        return value


class Example:
    @functools.cached_property
    def x(self):
        return 1


class Other:
    @cached
    def x(self):
        return 1


def build():
    made = [Example(), Other()]
    return [made, [each.x for each in made]]


def after():
    class C:
        __slots__ = ("a",)

        @functools.cached_property
        def x(self):
            return 1

    C().x

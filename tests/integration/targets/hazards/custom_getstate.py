"""State in terms of __dict__."""

import copy


class Example:
    def __init__(self):
        self.a = 1

    def __getstate__(self):
        return self.__dict__.copy()

    def __setstate__(self, state):
        self.__dict__.update(state)


class OneSide:
    def __init__(self):
        self.a = 1

    def __setstate__(self, state):
        for name, value in state.items():
            setattr(self, name, value)


def build():
    return [Example(), OneSide()]


def after():
    class C:
        __slots__ = ("a",)

        def __init__(self):
            self.a = 1

        __getstate__ = Example.__getstate__
        __setstate__ = Example.__setstate__

    copy.copy(C())

"""Pickles of the oldest protocol."""

import pickle


class Example:
    def __init__(self):
        self.a = 1


class Slotted:
    __slots__ = ("a",)

    def __init__(self):
        self.a = 1


def store(item):
    return pickle.dumps(item, 0)


def build():
    made = Example()
    return [made, store(made)]


def after():
    store(Slotted())

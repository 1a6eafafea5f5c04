"""Pickles that outlive the change."""

import pickle


class Example:
    def __init__(self):
        self.a = 1


def store(item):
    return pickle.dumps(item, 4)


def build():
    made = Example()
    return [made, store(made)]


def after():
    global Example
    data = store(Example())
    before = Example

    class Slotted:
        __slots__ = ("a",)

    Slotted.__name__ = Slotted.__qualname__ = "Example"
    try:
        Example = Slotted
        pickle.loads(data)
    finally:
        Example = before

"""What is pickled with slots can be read without."""

import pickle


class Example:
    def __init__(self):
        self.a = 1


def build():
    made = Example()
    return [made, pickle.dumps(made)]


def after():
    global Example
    before = Example

    class Slotted:
        __slots__ = ("a",)

    Slotted.__name__ = Slotted.__qualname__ = "Example"
    try:
        Example = Slotted
        made = Slotted()
        made.a = 1
        data = pickle.dumps(made, 4)
    finally:
        Example = before
    assert pickle.loads(data).a == 1

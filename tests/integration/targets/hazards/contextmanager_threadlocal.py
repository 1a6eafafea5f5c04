"""Attributes that each thread has for itself."""

import threading


class Example(threading.local):
    pass


def build():
    made = Example()
    made.x = 1
    return [made]


def after():
    class C(threading.local):
        __slots__ = ("a",)

    made = C()
    made.a = 1
    seen = []
    thread = threading.Thread(target=lambda: seen.append(hasattr(made, "a")))
    thread.start()
    thread.join()
    assert seen == [False], "the slot is shared between threads"

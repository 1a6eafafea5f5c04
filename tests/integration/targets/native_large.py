"""One large structure, for a walk that takes its time: ``native_large.py KIND COUNT``."""

import faulthandler
import gc
import os
import sys
import threading

import probe


class Link:
    """A link of a list that only recursion could follow."""

    __slots__ = ("next", "value")


def chain(count):
    """A linked list: each link holds the next."""
    first = None
    for _ in range(count):
        link = Link()
        link.next = first
        first = link
    return first


def untracked(count):
    """Tuples of atoms, which the collector forgets once it has looked at them."""
    made = [(number, "a") for number in range(count)]
    gc.collect()
    return made


def nested(count):
    """Tuples in tuples, forgotten by the collector from the innermost on."""
    made = (1,)
    for number in range(count):
        made = (made, number)
        if number % 100000 == 0:
            gc.collect()
    gc.collect()
    return made


def lists(count):
    """Lists in lists."""
    made = []
    for _ in range(count):
        made = [made]
    return made


def handler(count):
    """A handler that writes to stderr when its process crashes."""
    faulthandler.enable()
    return untracked(count)


KINDS = {
    "chain": chain,
    "untracked": untracked,
    "nested": nested,
    "lists": lists,
    "numbers": lambda count: {number: number for number in range(count)},
    "texts": lambda count: [str(number) for number in range(count)],
    "faulthandler": handler,
}
HELD = KINDS[sys.argv[1]](int(sys.argv[2]))
probe.make_markers()
probe.start()
threading.Event().wait()
os._exit(0)  # a deep structure is not taken apart

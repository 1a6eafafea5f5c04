"""A service whose registry grows beside heavy churn, and other ways to grow; one step per line on its stdin.

Prints ``ready PID``, then ``step N`` after each step. What grows, and by how much, is counted by the service itself.
Runs under Python 3.8 and newer.
"""

import collections
import functools
import sys


class Session:
    """What is never removed."""

    def __init__(self, number):
        self.number = number
        self.user = "user %d" % number
        self.history = [number * 1.5, str(number)]


class Registry:
    """Holds sessions, as an attribute of an instance."""

    def __init__(self):
        self.sessions = {}
        self.limit = 10


class Node:
    """A link of a chain."""

    def __init__(self, after):
        self.after = after
        self.data = bytes(150)


class Bin:
    """One of a fixed number of parts that grow each."""

    __slots__ = ("items",)

    def __init__(self):
        self.items = []


@functools.lru_cache(maxsize=None)
def compute(number):
    """A cache without a limit."""
    return "result %d " % number + "x" * 120


REGISTRY = Registry()
CHAIN = collections.deque()
CHAIN.append(Node(None))
BINS = [Bin() for _ in range(16)]
BY_NUMBER = {}
BY_NAME = {}
HANDLERS = []
REQUESTS = {}
BATCH = []
COUNTS = {"steps": 0, "hits": 0}
CHURN = (20, 4, 31, 9, 26, 40, 3)


def subscribe(number):
    """Keep a closure: the classic list of callbacks."""
    payload = ["payload %d" % number] * 20

    def callback():
        return payload

    HANDLERS.append(callback)


def step(number):
    """Grow a little everywhere, and churn a lot."""
    for each in range(1000 * number, 1000 * (number + 1)):
        REGISTRY.sessions[each] = Session(each)
    for each in range(160):
        CHAIN[0] = Node(CHAIN[0])
        BINS[each % 16].items.append("item %d" % (1000 * number + each))
        compute(1000 * number + each)
        subscribe(each)
        indexed = Bin()
        indexed.items.append(bytes(100))
        BY_NUMBER[1000 * number + each] = BY_NAME["name %d" % (1000 * number + each)] = indexed
    REQUESTS.clear()
    REQUESTS[sys.intern("request_%d" % number)] = [bytes(1000) for _ in range(100 + 200 * (number % 2))]
    BATCH[:] = [{"payload": bytes(1000), "number": each} for each in range(400 * CHURN[number % len(CHURN)])]
    COUNTS["steps"] += 1


def main():
    """Answer every line with a step."""
    step(0)
    print("ready", flush=True)
    for number, _ in enumerate(sys.stdin, 1):
        step(number)
        print("step %d" % number, flush=True)


main()

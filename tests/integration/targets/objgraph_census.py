"""A heap whose census objgraph takes from the inside, for comparison."""

import collections
import gc
import threading

import objgraph
import probe


class Node:
    """A record with a dict."""

    def __init__(self, number):
        self.number = number
        self.next = None
        self.items = [number]


class Leaf(Node):
    """A subclass with slots of its own."""

    __slots__ = ("extra",)


NODES = [Node(number) for number in range(500)]
LEAVES = [Leaf(number) for number in range(200)]
QUEUES = [collections.deque([number]) for number in range(50)]
CLOSURES = [(lambda number=number: number) for number in range(40)]
for first, second in zip(NODES, NODES[1:]):
    first.next = second


def census():
    """Count what is alive, garbage in cycles aside."""
    gc.collect()
    return {"census": objgraph.typestats(shortnames=False)}


probe.make_markers()
probe.start(census)
threading.Event().wait()

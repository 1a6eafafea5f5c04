"""Four threads drop cycles, collect and pause: without a GIL each collection stops all the others, main joins them."""

import gc
import threading
import time

import probe

PAUSE_S = 0.002


class Node:
    """One half of a cycle."""

    def __init__(self):
        self.other = None


def collect():
    """Make garbage and collect it, without end."""
    while True:
        for _ in range(50):
            first, second = Node(), Node()
            first.other, second.other = second, first
        gc.collect()
        time.sleep(PAUSE_S)


gc.disable()  # gc.collect() alone: the automatic one has thresholds that grow with the heap
probe.make_markers()
threads = [threading.Thread(target=collect, name="collect-%d" % number, daemon=True) for number in range(4)]
for thread in threads:
    thread.start()
probe.start()
for thread in threads:
    thread.join()

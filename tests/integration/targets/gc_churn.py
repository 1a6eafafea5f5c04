"""Four threads make and drop cycles, and collect; main joins them."""

import gc
import threading

import probe


class Node:
    """One half of a cycle."""

    def __init__(self):
        self.other = None


def churn():
    """Make garbage without end."""
    rounds = 0
    while True:
        for _ in range(50):
            first, second = Node(), Node()
            first.other, second.other = second, first
        rounds += 1
        if rounds % 200 == 0:
            gc.collect()


probe.make_markers()
threads = [threading.Thread(target=churn, name="churn-%d" % number, daemon=True) for number in range(4)]
for thread in threads:
    thread.start()
probe.start()
for thread in threads:
    thread.join()

"""A thread ticks every millisecond and keeps its own longest pause; argument: how many objects the heap holds (0)."""

import sys
import threading
import time

import probe

TICKS = {"ticks": 0, "longest_gap_ns": 0}
RECORDS = []


class Record:
    """What the heap is full of: one instance, its values, one list."""

    def __init__(self, number):
        self.number = number
        self.tags = [number]


def tick():
    """Note the longest time between two ticks."""
    last = time.perf_counter_ns()
    while True:
        time.sleep(0.001)
        now = time.perf_counter_ns()
        TICKS["longest_gap_ns"] = max(TICKS["longest_gap_ns"], now - last)
        TICKS["ticks"] += 1
        last = now


def take_ticks():
    """Hand over the longest pause so far, and start anew."""
    taken = dict(TICKS)
    TICKS["longest_gap_ns"] = 0
    return taken


count = int(sys.argv[1]) if len(sys.argv) > 1 else 0
RECORDS.extend(Record(number) for number in range(count // 2))
probe.make_markers()
threading.Thread(target=tick, name="tick", daemon=True).start()
probe.start(take_ticks)
threading.Event().wait()

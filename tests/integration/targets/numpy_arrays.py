"""Objects that only a numpy array holds, and a small view that keeps a large array alive."""

import threading

import numpy as np
import probe

HELD_COUNT = 777
BASE_BYTES = 8000000


class HeldByArray:
    """Only an array of dtype object refers to the instances."""

    def __init__(self, number):
        self.number = number


ARRAY = np.empty(HELD_COUNT, dtype=object)
for index in range(HELD_COUNT):
    ARRAY[index] = HeldByArray(index)
VIEW = np.zeros(BASE_BYTES // 8)[:10]
probe.make_markers()
probe.start()
threading.Event().wait()

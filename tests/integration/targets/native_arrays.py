"""Arrays of every kind, and tables of pandas where it is installed ("pandas" as first argument asks for them)."""

import sys
import threading

import numpy as np
import probe


class Held:
    """Only arrays refer to the instances."""

    def __init__(self, number):
        self.number = number


def arrays():
    """Objects, bases, views, strides, structures."""
    objects = np.empty((6, 5), dtype=object)
    for row in range(6):
        for column in range(4):
            objects[row, column] = Held(row * column)
    made = [objects, objects.T, objects[::2, 1:3], objects.copy(order="F"), np.array(Held(1), dtype=object)]
    made += [np.empty((0, 5), dtype=object), np.empty(300, dtype=object), np.zeros(10**6)[:10], np.arange(5)[::-1]]
    made += [np.array(["a", "bc"]), np.array([1j]), np.zeros(3, dtype=[("a", "i4"), ("b", "f8")]), np.ma.array([1, 2])]
    made += [np.float64(1.5), np.int32(5), np.datetime64("2020-01-01"), np.dtype("i8"), np.matrix([[1]])]
    made += [np.frombuffer(bytearray(100), dtype="u1"), np.broadcast_to(np.arange(3), (4, 3)), np.random.default_rng(1)]
    made += [np.array([[], [1], [Held(9)]], dtype=object), np.array([object()] * 9, dtype=object).reshape(3, 3)]
    return made


def tables():
    """Columns of objects, categories, times, and an index."""
    import pandas as pd

    frame = pd.DataFrame(
        {"a": range(500), "b": ["text %d" % n for n in range(500)], "c": [Held(n) for n in range(500)]}
    )
    frame["d"] = pd.Categorical(["x", "y"] * 250)
    frame["e"] = pd.date_range("2020-01-01", periods=500)
    return [frame, frame.groupby("d").count(), frame["b"].str.upper(), frame.set_index("e"), frame[["a", "c"]][::3]]


HELD = [arrays(), tables() if "pandas" in sys.argv else None]
probe.make_markers()
probe.start()
threading.Event().wait()

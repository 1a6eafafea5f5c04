"""A target whose memory is known: what it has allocated, and what malloc itself says of that (mallinfo2).

Arguments: what to fill the memory with. It answers each line on stdin with a JSON line.
"""

import ctypes
import json
import random
import sys
import threading
import time
from collections import OrderedDict

FREED = 2000 * 100000
SMALL_BLOCKS = 50000
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
KEPT = []


class MallocInfo(ctypes.Structure):
    """``struct mallinfo2``."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in FIELDS)


libc.mallinfo2.restype = MallocInfo


class Session:
    """One of many."""

    def __init__(self, number):
        self.user = "user-%d" % number
        self.cart = list(range(number % 20))
        self.blob = bytes(300 + number % 900)


def block(size):
    """Allocate and write to a block of malloc's."""
    address = libc.malloc(size)
    libc.memset(address, 1, size)
    return address


def fill_native():
    """Many blocks, freed but for every 20th; small ones, of which every other is free; large ones."""
    blocks = [block(100000) for _ in range(2000)]
    for number, address in enumerate(blocks):
        if number % 20:
            libc.free(address)
    small = [block(40) for _ in range(SMALL_BLOCKS)]
    for address in small[::2]:
        libc.free(address)
    block(40 << 20)
    libc.malloc(30 << 20)  # never written


def fill_registry():
    """Sessions that nobody ends."""
    KEPT.append({number: Session(number) for number in range(40000)})


def fill_exceptions():
    """Exceptions, and with their tracebacks the variables of frames."""

    def fail(number):
        body, items = bytearray(2000), [number] * 50
        raise ValueError(number, len(body), len(items))

    for number in range(8000):
        try:
            fail(number)
        except ValueError as error:
            KEPT.append(error)


def fill_callbacks():
    """Closures whose only reference is one that C code holds."""
    for number in range(20000):
        values = {"number": number, "text": "x" * 200}

        def callback(values=values):
            return values

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(callback))


def fill_healthy():
    """A bounded cache, churned, then at rest; and threads with a heap of their own each."""
    cache, is_done = OrderedDict(), threading.Event()
    KEPT.append(cache)
    source = random.Random(1)

    def churn():
        for _ in range(20000):
            cache[source.random()] = {"a": [1, 2, 3], "b": "x" * source.randrange(2000)}
            while len(cache) > 4000:
                cache.popitem(last=False)
        is_done.set()
        time.sleep(3600)

    churn_first = threading.Thread(target=churn, daemon=True)
    churn_first.start()
    is_done.wait()
    for _ in range(4):
        threading.Thread(target=lambda: (block(5000), time.sleep(3600)), daemon=True).start()
    time.sleep(0.2)


def fill_numpy():
    """Arrays of all sizes, written and not."""
    import numpy as np

    KEPT.append([np.ones(size) for size in range(1000, 100000, 1000)])
    KEPT.append(np.zeros(10000000))  # never written
    KEPT.append(np.arange(5000000)[::2])
    KEPT.append([np.ones(5) for _ in range(5000)])


def fill_pandas():
    """Frames of numbers, dates, categories and texts, joined and grouped, as a service of figures has them."""
    import numpy as np
    import pandas as pd

    count = 400000
    values = {"value": np.arange(count) * 0.5, "number": np.arange(count), "flag": np.arange(count) % 3 == 0}
    frame = pd.DataFrame(values)
    frame["day"] = pd.date_range("2020-01-01", periods=count, freq="min")
    frame["kind"] = pd.Categorical.from_codes(np.arange(count) % 20, ["kind %d" % number for number in range(20)])
    frame["text"] = np.array(["text %d" % (number % 30000) for number in range(count)], dtype=object)
    KEPT.append(frame)
    KEPT.append(frame.groupby("kind", observed=True)[["value", "number"]].sum())
    KEPT.append(frame.merge(frame[["number", "value"]].iloc[::2], on="number", suffixes=("", "_2")))
    KEPT.append({number: frame.iloc[number * 1000 : number * 1000 + 1000].copy() for number in range(50)})


def fill_idle():
    """Nothing."""


def malloc_says():
    """Return what malloc says, and nothing between that and waiting."""
    found = libc.mallinfo2()
    return {name: getattr(found, name) for name in FIELDS}


def main():
    """Fill, say so, answer."""
    for name in sys.argv[1:]:
        globals()["fill_" + name]()
    malloc_says(), json.dumps(malloc_says())  # what these allocate once is there
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(malloc_says()), flush=True)


main()

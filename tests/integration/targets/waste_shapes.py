"""Keeps memory in every wasteful way that heapscope knows, applies the fixes when told to, and says what each gave back.

Reads names of fixes, one a line; answers each with the bytes that its own lines have allocated before and after, rounded
as the allocator rounds them.
"""

import _tracemalloc
import array
import gc
import json
import sys
import tracemalloc

COUNT = 2000
tracemalloc.start()


class Item:
    """Has an attribute that is seldom filled."""

    def __init__(self, number):
        self.number = number
        self.name = None
        self.tags = []


class Many:
    """Has more attributes than a class can share keys for."""

    def __init__(self):
        for number in range(35):
            setattr(self, "attribute%d" % number, None)


class Half:
    """Has half of them, and a place for the other half."""

    def __init__(self):
        for number in range(18):
            setattr(self, "attribute%d" % number, None)


class Bag:
    """Has attributes that no other has."""

    def __init__(self, number):
        self.first = self.second = None
        if number % 2:
            del self.first
            self.first = None
        for other in range(3):
            setattr(self, "own%d" % (3 * number + other), None)


class Polluted:
    """Has two attributes, and room for those of an outlier."""

    def __init__(self):
        self.a = self.b = None


class Clean:
    """Has two attributes."""

    def __init__(self):
        self.a = self.b = None


class Row:
    """What a record should be."""

    __slots__ = ("key", "name", "price")

    def __init__(self, key, name, price):
        self.key, self.name, self.price = key, name, price


def sparse_dict():
    made = {("key", number): None for number in range(100)}
    for number in range(95):
        del made[("key", number)]
    return made


def sparse_list():
    made = []
    made.append(None)
    return made


def sparse_set():
    made = set(range(100))
    for number in range(95):
        made.discard(number)
    return made


outlier = Polluted()
for number in range(24):
    setattr(outlier, "rare%d" % number, None)

ROWS = [{"key": None, "name": None, "price": None} for _ in range(COUNT)]
ITEMS = [Item(None) for _ in range(COUNT)]
READ = [Item(None) for _ in range(COUNT)]
for item in READ:
    item.tags = None
    vars(item)
MANY = [Many() for _ in range(COUNT)]
BAGS = [Bag(number) for number in range(COUNT)]
POLLUTED = [Polluted() for _ in range(COUNT)]
FLOATS = [number * 1.5 for number in range(5 * COUNT)]
INTS = list(range(1000, 1000 + 5 * COUNT))
LONGS = tuple(range(10**12, 10**12 + 5 * COUNT))
DICTS = [sparse_dict() for _ in range(COUNT)]
LISTS = [sparse_list() for _ in range(COUNT)]
SETS = [sparse_set() for _ in range(COUNT)]
WIDE = [chr(0x444) + "x" * 300 + str(number) for number in range(COUNT)]
TEXTS = ["some text %d" % (number % 10) for number in range(COUNT)]
BYTES = [("some bytes that are longer %d" % (number % 10)).encode() for number in range(COUNT)]
TRAINED = [Clean() for _ in range(60)], [Half() for _ in range(60)]


def fix_records():
    ROWS[:] = [Row(**row) for row in ROWS]


def fix_read():
    READ[:] = [Item(None) for _ in READ]
    for item in READ:
        item.tags = None


def fix_many():
    halves = [Half() for _ in range(2 * COUNT)]
    MANY[:] = list(zip(halves[::2], halves[1::2]))
    MANY[:] = [half for pair in MANY for half in pair]


def fix_bags():
    BAGS[:] = [Clean() for _ in BAGS]


def fix_reserved():
    POLLUTED[:] = [Clean() for _ in POLLUTED]


def fix_floats():
    globals()["FLOATS"] = array.array("d", FLOATS)


def fix_ints():
    globals()["INTS"] = array.array("i", INTS)


def fix_longs():
    globals()["LONGS"] = array.array("q", LONGS)


def fix_dicts():
    DICTS[:] = [dict(one.items()) for one in DICTS]


def fix_lists():
    LISTS[:] = [one[:] for one in LISTS]


def fix_sets():
    SETS[:] = [set(one) for one in SETS]


def fix_texts():
    kept = {}
    TEXTS[:] = [kept.setdefault(text, text) for text in TEXTS]


def fix_wide():
    WIDE[:] = [text.encode() for text in WIDE]


def fix_bytes():
    kept = {}
    BYTES[:] = [kept.setdefault(text, text) for text in BYTES]


def fix_empty():
    for item in ITEMS:
        item.tags = None


def block(size):
    return (size + 15) // 16 * 16 if size <= 512 else max(32, (size + 8 + 15) // 16 * 16)


def allocated():
    # Twice: what lies in free lists is given back by a full collection only.
    gc.collect()
    gc.collect()
    total = 0
    for trace in _tracemalloc._get_traces():  # what take_snapshot() wraps in slow objects
        size, (frame, *_) = trace[1], trace[2]
        if frame[0] == __file__ and frame[1] < LAST_LINE:
            total += block(size)
    return total


LAST_LINE = allocated.__code__.co_firstlineno
allocated()
print("ready", flush=True)
for line in sys.stdin:
    before = allocated()
    globals()["fix_" + line.strip()]()
    print(json.dumps([before, allocated()]), flush=True)

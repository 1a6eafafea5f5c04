"""One measurement of the article's stress test, in a process of its own: prints one JSON object.

Never imports heapscope. Keeps to the syntax of Python 3.8.

    slots_article.py stress dict|slots COUNT        the article's figures, and the true ones
    slots_article.py creation both COUNT             processor time to make them
    slots_article.py trace SHAPE COUNT              what tracemalloc says; then waits for the end of stdin, to be captured
    slots_article.py say SHAPE COUNT                what the naive formula and pympler say
"""

import gc
import json
import os
import re
import sys
import tempfile
import time
import tracemalloc

ROUNDS = 15


class DataItem:
    """The article's class."""

    def __init__(self, name, age, address):
        self.name = name
        self.age = age
        self.address = address


class SlottedItem:
    """The same with slots."""

    __slots__ = ("name", "age", "address")  # noqa: RUF023 - the article's order

    def __init__(self, name, age, address):
        self.name = name
        self.age = age
        self.address = address


class ReadItem(DataItem):
    """Somebody reads its __dict__ once."""

    def __init__(self):
        super().__init__(None, None, None)
        vars(self)


class ListItem(list):
    """A list with two attributes."""

    def __init__(self):
        super().__init__()
        self.name = self.age = None


class WeakItem:
    """Slots, weakly referenceable."""

    __slots__ = ("__weakref__", "address", "age", "name")

    def __init__(self):
        self.name = self.age = self.address = None


LARGE = {"__name__": __name__}
exec("class LargeItem:\n  def __init__(self):\n" + "".join("    self.a%d = None\n" % each for each in range(30)), LARGE)
SHAPES = {
    "three": lambda: DataItem(None, None, None),
    "three_slots": lambda: SlottedItem(None, None, None),
    "weak_slots": WeakItem,
    "thirty": LARGE["LargeItem"],
    "dict_read": ReadItem,
    "list": ListItem,
}


def get_size(obj, seen=None):
    """Add up sys.getsizeof over what an object refers to: the recipe that the article uses."""
    size = sys.getsizeof(obj)
    if seen is None:
        seen = set()
    if id(obj) in seen:
        return 0
    seen.add(id(obj))
    if isinstance(obj, dict):
        size += sum(get_size(value, seen) for value in obj.values())
        size += sum(get_size(key, seen) for key in obj)
    elif hasattr(obj, "__dict__"):
        size += get_size(obj.__dict__, seen)
    elif hasattr(obj, "__iter__") and not isinstance(obj, (str, bytes, bytearray)):
        size += sum(get_size(item, seen) for item in obj)
    return size


def resident():
    """Return the resident bytes of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def pool_bytes():
    """Return the bytes of all blocks that pymalloc has in use."""
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        sys._debugmallocstats()
        os.dup2(kept, 2)
        os.close(kept)
        file.seek(0)
        rows = re.findall(rb"^\s*\d+\s+(\d+)\s+\d+\s+(\d+)\s+\d+\s*$", file.read(), re.MULTILINE)
    return sum(int(size) * int(used) for size, used in rows)


def filled(make, count):
    """Make so many."""
    held = [None] * count
    for number in range(count):
        held[number] = make()
    return held


def stress(kind, count):
    """The article's test: 100,000 items that share their values."""
    cls = DataItem if kind == "dict" else SlottedItem

    def make():
        return cls("Alex", 42, "-")

    filled(make, 100)
    held = [None] * count
    gc.collect()
    before, pools = resident(), pool_bytes()
    for number in range(count):
        held[number] = make()
    number = None
    grown, pools = resident() - before, pool_bytes() - pools
    del held
    tracemalloc.start()
    kept = filled(make, count)
    traced = tracemalloc.get_traced_memory()[0] - 8 * count
    tracemalloc.stop()
    return {
        "getsizeof": sys.getsizeof(kept[0]),
        "get_size": get_size(make()),
        "traced": traced,
        "resident": grown,
        "block": round(pools / count),
    }


FILL = """
def fill(cls, held, places):
    for at in places:
        held[at] = cls("Alex", 42, "-")
"""


def creation(count):
    """Seconds of processor time to make so many of each kind: the best of several rounds, in turn, without the collector.

    Each class has a loop of its own: the interpreter adapts a call to what it has seen there.
    """
    best = {}
    loops = {}
    for kind, cls in (("dict", DataItem), ("slots", SlottedItem)):
        space = {}
        exec(FILL, space)
        loops[kind] = (space["fill"], cls)
    gc.collect()
    gc.disable()
    for _ in range(ROUNDS):
        for kind, (fill, cls) in loops.items():
            held = [None] * count
            started = time.thread_time()
            fill(cls, held, range(count))
            seconds = time.thread_time() - started
            best[kind] = min(best.get(kind, seconds), seconds)
            del held
    return best


def traced(shape, count):
    """What tracemalloc says of instances of a class that has settled."""
    make = SHAPES[shape]
    filled(make, 100)
    held = [None] * count
    gc.collect()
    tracemalloc.start()
    for number in range(count):
        held[number] = make()
    number = None
    size = sum(trace.size for trace in tracemalloc.take_snapshot().traces)
    tracemalloc.stop()
    return held, {"traced": size / count, "type": "%s.%s" % (type(held[0]).__module__, type(held[0]).__qualname__)}


def said(shape, count):
    """What is said of the same instances: sys.getsizeof of it and its dict, and pympler of all together, without values."""
    make = SHAPES[shape]
    filled(make, 100)
    held = filled(make, count)
    one = make()
    naive = sys.getsizeof(one) + (sys.getsizeof(one.__dict__) if hasattr(one, "__dict__") else 0)
    try:
        from pympler import asizeof
    except ImportError:
        return {"naive": naive, "pympler": None}
    return {"naive": naive, "pympler": asizeof.asizeof(*held) / count}


def main():
    """Answer one question."""
    what, which, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    held = None
    if what == "stress":
        answer = stress(which, count)
    elif what == "creation":
        answer = creation(count)
    elif what == "say":
        answer = said(which, count)
    else:
        held, answer = traced(which, count)
    print(json.dumps(answer), flush=True)
    if held is not None:
        sys.stdin.read()


main()

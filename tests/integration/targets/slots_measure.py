"""Measure what the instances of one class take: tracemalloc's sizes, rounded as the allocator does, and pymalloc's own count.

Never imported by anything but slots_corpus.py. Keeps to the syntax of Python 3.8.
"""

import functools
import gc
import os
import re
import sys
import tempfile
import tracemalloc

WARM_UP = 1100  # calls, from which on 3.8 to 3.10 keep a cache per function
SETTLED = 64  # instances, after which a class's shared keys have their final capacity
SMALL = 512
OWN_MODULES = ("slots_shapes", "slots_lines", "slots_native", "slots_kinds")
KEPT = []
_ROW = re.compile(rb"^\s*\d+\s+(\d+)\s+\d+\s+(\d+)\s+\d+\s*$", re.MULTILINE)


class Shape:
    """One shape: how its classes are defined, how an instance is made, and what is expected of it.

    ``define(kind)`` gives a fresh class; kind is "plain", "twin" (slotted as advised) or "leaf" (only the last class is).
    ``prepare(cls)`` makes what Python keeps per class and no instance causes. ``make(cls, number)`` makes one instance.
    ``after(instances)`` runs when all is measured. ``early``: of a class that had no instances before.
    ``contents(made)`` gives the sizes of blocks that an instance has for what it contains.
    """

    def __init__(self, name, define, make=None, kinds=("plain", "twin"), count=0, **more):
        self.name = name
        self.define = define
        self.make = make or (lambda cls, number: cls())
        self.kinds = kinds if sys.version_info >= more.pop("since", (3, 8)) else ()
        self.count = count
        self.prepare = more.pop("prepare", None)
        self.after = more.pop("after", None)
        self.exact = more.pop("exact", True)
        self.early = more.pop("early", False)
        self.contents = more.pop("contents", lambda made: ())
        assert not more


def measure(shape, count):
    """Return {kind: figures} and keep the instances."""
    found = {}
    for kind in shape.kinds:
        gc.freeze()  # what is there already need not be looked through at each collection
        found[kind] = measure_kind(shape, kind, shape.count or count)
    gc.unfreeze()
    return found


def rehearse(shape, count):
    """Measure in all ways and keep nothing: the first time, the interpreter makes and drops things of its own."""
    for _ in range(2):
        pool_growth(shape, "plain", count)
        traced(defined(shape, "plain", "rehearsal"), shape, count, keep=False)
    gc.collect()


def measure_kind(shape, kind, count):
    """Measure one kind of class: after a run to warm up, by pymalloc's own count, then twice with tracemalloc."""
    fill(defined(shape, kind, "warm"), shape, WARM_UP if sys.version_info < (3, 11) else 8)
    pools = pool_growth(shape, kind, count) - pool_noise(count)
    noise = traced(defined(shape, kind, "dropped"), shape, count, keep=False)[1]
    first = traced(defined(shape, kind, "first"), shape, count)[1]
    cls = defined(shape, kind, kind)
    held, second = traced(cls, shape, count)
    # Not the instances' is what stays without them (tables of the class, caches), and what only one of two runs allocated.
    sizes = {size: min(number, first.get(size, 0)) - noise.get(size, 0) for size, number in second.items()}
    contents = [size for made in held for size in shape.contents(made)]
    if shape.after is not None:
        KEPT.append(shape.after(held))
    KEPT.append(held)
    return {
        "type": "%s.%s" % (cls.__module__, cls.__qualname__),
        "count": count,
        "exact": shape.exact,
        "early": shape.early,
        "assigned": assigned(cls) if "leaf" in shape.kinds else {},
        "contents": [sum(contents), sum(map(block, contents))],
        "requested": sum(size * number for size, number in sizes.items()),
        "allocated": sum(block(size) * number for size, number in sizes.items()),
        "small": sum(block(size) * number for size, number in sizes.items() if size <= SMALL),
        "pools": pools,
        "sizes": {str(size): number for size, number in sorted(sizes.items()) if number},
    }


def pool_growth(shape, kind, count):
    """Return by how much the instances make pymalloc's blocks in use grow."""
    cls = defined(shape, kind, "counted")
    settle(cls, shape)
    held = [None] * count
    before = pool_bytes()
    for number in range(count):
        held[number] = shape.make(cls, number)
    return pool_bytes() - before


def assigned(cls):
    """Return {class: names that its own __init__ assigns}."""
    found = {}
    for one in cls.__mro__[:-1]:
        if "__init__" in vars(one):
            names = set(one.__init__.__code__.co_names) - {"super", "__init__"}
            found["%s.%s" % (one.__module__, one.__qualname__)] = sorted(names)
    return found


def defined(shape, kind, label):
    """Define the class anew and name it and its bases after shape and kind."""
    cls = shape.define(kind)
    for above, one in enumerate(cls.__mro__):
        if one.__module__ in OWN_MODULES:
            one.__module__ = "corpus_%s_%s" % (shape.name, label)
            one.__qualname__ = one.__name__ if above == 0 or one.__name__ != cls.__name__ else "Above%d" % above
    if shape.prepare is not None:
        shape.prepare(cls)
    return cls


@functools.lru_cache(maxsize=None)
def pool_noise(count):
    """Return what grows without any instance; the first times something more does."""
    for _ in range(3):
        pool_growth(NOTHING, "plain", count)
    return pool_growth(NOTHING, "plain", count)


def settle(cls, shape):
    """Make and drop instances, until the keys that they share have their final capacity."""
    if not shape.early:
        for number in range(SETTLED):
            shape.make(cls, number)


def fill(cls, shape, count):
    """Make and drop instances."""
    for number in range(count):
        shape.make(cls, number)


def traced(cls, shape, count, keep=True):
    """Make instances under tracemalloc; return them, and {requested bytes: blocks} of what was made and stays.

    Without ``keep`` each instance goes before the next one comes.
    """
    settle(cls, shape)
    held = [None] * count
    gc.collect()
    tracemalloc.start()
    for number in range(count):
        held[number] = shape.make(cls, number)
        if not keep:
            held[number] = None
    number = None
    gc.collect()
    snapshot = tracemalloc.take_snapshot()
    tracemalloc.stop()
    sizes = {}
    for trace in snapshot.traces:
        sizes[trace.size] = sizes.get(trace.size, 0) + 1
    return held, sizes


def block(size):
    """Round one request as the allocator does."""
    if size <= SMALL:
        return max(size + 15 & ~15, 16)
    return max(size + 23 & ~15, 32)


def pool_bytes():
    """Return the bytes of all blocks that pymalloc has in use, as it says itself."""
    gc.collect()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            sys._debugmallocstats()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        text = file.read()
    return sum(int(size) * int(used) for size, used in _ROW.findall(text))


NOTHING = Shape("nothing", lambda kind: object, lambda cls, number: None)

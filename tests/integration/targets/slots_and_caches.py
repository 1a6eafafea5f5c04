"""Slots of every kind, and lru_caches that were asked: what each object holds by which name, and what each cache says of itself.

Keeps to the syntax of Python 3.8; standard library only. {"ask": "truth"} gives {"slots": ..., "caches": ...} by address.
"""

import functools
import json
import sys


class Base:
    """Slots that a subclass adds to, one of them private, one never filled."""

    __slots__ = ("__private", "empty", "left", "right")

    def __init__(self, number):
        self.left = [number]
        self.right = {number: number}
        self.__private = (number, [])


class Derived(Base):
    """Slots of its own, and one for weak references."""

    __slots__ = ("__weakref__", "extra", "grün", "late")

    def __init__(self, number):
        super().__init__(number)
        self.extra = [number]
        self.grün = [number, number]


class Whole:
    """All slots are filled."""

    __slots__ = ("items", "owner")

    def __init__(self, owner):
        self.items = [[], [owner]]
        self.owner = owner


class SameTwice(Base):
    """Two slots hold the same object."""

    __slots__ = ("again",)

    def __init__(self, number):
        super().__init__(number)
        self.again = self.left


class Items(list):
    """A list with slots."""

    __slots__ = ("owner", "tags")


class OpenBelow(Base):
    """A dict beside the slots of the base: how many references come before the slots depends on the version."""


def slots_of(item):
    """Give what an object holds in slots, by name."""
    names = [name for kind in type(item).__mro__ for name in kind.__dict__.get("__slots__", ())]
    found = {}
    for kind in type(item).__mro__:
        for name in kind.__dict__.get("__slots__", ()):
            mangled = "_%s%s" % (kind.__name__, name) if name == "__private" else name
            if name != "__weakref__" and hasattr(item, mangled):
                found[mangled] = id(getattr(item, mangled))
    assert len(found) <= len(names)
    return found


@functools.lru_cache(maxsize=None)
def unbounded(number):
    """Keep everything."""
    return {"number": number}


@functools.lru_cache(maxsize=50)
def bounded(number):
    """Keep 50 results, which are dicts: none of them is the cache's own."""
    return {"number": number}


@functools.lru_cache(maxsize=0)
def useless(number):
    """Keep nothing."""
    return [number]


@functools.lru_cache(typed=True)
def typed(number):
    """Keep 128 results; of another type is another."""
    return [number]


@functools.lru_cache(maxsize=None)
def never(number):
    """Never asked."""
    return number


CACHES = (unbounded, bounded, useless, typed, never)


class WithMethod:
    """A cache in a class."""

    @functools.lru_cache(maxsize=7)  # noqa: B019 - that is what is looked for
    def method(self, number):
        """Keep self."""
        return [self, number]


def items_with_slots():
    """Make a list that has slots."""
    made = Items([[1], [2]])
    made.owner = [3]
    made.tags = [4]
    return made


def partly(number):
    """Make an object of which fewer slots are filled."""
    made = Base.__new__(Base)
    if number % 2:
        made.left = [number]
    if number % 3:
        made.empty = [number]
    return made


HELD = [Base(number) for number in range(5)] + [Derived(number) for number in range(5)]
HELD += (
    [Whole(HELD[0]) for _ in range(5)] + [SameTwice(1), items_with_slots()] + [partly(number) for number in range(6)]
)
OPEN = [OpenBelow(number) for number in range(3)]
HELD[-7].extend([number] for number in range(70000))  # more references than the walker keeps at a time


def main():
    """Ask the caches, then answer."""
    holder = WithMethod()
    for number in range(300):
        unbounded(number // 3)
        bounded(number % 70)
        useless(number)
        typed(number % 10)
        typed(float(number % 10))
        holder.method(number % 5)
    caches = {str(id(one)): list(one.cache_info()) for one in (*CACHES, WithMethod.__dict__["method"])}
    slots = {str(id(item)): slots_of(item) for item in HELD}
    sys.stdout.write(json.dumps({"markers": 0, "slotted": 0}) + "\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        sys.stdout.write(json.dumps({"slots": slots, "caches": caches, "open": [str(id(one)) for one in OPEN]}) + "\n")
        sys.stdout.flush()


main()

"""A random heap from a seed: objects of many types that refer to each other at random.

As a program: ``native_graph.py SEED:SIZE [SEED:SIZE ...]`` holds one heap per argument.
"""

import collections
import random
import sys
import threading
import types
import weakref

TEXTS = ("plain", "é", "\u20ac", "\U0001f600", "", "a" * 70, "\u20ac" * 300)


class Node:
    """Attributes in any order, by any way."""


class SlotNode:
    """Slots."""

    __slots__ = ("__weakref__", "a", "b", "c")


class ListNode(list):
    """A list with attributes."""


class DictNode(dict):
    """A dict with attributes."""


class IntNode(int):
    """An int with attributes."""


class TupleNode(tuple):  # noqa: SLOT001 - that is the point
    """A tuple with attributes."""


class OpenSlotNode(list):
    """A list with attributes, some of them in slots."""

    __slots__ = ("__dict__", "a1", "a3")


class OpenDictNode(DictNode):
    """A dict with attributes, some of them in slots."""

    __slots__ = ("a2", "b")


class OrderedNode(collections.OrderedDict):
    """An OrderedDict with attributes."""


OPEN = (Node, ListNode, DictNode, IntNode, TupleNode, OpenSlotNode, OpenDictNode, OrderedNode)


def text_of(random_, number):
    """A new str."""
    return random_.choice(TEXTS) + str(number)


def leaf(random_, number):
    """A value without references."""
    sign = random_.choice((-1, 1))
    return random_.choice(
        (
            lambda: text_of(random_, number),
            lambda: text_of(random_, number).encode("utf-8", "surrogatepass"),
            lambda: sign * (number << random_.randrange(200)),
            lambda: number / 3,
            lambda: bytearray(random_.randrange(600)),
            lambda: complex(number, 1),
            object,
            lambda: None,
        )
    )()


def holder(random_, number, made):
    """A container of objects made before."""
    some = [random_.choice(made) for _ in range(random_.choice((0, 1, 2, 3, 8, 40)))]
    keys = [text_of(random_, number + place) for place in range(len(some))]
    numbers = [hash(key) % 1000 if random_.random() < 0.5 else key for key in keys]
    return random_.choice(
        (
            lambda: list(some),
            lambda: tuple(some),
            lambda: dict(zip(keys, some)),
            lambda: dict(zip(numbers, some)),
            lambda: set(keys),
            lambda: frozenset(numbers),
            lambda: collections.deque(some, random_.choice((None, 5, 100))),
            lambda: collections.OrderedDict(zip(keys, some)),
            lambda: ListNode(some),
            lambda: DictNode(zip(numbers, some)),
            lambda: DictNode(zip(keys, keys)),
            lambda: TupleNode(some),
            lambda: OpenSlotNode(some),
            lambda: OpenDictNode(zip(numbers, some)),
            lambda: OrderedNode(zip(keys, some)),
            lambda: IntNode(number),
            Node,
            Node,
            SlotNode,
            lambda: types.SimpleNamespace(**dict(zip(["n%d" % place for place in range(len(some))], some))),
            lambda: types.MappingProxyType(dict(zip(keys, some))),
            lambda: lambda: some,
            lambda: (value for value in some),
            lambda: slice(some, number, None),
            lambda: range(number, number << 70),
            lambda: iter(some),
            lambda: type("Made%d" % number, random_.choice(((), (Node,), (list,))), {"held": some}),
        )
    )()


def change(random_, made, number):
    """Change one object that exists."""
    chosen, value = random_.choice(made), random_.choice(made)
    kind = type(chosen)
    if kind in OPEN:
        change_attributes(random_, chosen, value, number)
    elif kind is SlotNode:
        setattr(chosen, random_.choice("abc"), value)
    elif kind is list:
        chosen.append(value) if random_.random() < 0.8 else chosen.clear()
    elif kind in (dict, collections.OrderedDict):
        key = random_.choice((number, text_of(random_, number)))
        chosen[key] = value
        if random_.random() < 0.2:
            chosen.pop(next(iter(chosen)))


def change_attributes(random_, chosen, value, number):
    """Add or remove an attribute, by one of the ways that Python has."""
    name = "a%d" % random_.choice((1, 2, 3, 3, 4, 5, random_.randrange(60)))
    way = random_.random()
    if isinstance(chosen, (list, tuple, dict)) and chosen and random_.random() < 0.3:
        value = random_.choice(list(chosen.values()) if isinstance(chosen, dict) else list(chosen))
    if way < 0.7:
        setattr(chosen, name, value)
    elif way < 0.8:
        vars(chosen).pop(name, None)
    elif way < 0.85:
        vars(chosen)
    elif way < 0.9:
        chosen.__dict__ = {name: value}
    elif way < 0.93:
        vars(chosen)[text_of(random_, number)] = value
    elif hasattr(chosen, name):
        delattr(chosen, name)


def built(seed, size):
    """Return the objects of one heap."""
    random_ = random.Random(seed)
    made = [leaf(random_, 0)]
    for number in range(size):
        way = random_.random()
        if way < 0.35:
            made.append(leaf(random_, number))
        elif way < 0.65:
            made.append(holder(random_, number, made[-200:]))
        elif way < 0.68:
            weak = [each for each in made[-50:] if type(each) in (Node, SlotNode, ListNode)]
            made.extend(weakref.ref(each) for each in weak[:3])
        else:
            change(random_, made, number)
    random_.shuffle(made)
    del made[size // 2 :]
    return made


def main():
    """Hold one heap per argument."""
    import probe

    heaps = [built(*map(int, argument.split(":"))) for argument in sys.argv[1:]]
    probe.make_markers()
    probe.start()
    threading.Event().wait()
    return heaps


if __name__ == "__main__":
    main()

"""Classes of every shape, and instances in every state of their attributes, for comparing one walker with another."""

import collections
import threading
import types

HELD = []


def hold(*values):
    """Keep values alive; returns the last one."""
    HELD.extend(values)
    return values[-1]


class Plain:
    """Attributes made in __init__."""

    def __init__(self, number):
        self.number = number
        self.text = "text %d" % number
        self.more = [number]


class Slotted:
    """No dict at all."""

    __slots__ = ("left", "right")


class SlottedWeak(Slotted):
    """Slots of a base and its own, one for weak references."""

    __slots__ = ("__weakref__", "extra")


class SlottedWithDict(Slotted):
    """Slots and a dict."""

    __slots__ = ("__dict__",)


class SlotsThenOpen(Slotted):
    """A subclass without slots."""


class Empty:
    """Instances that never get an attribute."""


class Wide:
    """More attributes than shared keys take."""

    def __init__(self, count):
        for number in range(count):
            setattr(self, "a%02d" % number, number)


class Lonely:
    """Each instance has a name of its own."""

    def __init__(self, number):
        setattr(self, "only_%d" % number, number)


class Meta(type):
    """A metaclass with attributes."""

    registry = []  # noqa: RUF012 - no annotations here

    def __new__(mcs, name, bases, namespace):
        """Note the class."""
        made = super().__new__(mcs, name, bases, namespace)
        mcs.registry.append(made)
        return made


class Made(metaclass=Meta):
    """Made by a metaclass."""

    def __init__(self):
        self.a = 1


class SubList(list):
    """A list with attributes."""


class SubDict(dict):
    """A dict with attributes."""


class SubOrdered(collections.OrderedDict):
    """An OrderedDict with attributes."""


class SubDefault(collections.defaultdict):
    """A defaultdict with attributes."""


class SubSet(set):
    """A set with attributes."""


class SubFrozen(frozenset):
    """A frozenset with attributes."""


class SubStr(str):  # noqa: SLOT000 - that is the point
    """A str with attributes."""


class SubBytes(bytes):
    """Bytes with attributes."""


class SubBytearray(bytearray):
    """A bytearray with attributes."""


class SubInt(int):
    """An int with attributes."""


class SubFloat(float):
    """A float with attributes."""


class SubComplex(complex):
    """A complex with attributes."""


class SubTuple(tuple):  # noqa: SLOT001 - that is the point
    """A tuple with attributes."""


class SubError(ValueError):
    """An exception with attributes."""


class SubModule(types.ModuleType):
    """A module with a class of its own."""


class SubDeque(collections.deque):
    """A deque with attributes."""


class SubThread(threading.Thread):
    """A thread with attributes."""


class SlottedList(list):
    """A list without attributes."""

    __slots__ = ()


class SlottedTuple(tuple):
    """A tuple without attributes."""

    __slots__ = ()


class SlottedDict(dict):
    """A dict without attributes."""

    __slots__ = ("one",)


class SlottedInt(int):
    """An int without attributes: no GC, a heap type."""

    __slots__ = ()


class ManySizes(tuple):
    """Tuples of more different lengths than are told apart."""

    __slots__ = ()


class SlottedStr(str):
    """A str without attributes: no GC, a heap type."""

    __slots__ = ()


class Bare:
    """No references at all: an object without GC."""

    __slots__ = ()


class Hostile:
    """Nothing of it may run."""

    def __len__(self):
        raise SystemExit("called")

    def __sizeof__(self):
        raise SystemExit("called")

    def __eq__(self, other):
        raise SystemExit("called")

    def __hash__(self):
        return 7

    def __getattribute__(self, name):
        raise SystemExit("called")

    def __repr__(self):
        raise SystemExit("called")

    @property
    def __class__(self):
        raise SystemExit("called")


def sub_instances():
    """Instances of all subclasses of built-in types, with attributes and without."""
    made = [SubList([1, 2, 3]), SubDict(a=1), SubOrdered(a=1, b=[2]), SubDefault(list, {"k": [1]}), SubSet([1, 2])]
    made += [SubFrozen([3]), SubStr("text é"), SubBytes(b"bytes"), SubBytearray(b"more"), SubInt(10**30), SubFloat(1.5)]
    made += [SubComplex(1j), SubTuple((1, [2])), SubError("bad", 5), SubModule("m"), SubDeque([1, [2]], 5)]
    made += [SubInt(0), SubInt(-5), SubTuple(), SubStr(""), SubStr("x" * 3000), SubList(), SubDict(), SubSet(range(99))]
    for number, each in enumerate(made):
        if number % 3 != 2:
            each.attribute = [number]
            each.other = str(number)
    made += [
        SlottedList([1]),
        SlottedTuple((1, 2)),
        SlottedDict(a=1),
        SlottedInt(5),
        SlottedInt(1 << 70),
        Bare(),
        Bare(),
    ]
    made += [ManySizes(range(number)) for number in range(600)]
    made += [SlottedStr("abc"), SlottedStr("\u20ac" * 20)]
    mixed = SubDict()
    mixed[5] = [6]
    mixed["t"] = (1, [])
    mixed[()] = None
    made += [mixed, {1: [2], "a": ["b"], None: None}, SubDict.fromkeys(range(300))]
    return made


def class_shapes():
    """Instances in every state of their attributes."""
    plain = [Plain(number) for number in range(60)]
    for number in range(12):
        setattr(plain[0], "late_%d" % number, number)
    del plain[1].text
    del plain[2].number, plain[2].text, plain[2].more
    plain[3].__dict__["by_dict"] = 1
    vars(plain[4])
    plain[5].__dict__ = {"replaced": [1]}
    plain[6].__dict__ = SubDict(other=[2])
    shared = {"shared": 1}
    plain[7].__dict__ = shared
    plain[8].__dict__ = shared
    plain[9].__dict__.update({"x%d" % n: n for n in range(40)})
    plain[10].__dict__[11] = "not a str"
    plain[12].number = plain[12]
    plain[13].__dict__.clear()
    kept = plain[14].__dict__
    hold(kept)
    made = list(plain)
    made += [Wide(count) for count in (1, 6, 28, 29, 30, 31, 33, 80)]
    made += [Lonely(number) for number in range(50)]
    made += [Empty() for _ in range(5)] + [Made(), Hostile(), Meta("Late", (Made,), {})()]
    for kind in (Slotted, SlottedWeak, SlottedWithDict, SlotsThenOpen):
        for number in range(4):
            each = kind()
            if number % 2:
                each.left = [number]
            if number > 1 and hasattr(each, "__dict__"):
                each.open = number
            made.append(each)
    return made

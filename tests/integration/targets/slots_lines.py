"""Shapes of classes that differ in how they were written: lines of classes, slots that are there already, dataclasses, private names.

Never measures. Keeps to the syntax of Python 3.8. ``kind`` is "plain", "twin" or "leaf", see slots_measure.Shape.
"""

import dataclasses
import functools
import weakref

from slots_measure import Shape


def levels(depth, each=2, bare=()):
    """A line of classes, each with attributes of its own but those whose level is ``bare``."""

    def define(kind):
        made = object
        for level in range(depth):
            names = () if level in bare else tuple("l%d_%d" % (level, number) for number in range(each))
            made = extended(made, names, kind == "twin" or (kind == "leaf" and level == depth - 1))
        return made

    return define


def extended(base, names, slotted):
    """A subclass that sets more attributes in its __init__, as code does that a person wrote."""
    lines = ["class Level(base):", "    if slotted:", "        __slots__ = names", "    def __init__(self):"]
    lines += ["        super().__init__()"] + ["        self.%s = None" % name for name in names]
    space = {"base": base, "names": names, "slotted": slotted, "__name__": __name__}
    exec(_compiled("\n".join(lines)), space)
    return space["Level"]


@functools.lru_cache(maxsize=None)
def _compiled(text):
    return compile(text, __file__, "exec")


def leaf_of_two(kind):
    """A base with two attributes and a leaf with two more: the example of semantics of partial conversion."""

    class Base:
        if kind == "twin":
            __slots__ = ("a", "b")

        def __init__(self):
            self.a = self.b = None

    class Leaf(Base):
        if kind != "plain":
            __slots__ = ("c", "d")

        def __init__(self):
            super().__init__()
            self.c = self.d = None

    return Leaf


def family(kind):
    """A base with instances, and two subclasses with different names."""

    class Base:
        if kind == "twin":
            __slots__ = ("a",)

        def __init__(self):
            self.a = None

    class One(Base):
        if kind == "twin":
            __slots__ = ("b", "c")

        def __init__(self):
            super().__init__()
            self.b = self.c = None

    class Two(Base):
        if kind == "twin":
            __slots__ = ("d",)

        def __init__(self):
            super().__init__()
            self.d = None

    One.relatives = [Base(), Two()]
    return One


def redeclared(kind):
    """A slotted base under a class with a dict that has one of the base's names again."""

    class Base:
        __slots__ = ("a", "b")

    class Leaf(Base):
        if kind == "twin":
            __slots__ = ("c",)

        def __init__(self):
            self.a = self.b = self.c = None

    return Leaf


def slots_and_dict(names, dynamic):
    """Slots for some names, and a dict for others."""

    def define(kind):
        class Both:
            __slots__ = (*names, "__dict__") if kind == "plain" else (*names, *dynamic)

            def __init__(self):
                for name in (*names, *dynamic):
                    setattr(self, name, None)

        return Both

    return define


def slotted_already(kind):
    """Slots, weakly referenceable: nothing to do."""

    class Slotted:
        __slots__ = ("__weakref__", "a", "b")

        def __init__(self):
            self.a = self.b = None

    return Slotted


def private(kind):
    """Names that the interpreter mangles, in two classes of a line."""

    class Base:
        if kind == "twin":
            __slots__ = ("__hidden", "shown")

        def __init__(self):
            self.__hidden = self.shown = None

    class Leaf(Base):
        if kind == "twin":
            __slots__ = ("__hidden", "more")

        def __init__(self):
            super().__init__()
            self.__hidden = self.more = None

    return Leaf


def weak(names):
    """Weakly referenced, so the twin has a slot for that."""

    def define(kind):
        class Weak:
            if kind != "plain":
                __slots__ = (*names, "__weakref__")

            def __init__(self):
                for name in names:
                    setattr(self, name, None)

        return Weak

    return define


def some_weak(held):
    """Refer weakly to a few."""
    return [weakref.ref(each) for each in held[::7]]


def data(**options):
    """A dataclass, without slots and with them, written by hand as before 3.10."""

    def define(kind):
        class Item:
            if kind == "twin":
                __slots__ = ("address", "age", "name")

            def __init__(self):
                pass

        del Item.__init__
        Item.__annotations__ = {"name": str, "age": int, "address": str}
        return dataclasses.dataclass(**options)(Item)

    return define


def three_nones(cls, number):
    """Call with three arguments."""
    return cls(None, None, None)


def bare_annotations(kind):
    """@dataclass(slots=True), which makes a new class."""
    space = {"__annotations__": {"name": str, "age": int}, "__module__": __name__}
    made = type("Item", (), space)
    return dataclasses.dataclass(made, slots=True) if kind == "twin" else dataclasses.dataclass(made)


LINES = [
    Shape("levels_1", levels(1)),
    Shape("levels_2", levels(2), kinds=("plain", "twin", "leaf")),
    Shape("levels_3", levels(3)),
    Shape("levels_4", levels(4)),
    Shape("levels_4_of_8", levels(4, 8)),
    Shape("levels_with_bare_base", levels(2, 3, bare=(0,))),
    Shape("levels_with_bare_leaf", levels(3, 2, bare=(2,))),
    Shape("leaf_of_two", leaf_of_two, kinds=("plain", "twin", "leaf")),
    Shape("family", family),
    Shape("slotted_base", redeclared),
    Shape("slots_and_dict", slots_and_dict("ab", "xyz")),
    Shape("slots_and_empty_dict", slots_and_dict("abc", "")),
    Shape("slots_and_dict_over_thirty", slots_and_dict("ab", ["d%d" % one for one in range(33)])),
    Shape("slotted_already", slotted_already),
    Shape("private_names", private),
    Shape("weakly_referenced", weak("abc"), after=some_weak),
    Shape("weakly_referenced_eight", weak("abcdefgh"), after=some_weak),
    Shape("dataclass", data(), three_nones),
    Shape("dataclass_frozen", data(frozen=True), three_nones),
    Shape("dataclass_ordered", data(order=True, unsafe_hash=True), three_nones),
    Shape("dataclass_slots", bare_annotations, lambda cls, number: cls(None, None), since=(3, 10)),
]

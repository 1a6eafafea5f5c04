"""Shapes of classes that differ in their attributes: how many, who sets them, when, in which order, and what was done to the dict.

Never measures. Keeps to the syntax of Python 3.8. ``kind`` is "plain", "twin" or "leaf", see slots_measure.Shape.
"""

import copy
import copyreg
import io
import pickle
import sys
import types

from slots_measure import Shape


def numbered(count):
    """A class with so many attributes, set by __init__."""
    names = ["a%d" % number for number in range(count)]
    lines = ["class Numbered:", "    if kind != 'plain':", "        __slots__ = %r" % (tuple(names),)]
    lines += ["    def __init__(self):"] + ["        self.%s = None" % name for name in names or ["__class__"]]
    if not names:
        lines[-1] = "        pass"
    code = compile("\n".join(lines), __file__, "exec")

    def define(kind):
        space = {"kind": kind, "__name__": __name__}
        exec(code, space)
        return space["Numbered"]

    return define


three = numbered(3)


def setting(names, late=()):
    """A class with these attributes, and how late ones are added; the twin has slots for all."""

    def define(kind):
        class Late:
            if kind != "plain":
                __slots__ = tuple(names) + tuple(late)

            def __init__(self):
                for name in names:
                    setattr(self, name, None)

        return Late

    return define


def changed(change, every=1):
    """Make an instance and change every so-manieth."""

    def make(cls, number):
        made = cls()
        if number % every == 0:
            change(made, number)
        return made

    return make


def add(*names):
    """A change that adds attributes."""
    return lambda made, number: [setattr(made, name, None) for name in names] and None


def permuted(cls, number):
    """Alternately two orders."""
    made = cls.__new__(cls)
    for name in ("a", "b", "c", "d") if number % 2 else ("d", "c", "b", "a"):
        setattr(made, name, None)
    return made


NAMES = [sys.intern("only_%d" % number) for number in range(1200)]


def unique(cls, number):
    """An attribute that no other instance has."""
    made = cls()
    setattr(made, NAMES[number], None)
    return made


def delete_a(made, number):
    """Drop the first attribute."""
    if number % 10:
        del made.a


def polluted(position, names=24):
    """One instance with many more attributes."""

    def make(cls, number):
        made = cls()
        if number == position:
            for extra in range(names):
                setattr(made, "extra_%d" % extra, None)
        return made

    return make


def read_dict(made, number):
    """Ask for the dict as a program does."""
    if hasattr(made, "__dict__"):
        vars(made)


def replace_dict(made, number):
    """Give it another dict."""
    if hasattr(made, "__dict__"):
        made.__dict__ = {"a0": None, "a1": None, "a2": None}


def update_dict(cls, number):
    """Set attributes through the dict."""
    made = cls.__new__(cls)
    if hasattr(made, "__dict__"):
        made.__dict__.update(a0=None, a1=None, a2=None)
    else:
        made.a0 = made.a1 = made.a2 = None
    return made


def unpickled(cls, number):
    """Come out of a pickle of protocol 2, as from another process."""
    return Found(io.BytesIO(PICKLES[cls]), cls).load()


PICKLES = {}


class Found(pickle.Unpickler):
    """Finds the class at once: names of modules that pickle keeps would be counted as the instances'."""

    def __init__(self, file, cls):
        super().__init__(file)
        self.cls = cls

    def find_class(self, module, name):
        """Return the class under test, and what pickle needs to make an instance."""
        return getattr(copyreg, name) if module == "copyreg" else self.cls


def known_to_pickle(cls):
    """Put the class where pickle looks for it, and have its slots' names listed, which pickle and copy keep."""
    module = sys.modules.setdefault(cls.__module__, types.ModuleType(cls.__module__))
    setattr(module, cls.__qualname__, cls)
    copyreg._slotnames(cls)
    PICKLES[cls] = pickle.dumps(cls(), 2)


ATTRIBUTES = [
    Shape("attributes_%d" % count, numbered(count))
    for count in (0, 1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 16, 20, 21, 22, 28, 29, 30, 31, 35, 40)
]
PATTERNS = [
    Shape("set_in_a_loop", setting("abcde")),
    Shape("permuted", setting("abcd"), permuted),
    Shape("late_one", setting("abc", "x"), changed(add("x"))),
    Shape("late_two", setting("abc", "xy"), changed(add("x", "y"))),
    Shape("late_on_some", setting("abc", "x"), changed(add("x"), 5)),
    Shape("extra_three_on_some", setting("abc", "xyz"), changed(add("x", "y", "z"), 4)),
    Shape("deleted_on_some", setting("abcd"), changed(lambda made, number: delattr(made, "b"), 20)),
    Shape("deleted_on_most", setting("abcd"), changed(delete_a)),
    Shape(
        "deleted_and_set_again", setting("abc"), changed(lambda made, number: (delattr(made, "a"), add("a")(made, 0)))
    ),
    Shape("unique", three, unique, kinds=("plain",), exact=False),
    Shape(
        "polluted_early",
        setting("abc", ["extra_%d" % one for one in range(24)]),
        polluted(2),
        kinds=("plain",),
        exact=False,
    ),
    Shape(
        "polluted_late",
        setting("abc", ["extra_%d" % one for one in range(24)]),
        polluted(60),
        kinds=("plain",),
        exact=False,
    ),
    Shape("polluted_a_little", setting("abc", ["extra_0", "extra_1"]), polluted(2, 2), count=15, early=True),
    Shape("first_thirty", three, count=30, early=True),
    Shape("first_five", three, count=5, early=True),
    Shape("only_one", numbered(8), count=1, early=True),
]
STATES = [
    Shape("dict_read", three, changed(read_dict)),
    Shape("dict_read_on_some", three, changed(read_dict, 3)),
    Shape("dict_read_of_eight", numbered(8), changed(read_dict)),
    Shape(
        "dict_read_then_late",
        setting("abc", "xy"),
        changed(lambda made, n: (read_dict(made, n), add("x", "y")(made, n))),
    ),
    Shape("dict_updated", three, update_dict),
    Shape("dict_replaced", three, changed(replace_dict)),
    Shape("copied", three, lambda cls, number: copy.copy(cls()), prepare=known_to_pickle),
    Shape("copied_deeply", three, lambda cls, number: copy.deepcopy(cls()), prepare=known_to_pickle),
    Shape("unpickled", three, unpickled, prepare=known_to_pickle),
    Shape("unpickled_eight", numbered(8), unpickled, prepare=known_to_pickle),
    Shape("dict_read_of_thirty_one", numbered(31), changed(read_dict)),
]

"""Shapes of classes whose bases are built-in types: containers, numbers, texts, exceptions.

Never measures. Keeps to the syntax of Python 3.8. ``kind`` is "plain" or "twin", see slots_measure.Shape.
"""

import collections
import datetime as dt
import sys

from slots_measure import Shape

NEW = sys.version_info >= (3, 15)


def subclass(base, names):
    """A subclass of a built-in type with these attributes."""

    def define(kind):
        class Sub(base):
            if kind != "plain":
                __slots__ = tuple(names)

        return Sub

    return define


def made_with(names, *arguments):
    """Call the class and set the attributes."""

    def make(cls, number):
        made = cls(*arguments)
        for name in names:
            setattr(made, name, None)
        return made

    return make


def of_length(kinds, names=()):
    """Call the class with one of several values in turn: what they contain lies in the instance."""

    def make(cls, number):
        made = cls(kinds[number % len(kinds)])
        for name in names:
            setattr(made, name, None)
        return made

    return make


def sub(label, base, names, *arguments, **options):
    """A shape of a subclass."""
    return Shape(label, subclass(base, names), made_with(names, *arguments), **options)


def named(kind):
    """A subclass of a named tuple."""

    class Point(collections.namedtuple("Pair", "x y")):  # noqa: SLOT002, PYI024 - that is the point
        if kind == "twin":
            __slots__ = ()

    return Point


def exception_with_init(kind):
    """An exception that sets attributes."""

    class Failed(Exception):
        if kind == "twin":
            __slots__ = ("code", "reason")

        def __init__(self):
            self.code = self.reason = None

    return Failed


def first_table(made):
    """Up to 3.9, an instance of a subclass of dict has a table before anything is in it."""
    return [40 + 8 + 5 * 24] if sys.version_info < (3, 10) else []


def text_block(made):
    """The text of an instance of a subclass of str lies in a block of its own."""
    return [len(made) + 1]


TEXTS = ["", "a", "abc", "x" * 40]
BYTES = [b"", b"a", b"abc", b"x" * 40, b"y" * 700]
INTS = [0, 1, -1, 1 << 40, 1 << 70, -(1 << 100)]
TUPLES = [(), (None,), (None,) * 2, (None,) * 5, (None,) * 70]

NATIVE = [
    sub("list", list, ""),
    sub("list_attributes_2", list, "ab"),
    sub("list_attributes_8", list, "abcdefgh"),
    sub("dict", dict, "", contents=first_table),
    sub("dict_attributes_2", dict, "ab", contents=first_table),
    sub("set_attributes_2", set, "ab"),
    sub("frozenset_attributes_1", frozenset, "a"),
    sub("float", float, "", 1.5),
    sub("float_attributes_2", float, "ab", 1.5),
    sub("complex_attributes_1", complex, "a", 1j),
    Shape("str", subclass(str, ""), of_length(TEXTS), contents=text_block),
    Shape("str_attributes_2", subclass(str, "ab"), of_length(TEXTS, "ab"), contents=text_block),
    Shape("bytes", subclass(bytes, ""), of_length(BYTES)),
    Shape("bytes_attributes_1", subclass(bytes, "a"), of_length(BYTES, "a"), kinds=("plain",)),
    Shape("int", subclass(int, ""), of_length(INTS)),
    Shape("int_attributes_1", subclass(int, "a"), of_length(INTS, "a"), kinds=("plain",)),
    Shape("tuple", subclass(tuple, ""), of_length(TUPLES)),
    Shape(
        "tuple_attributes_2",
        subclass(tuple, "ab"),
        of_length(TUPLES, "ab"),
        kinds=("plain", "twin") if NEW else ("plain",),
    ),
    Shape("named_tuple", named, lambda cls, number: cls(None, None)),
    sub("bytearray_attributes_1", bytearray, "a"),
    sub("datetime_attributes_1", dt.timedelta, "a", 5),
    sub("ordered_dict_attributes_1", collections.OrderedDict, "a", contents=first_table),
    sub("default_dict_attributes_1", collections.defaultdict, "a", contents=first_table),
    sub("exception", Exception, ""),
    sub("exception_attributes_2", Exception, "ab"),
    sub("os_error_attributes_2", OSError, "ab"),
    sub("exception_attributes_7", ValueError, "abcdefg"),
    Shape("exception_with_init", exception_with_init),
    sub("list_attributes_30", list, ["a%d" % number for number in range(30)]),
]

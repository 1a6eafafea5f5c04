"""Instances that refer to one object in several ways: as attribute, item, key, in a slot; for comparing one walker with another."""

from native_classes import SubDefault, SubDeque, SubDict, SubList, SubOrdered, SubTuple


class SlottedAndOpen(dict):
    """A dict with slots and a dict of attributes."""

    __slots__ = ("__dict__", "one", "two")


class SlottedListAndOpen(list):
    """A list with a slot and attributes."""

    __slots__ = ("__dict__", "one")


def REPEATED():  # noqa: N802 - one object, and what a defaultdict takes
    """What instances refer to in several ways."""


def repeated_in(kind, content, number):
    """An instance that refers to one object in several ways: attribute, item, key, slot; some have a dict object."""
    made = kind(content)
    names = ("a", "b", "one", "c", "two")[: 1 + number % 5]
    for name in names if number < 5 else names[::-1]:
        setattr(made, name, REPEATED if name != "c" else "c")
    if number % 2:
        vars(made)
    if number % 4 == 3:
        made.one = vars(made)
    return made


def repeated():
    """Instances whose attributes are also what they hold as a container: which of the two was shown must not matter."""
    text, number = "repeated %d" % id(REPEATED), 5 << 40
    lists = ([REPEATED, 1, REPEATED], ["c", REPEATED], [REPEATED] * 5, [])
    dicts = (
        {REPEATED: REPEATED, 1: REPEATED},
        {"a": text, text: text},
        {"a": "c", "c": "c"},
        {number: number, text: REPEATED},
        {text: REPEATED},
        {"a": REPEATED, "b": REPEATED, "c": "c"},
        {},
    )
    made = []
    for step in range(10):
        made += [
            repeated_in(kind, each, step)
            for kind in (SubList, SlottedListAndOpen, SubTuple, SubDeque)
            for each in lists
        ]
        made += [repeated_in(kind, each, step) for kind in (SubDict, SubOrdered, SlottedAndOpen) for each in dicts]
        made += [repeated_in(lambda each: SubDefault(REPEATED, each), each, step) for each in dicts]
    asked = SubDict({"a": text, text: text})
    asked.a = text
    asked.get(0)  # the table looks up any key from now on, up to 3.10
    large = SubList([REPEATED] * 70000)
    large.a = REPEATED
    vars(large)
    return [*made, asked, large]

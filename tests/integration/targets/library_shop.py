"""Classes of an application, in a module that neither copies nor pickles them: library_corpus.py does."""

import dataclasses
import enum


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Order:
    number: int
    lines: list = dataclasses.field(default_factory=list)
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Price:
    amount: int
    currency: str = "EUR"


@dataclasses.dataclass
class Copied:
    a: int


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y


class Pickled(Point):
    pass


class Watched(Point):
    pass


class Tree:
    def __init__(self, name, parent=None):
        self.name = name
        self.parent = parent
        self.children = []

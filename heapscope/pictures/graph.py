"""A graph to be drawn: boxes with a few lines of text, arrows with a label. Values only.

Texts are foreign: whoever writes a graph escapes them for its language (text.py).
"""

from __future__ import annotations

import dataclasses
import enum

MAX_NODES = 400  # nobody can look at more, and layouts take more than linear time
MAX_EDGES = 1200


class Look(enum.StrEnum):
    """What a box stands for; every look has a shape or a mark of its own besides its colour."""

    ROOT = "root"
    OBJECT = "object"
    ASKED = "asked"
    MORE = "more"
    """Not an object: says that something is left out."""


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A box. ``key`` is a word of ASCII letters, digits and underscores, and not foreign."""

    key: str
    lines: tuple[str, ...]
    look: Look = Look.OBJECT


@dataclasses.dataclass(frozen=True, slots=True)
class Edge:
    """An arrow between two keys. ``is_dashed``: not one reference, but what leads there in several ways."""

    source: str
    target: str
    label: str = ""
    is_dashed: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Graph:
    """A picture's content, in a stable order. ``title`` says what it shows; ``note`` what it leaves out."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    note: str = ""

"""Names in ``__slots__``: which are allowed, and how the line is written.

Never puts text of a target into the line unless it is an identifier. No I/O.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable

from heapscope.analysis.slots.model import ChangeKind, ClassChange


def is_slot_name(name: str) -> bool:
    """Tell whether a name can be a slot."""
    return name.isidentifier()


def is_dunder(name: str) -> bool:
    """Tell whether a name is reserved by the language."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def unmangle(name: str, class_name: str) -> str:
    """Give the spelling inside of the class: ``_Cache__data`` is ``__data`` in ``class Cache``."""
    bare = class_name.rpartition(".")[2].lstrip("_")
    prefix = f"_{bare}__"
    if bare and name.startswith(prefix) and not name.endswith("__") and len(name) > len(prefix):
        return name[len(prefix) - 2 :]
    return name


def slots_line(names: Iterable[str], class_name: str) -> str:
    """Write the statement for the class body; empty if a name cannot be a slot."""
    spelled = [unmangle(name, class_name) for name in names]
    if not all(is_slot_name(name) and not keyword.iskeyword(name) for name in spelled):
        return ""
    quoted = [f'"{name}"' for name in spelled]
    return f"__slots__ = ({quoted[0]},)" if len(quoted) == 1 else f"__slots__ = ({', '.join(quoted)})"


def change_line(change: ClassChange) -> str:
    """Write what a class statement must say: a line of its body, or its decorator; empty if a name cannot be a slot.

    A cached property keeps its name, so that its value needs a slot of another one.
    """
    if change.kind is ChangeKind.ATTRS:
        return "@attrs.define"
    if change.kind is ChangeKind.DATACLASS:
        return "@dataclass(slots=True, weakref_slot=True)" if change.keeps_weakref else "@dataclass(slots=True)"
    more = ["__dict__"] * change.keeps_dict + ["__weakref__"] * change.keeps_weakref
    cached = set(change.cached_properties)
    names = [f"_{name.lstrip('_')}" if name in cached else name for name in change.names]
    return slots_line([*names, *more], change.type_name)

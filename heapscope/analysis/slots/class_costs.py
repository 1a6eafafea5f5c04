"""What the class itself costs more with ``__slots__``, once, however many instances there are: about, not to the byte.

Never looks at instances. No I/O.

A slotted class has a member definition, a descriptor and an entry in ``__slots__`` per name, and more entries in its namespace;
it has no table of keys to share among instances, and no descriptors for ``__dict__`` and ``__weakref__``.
"""

from __future__ import annotations

from collections.abc import Collection

from heapscope.analysis.slots.layout import Version, keys_bytes
from heapscope.analysis.slots.model import kinds_by_name
from heapscope.snapshot.model import TypeInfo

_PER_NAME = 40 + 64 + 8  # PyMemberDef in the type, member descriptor with GC header, word in the tuple
_DESCRIPTOR = 64  # of __dict__ or of __weakref__
_LOST = ("__dict__", "__weakref__")


def class_bytes(info: TypeInfo, names: Collection[str], version: Version) -> int:
    """Give how much larger one class becomes when it declares ``names``; below zero where it becomes smaller."""
    kinds = kinds_by_name(info)
    new = [name for name in names if kinds.get(name) != "member_descriptor"]
    lost = [name for name in _LOST if kinds.get(name) == "getset_descriptor"]
    grown = -info.shared_keys_bytes
    if version <= (3, 14):  # later ones have one descriptor for all classes
        grown -= _DESCRIPTOR * len(lost)
    if new:
        grown += _PER_NAME * len(new) + _tuple_head(version) * (not info.has_slots)
    return (
        grown
        + _namespace(len(kinds) - len(lost) + len(new) + (not info.has_slots), version)
        - _namespace(len(kinds), version)
    )


def _tuple_head(version: Version) -> int:
    return 40 if version <= (3, 13) else 48


def _namespace(count: int, version: Version) -> int:
    """Give the table of a class's namespace: made with __qualname__ in it, which is removed, but its place is not."""
    return keys_bytes(count + 1, version)
